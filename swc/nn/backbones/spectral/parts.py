"""Shared by encoder and decoder: compressed magnitudes, and layers that start small."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from swc.config import ModelConfig, SpectralConfig
from swc.dsp.spectral import FLOOR

START = 0.02  # size of the trunks' last projections at the start, so that the linear maps lead


def compress(magnitude: Tensor, exponent: float) -> Tensor:
    """c = |X|^exponent, of any shape; a logarithm and an exponential take a quarter of the time of a power on a CPU."""
    return magnitude.clamp_min(FLOOR).log().mul(exponent).exp()


@torch.no_grad()
def correction(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer whose outputs are small at first."""
    layer = nn.Linear(inputs, outputs)
    layer.weight.mul_(START)
    layer.bias.zero_()
    return layer


def backbone_of(config: ModelConfig) -> SpectralConfig:
    """The `[backbone]` of a model of this kind."""
    if not isinstance(config.backbone, SpectralConfig):
        raise TypeError(f"the backbone is of kind {config.backbone.kind!r}, not spectral")
    return config.backbone
