"""Latents of the spectral encoder: the same in training as at inference, whatever else is in the batch."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from swc.config import Config
from swc.nn.backbones.spectral import SpectralEncoder


@pytest.fixture(scope="module")
def settled(tiny_config: Path) -> SpectralEncoder:
    torch.manual_seed(0)
    encoder = SpectralEncoder(Config.from_toml(tiny_config).model)
    with torch.no_grad():
        audio = noise(64)
        for _ in range(700):  # settle the running statistics
            encoder.encode(audio[torch.randint(0, 64, (4,))])
    return encoder


@pytest.fixture
def encoder(settled: SpectralEncoder) -> SpectralEncoder:
    return copy.deepcopy(settled)


def noise(n: int) -> torch.Tensor:
    """Noise at many levels, so that recordings differ in mean and power (n, samples)."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 256 * 8, generator=generator) * torch.rand(n, 1, generator=generator)


def test_training_sees_the_latents_of_inference(encoder: SpectralEncoder) -> None:
    audio = noise(64)
    trained = encoder.encode(audio[:3])
    alone = encoder.encode(audio[:1])
    inferred = encoder.eval().encode(audio[:3])
    scale = float(inferred.detach().square().mean().sqrt())
    assert float((trained - inferred).detach().abs().max()) < 0.1 * scale
    assert float((alone - inferred[:1]).detach().abs().max()) < 0.1 * scale
    # and they are neither centred nor scaled by themselves
    assert float(inferred[0].detach().mean(0).abs().mean()) > 0.1


def test_running_statistics_make_latents_of_mean_0_and_power_1(encoder: SpectralEncoder) -> None:
    z = encoder.eval().encode(noise(64)).detach()
    assert float(z.mean((0, 1)).abs().max()) < 0.2
    assert float(z.square().mean()) == pytest.approx(1, abs=0.2)


def test_neither_a_constant_nor_a_scale_is_a_way_to_a_lower_loss(encoder: SpectralEncoder) -> None:
    audio = noise(8)
    weights = torch.randn(16, generator=torch.Generator().manual_seed(2))
    z = encoder.encode(audio)
    (z * weights * torch.linspace(0, 1, 8)[:, None, None]).sum().backward()
    bias, slope = encoder.linear.bias.grad, encoder.linear.weight.grad
    along = (slope * encoder.linear.weight).sum() + (encoder.project.weight.grad * encoder.project.weight).sum()
    assert float(bias.abs().max()) < 1e-3 * float(slope.abs().max())
    assert float(along.detach().abs()) < 1e-3 * float(slope.norm() * encoder.linear.weight.detach().norm())
