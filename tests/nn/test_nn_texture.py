"""Texture in the treble: random where it should be, alike wherever a frame is decoded, and no further than stated."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from swc.config import Config
from swc.dsp.phase import integrate_phase, peaks
from swc.dsp.stft import analyse, synthesise
from swc.dsp.texture import ITERATIONS, NOISY, offsets, refine
from swc.nn.backbones.spectral import SpectralDecoder

N, HOP, RATE = 512, 128, 16000
WINDOW = torch.hann_window(N)
FIRST = math.ceil(NOISY * N / RATE)  # bin


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> SpectralDecoder:
    from tiny import TINY

    path: Path = tmp_path_factory.mktemp("texture") / "config.toml"
    path.write_text(TINY)
    torch.manual_seed(0)
    return SpectralDecoder(Config.from_toml(path).model).eval()


def latents(length: int, seed: int = 0) -> Tensor:
    return torch.randn(2, length, 16, generator=torch.Generator().manual_seed(seed))


def magnitudes(frames: int) -> Tensor:
    return torch.rand(2, frames, N // 2 + 1, generator=torch.Generator().manual_seed(1)) ** 3


def angles(frames: int) -> Tensor:
    return torch.from_numpy(offsets(frames, N, RATE))


def inconsistency(spectrum: Tensor) -> float:
    """Energy of what an STFT of the waveform differs by, as a share, edges left out."""
    again = analyse(synthesise(spectrum, WINDOW, HOP), WINDOW, HOP)
    return float(((again - spectrum)[:, 6:-6].norm() / spectrum[:, 6:-6].norm()) ** 2)


def test_offsets_are_uniform_above_a_frequency_and_zero_below() -> None:
    angle = angles(200)
    assert bool((angle[:, :FIRST] == 0).all())
    noisy = angle[:, FIRST:]
    assert 0 <= float(noisy.min()) < float(noisy.max()) < 2 * math.pi
    assert float(torch.polar(torch.ones_like(noisy), noisy).mean().abs()) < 0.02
    assert torch.equal(angles(50), angle[:50])


def test_offsets_turn_peaks_with_their_flanks() -> None:
    magnitude = 0.5 + 0.5 * magnitudes(20)  # no peak is sharp
    angle = angles(20)
    plain, turned = (integrate_phase(magnitude, N, HOP, 8, offset) for offset in (None, angle))
    peak = peaks((magnitude + 1e-8).log())
    by = turned * plain.conj()
    assert torch.allclose(by[peak < FIRST], torch.ones(()) + 0j, atol=1e-4)
    expected = angle.expand_as(magnitude).gather(-1, peak)
    assert torch.allclose(by, torch.polar(torch.ones_like(expected), expected), atol=1e-3)


@pytest.mark.parametrize("hertz", [NOISY + 1000, NOISY + 1015.6])
def test_tones_stay_tones_among_noise(hertz: float) -> None:
    t = torch.arange(RATE) / RATE
    noise = torch.randn(1, RATE, generator=torch.Generator().manual_seed(0))
    magnitude = analyse(torch.sin(2 * math.pi * hertz * t)[None] + 0.03 * noise, WINDOW, HOP).abs()
    smooth = torch.nn.functional.avg_pool2d(magnitude[:, None], (9, 1), 1, (4, 0))[:, 0]
    plain, turned = (integrate_phase(smooth, N, HOP, None, o) for o in (None, angles(smooth.shape[1])))
    at = round(hertz * N / RATE)
    assert torch.equal(plain[..., at - 1 : at + 2], turned[..., at - 1 : at + 2])
    assert not torch.allclose(plain[..., at + 20 :], turned[..., at + 20 :], atol=0.5)


def test_iterations_keep_magnitudes_and_make_phases_fit() -> None:
    magnitude = magnitudes(60)
    spectrum = magnitude * integrate_phase(magnitude, N, HOP, None, angles(60))
    refined = refine(spectrum, WINDOW, HOP)
    assert torch.allclose(refined.abs(), magnitude, rtol=1e-3, atol=1e-6)
    assert inconsistency(refined) < 0.8 * inconsistency(spectrum)


def test_iterations_leave_the_spectrum_of_a_signal_as_it_is() -> None:
    audio = torch.randn(1, 60 * HOP, generator=torch.Generator().manual_seed(0))
    spectrum = analyse(audio, WINDOW, HOP)
    assert torch.allclose(refine(spectrum, WINDOW, HOP)[:, :50], spectrum[:, :50], atol=1e-2)
    silence = torch.zeros(1, 9, N // 2 + 1, dtype=torch.complex64)
    assert torch.equal(refine(silence, WINDOW, HOP), silence)


def test_smooth_treble_no_longer_rings(decoder: SpectralDecoder) -> None:
    c = torch.full((1, 160, N // 2 + 1), 0.5)
    c[..., FIRST:] += 0.1 * torch.rand(N // 2 + 1 - FIRST, generator=torch.Generator().manual_seed(0))

    def steadiness(audio: Tensor) -> float:
        """How well each bin above the frequency is foretold by the same bin a few frames ago."""
        x = analyse(audio, WINDOW, N)[:, 2:-2, FIRST + 4 :]
        x = x / x.abs()
        return float((x[:, 1:] * x[:, :-1].conj()).mean(1).abs().mean())

    with torch.no_grad():
        assert steadiness(decoder.render(decoder.spectrum(c))) > 0.6
        assert steadiness(decoder.refined(decoder.textured(c))) < 0.35


def test_equal_channels_stay_equal_and_chunks_begin_alike(decoder: SpectralDecoder) -> None:
    z = latents(40)[:1]  # one chunk
    with torch.no_grad():
        c = decoder.compressed(z).expand(3, -1, -1)
        one, *others = decoder.refined(decoder.textured(c))
        assert all(torch.allclose(one, other, atol=1e-5) for other in others)
        twice = decoder.textured(torch.cat((c, c), 1)) * decoder.spectrum(torch.cat((c, c), 1)).conj()
        assert torch.allclose(twice[:, :80], twice[:, 80:], atol=1e-2 * float(twice.abs().max()))


def test_decoding_a_run_is_synthesis_of_its_chunks(decoder: SpectralDecoder) -> None:
    z = latents(9)  # less than half a window, in which no phases restart
    with torch.no_grad():
        (synthesised,) = decoder.synthesise([z], 40, 20)
        assert torch.allclose(synthesised, decoder.decode(z), atol=1e-5)


def test_a_frame_reaches_no_further_than_stated(decoder: SpectralDecoder) -> None:
    magnitude = magnitudes(80)
    spectrum = magnitude * integrate_phase(magnitude, N, HOP)
    changed = spectrum.clone()
    changed[:, 40] *= -1
    a, b = (decoder.refined(s) for s in (spectrum, changed))
    touched = (a != b).any(0).nonzero().flatten()
    reach = (1 + ITERATIONS) * N
    assert 40 * HOP - reach <= int(touched.min()) < 40 * HOP - N, "further than without iterations"
    assert 40 * HOP + N < int(touched.max()) < 41 * HOP + reach
    before, after = decoder.overlap(20)
    assert min(before, after) >= reach


def test_gradients_reach_magnitudes_as_without(decoder: SpectralDecoder) -> None:
    c = decoder.compressed(latents(8)).detach().requires_grad_()
    decoder.render(decoder.spectrum(c)).square().sum().backward()
    assert c.grad is not None
    assert float(c.grad.abs().sum()) > 0
