"""The network that gives the decoded spectrum its texture: where it starts, what it depends on, and its noise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import REFINED

from swc.config import Config, SpectralConfig
from swc.dsp.context import Context, segments
from swc.dsp.stft import analyse, synthesise
from swc.nn.backbones.spectral import SpectralDecoder
from swc.nn.backbones.spectral.refine import Refiner, noise_spectrum

CONFIG = SpectralConfig(n_fft=512, frame_hop=128, refine_blocks=2, refine_dim=8)
PERIOD = 80  # frames
WINDOW = torch.hann_window(512)


@pytest.fixture
def refiner() -> Refiner:
    torch.manual_seed(0)
    return Refiner(CONFIG, PERIOD)


@pytest.fixture
def trained(refiner: Refiner) -> Refiner:
    """One that changes much."""
    torch.nn.init.normal_(refiner.project.weight, std=0.2)
    return refiner


@pytest.fixture
def spectrum() -> torch.Tensor:
    """That of noise at the coding level, (2, 60, 257)."""
    generator = torch.Generator().manual_seed(1)
    return analyse(0.1 * torch.randn(2, 60 * 128, generator=generator), WINDOW, 128)


def decibels(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(10 * (a.abs().square().mean() / b.abs().square().mean()).log10())


@torch.no_grad()
def test_it_starts_from_next_to_nothing(refiner: Refiner, spectrum: torch.Tensor) -> None:
    out = refiner(spectrum, 0)
    assert out.shape == spectrum.shape
    assert decibels(spectrum, out - spectrum) > 20
    assert abs(decibels(out, spectrum)) < 0.3, "neither louder nor softer"


def test_gradients_reach_all_of_it(refiner: Refiner, spectrum: torch.Tensor) -> None:
    synthesise(refiner(spectrum, 0), WINDOW, 128).square().mean().backward()
    without = [name for name, p in refiner.named_parameters() if p.grad is None or not bool(p.grad.abs().max() > 0)]
    assert not without


def test_noise_is_white_and_of_power_1() -> None:
    power = noise_spectrum(4000, 512, 128).abs().square()
    assert float(power.mean()) == pytest.approx(1, abs=0.02)
    assert float((power.mean(0)[1:-1] - 1).abs().max()) < 0.15
    crest = power[:, 1:-1].square().mean() / power[:, 1:-1].mean().square()
    assert float(crest) == pytest.approx(2, abs=0.1), "Gaussian: power has the spread of an exponential"


def test_noise_is_that_of_a_signal_and_repeats_without_a_seam() -> None:
    noise = noise_spectrum(PERIOD, 512, 128)
    twice = torch.cat((noise, noise))[None]
    again = analyse(synthesise(twice, WINDOW, 128), WINDOW, 128)
    assert torch.allclose(again[:, 4:-4], twice[:, 4:-4], atol=1e-4)


@torch.no_grad()
def test_reach_is_as_far_as_anything_depends(trained: Refiner, spectrum: torch.Tensor) -> None:
    changed = spectrum.clone()
    changed[:, 30] *= -3
    differs = (trained(spectrum, 0) - trained(changed, 0)).abs().amax((0, 2)) > 1e-4
    frames = differs.nonzero().flatten()
    assert int(frames.min()) == 30 - trained.reach + 1
    assert int(frames.max()) == 30 + trained.reach


@torch.no_grad()
def test_texture_follows_the_noise(trained: Refiner, spectrum: torch.Tensor) -> None:
    one, other = trained(spectrum, 0), trained(spectrum, 7)
    assert decibels(one, one - other) < 30
    assert torch.equal(trained(spectrum, 7 + PERIOD), other)
    swapped = trained(spectrum.flip(0), 7).flip(0)
    assert torch.allclose(swapped, other, atol=1e-3), "all channels have the same noise"


@torch.no_grad()
def test_chunks_are_refined_as_the_whole_is(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(REFINED, encoding="utf-8")
    torch.manual_seed(0)
    decoder = SpectralDecoder(Config.from_toml(tmp_path / "config.toml").model)
    torch.nn.init.normal_(decoder.refiner.project.weight, std=0.2)
    chunks = torch.randn(1, 140, 16).split(40, 1)
    around = segments(chunks, 40, Context(20, 20))
    spectra = torch.cat([decoder._spectra(20, latents) for latents in around], 1)
    whole = decoder.refined(spectra)
    assert torch.allclose(torch.cat(list(decoder.synthesise(chunks, 40, 20)), 1), whole, atol=1e-3 * float(whole.std()))
