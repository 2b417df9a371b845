"""STFT and mel filters against torch, published values of librosa, and geometry."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from swc.evaluation.spectra import hz_to_mel, mel_filters, mel_to_hz, stft_blocks, stft_magnitudes


@pytest.mark.parametrize("window", [2048, 512])
@pytest.mark.parametrize("samples", [2047, 44100, 90001])
def test_stft_is_torchs_centred_reflected_hann(window: int, samples: int) -> None:
    x = np.random.default_rng(samples).standard_normal(samples)
    expected = torch.stft(
        torch.from_numpy(x),
        window,
        window // 4,
        window=torch.hann_window(window, periodic=True, dtype=torch.float64),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    ).abs()
    np.testing.assert_allclose(stft_magnitudes(x, window), expected.T.numpy(), atol=1e-10)


def test_blocks_join_without_seam() -> None:
    x = np.random.default_rng(0).standard_normal(512 * 128 * 2 + 77)  # more than two blocks of frames
    sizes = [len(block) for block in stft_blocks(x, 512)]
    assert sum(sizes) == 1 + len(x) // 128
    assert len(sizes) == 3


def test_full_scale_sine_peaks_at_a_quarter_of_the_window() -> None:
    x = np.sin(2 * np.pi * 64 / 512 * np.arange(4096))
    middle = stft_magnitudes(x, 512)[16]
    assert middle.argmax() == 64
    assert middle.max() == pytest.approx(512 / 4, rel=1e-9)


@pytest.mark.parametrize("samples", [1, 2, 100])
def test_signals_shorter_than_the_padding(samples: int) -> None:
    assert stft_magnitudes(np.ones(samples), 2048).shape == (1, 1025)


def test_mel_scale_has_librosas_published_values() -> None:
    # From the examples of librosa.hz_to_mel and librosa.mel_frequencies(n_mels=40).
    np.testing.assert_allclose(hz_to_mel(np.array([60.0, 110, 220, 440])), [0.9, 1.65, 3.3, 6.6])
    frequencies = mel_to_hz(np.linspace(0, float(hz_to_mel(np.array(11025.0))), 40))
    published = [0.0, 85.317, 170.635, 255.952, 341.269]
    np.testing.assert_allclose(frequencies[:5], published, atol=6e-4)
    published = [938.49, 1024.856, 1119.114, 1222.042, 1334.436]
    np.testing.assert_allclose(frequencies[11:16], published, atol=6e-4)
    np.testing.assert_allclose(frequencies[-3:], [9246.028, 10096.408, 11025.0], atol=6e-4)


def test_mel_scale_inverts() -> None:
    hz = np.array([0.0, 10, 999.999, 1000, 1000.001, 5000, 22050])
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz)), hz, rtol=1e-12, atol=1e-9)


def test_filters_are_triangles_of_area_one() -> None:
    filters = mel_filters(44100, 16384, 40)  # bins far narrower than bands
    np.testing.assert_allclose(filters.sum(axis=1) * 44100 / 16384, 1.0, atol=5e-3)
    assert (filters >= 0).all()
    edges = mel_to_hz(np.linspace(0, float(hz_to_mel(np.array(22050.0))), 42))
    bins = np.arange(8193) * 44100 / 16384
    peaks = bins[filters.argmax(axis=1)]
    np.testing.assert_allclose(peaks, edges[1:-1], atol=44100 / 16384)
    for row, low, high in zip(filters, edges[:-2], edges[2:], strict=True):
        inside = bins[row > 0]
        assert low < inside.min()
        assert inside.max() < high
        assert row.max() == pytest.approx(2 / (high - low), rel=0.06)


def test_filters_of_the_distances() -> None:
    fine, coarse = mel_filters(44100, 2048, 150), mel_filters(44100, 512, 80)
    assert fine.shape == (150, 1025)
    assert coarse.shape == (80, 257)
    assert (fine.sum(axis=1) > 0).all()
    assert (coarse.sum(axis=1) > 0).all()
    with pytest.raises(ValueError, match="read-only"):
        fine[0, 0] = 1.0
