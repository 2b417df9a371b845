"""STFT and its inverse against torch's own and against their definitions."""

from __future__ import annotations

import pytest
import torch

from swc.dsp.stft import analyse, overlap_add, synthesise
from swc.nn.layers.stft import analyse_power, mel_filterbank

WINDOW = torch.hann_window(512)


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(2, samples, generator=torch.Generator().manual_seed(seed))


def test_analysis_equals_torch_stft() -> None:
    x = noise(128 * 20)
    theirs = torch.stft(x, 512, 128, window=WINDOW, return_complex=True, pad_mode="constant").transpose(1, 2)
    assert torch.allclose(analyse(x, WINDOW, 128), theirs[:, :20], atol=1e-4)


def test_synthesis_inverts_analysis_to_the_last_sample() -> None:
    x = noise(128 * 20)
    y = synthesise(analyse(x, WINDOW, 128), WINDOW, 128)
    assert y.shape == x.shape
    assert torch.allclose(y[:, :-384], x[:, :-384], atol=1e-4)
    # the last frames lack their right neighbours, yet what is there must still be the signal, not a fade
    assert torch.allclose(y, x, atol=1e-2)


def test_overlap_add_of_ones_counts_frames() -> None:
    total = overlap_add(torch.ones(1, 5, 8), 2)[0]
    assert total.tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 3, 3, 2, 2, 1, 1]


def test_mel_filters_peak_at_one_and_overlap_to_one() -> None:
    bank = mel_filterbank(44100, 8192, 40)
    assert bank.shape == (40, 4097)
    assert 0.9 < float(bank.max()) <= 1
    inside = bank[:, 50:3500].sum(0)
    assert torch.allclose(inside, torch.ones_like(inside), atol=1e-4)  # neighbours' slopes add up to one


@pytest.mark.parametrize("n", [6, 7, 64])
def test_power_and_its_gradient_are_those_of_the_spectrum(n: int) -> None:
    x, window = noise(40).double(), torch.hann_window(n, dtype=torch.float64)
    weight = torch.rand(n // 2 + 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = []
    for power in (lambda y: analyse(y, window, 2).abs().square(), lambda y: analyse_power(y, window, 2)):
        y = x.clone().requires_grad_()
        p = power(y)
        ((p + 0.1).log() * weight).sum().backward()
        assert y.grad is not None
        found.append((p, y.grad))
    for theirs, ours in zip(*found, strict=True):
        assert torch.allclose(theirs, ours, atol=1e-9)
