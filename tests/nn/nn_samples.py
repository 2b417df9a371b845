"""Small quantizers for the tests."""

from __future__ import annotations

from swc.config import ModelConfig, RevqConfig, SpectralConfig
from swc.nn.quantizers.revq import Revq


def revq(dim: int, **sizes: int | bool) -> Revq:
    """A quantizer of latents of `dim` numbers, with one shared codebook."""
    return Revq(ModelConfig("test", SpectralConfig(latent_dim=dim), RevqConfig(shared=1, **sizes)))  # type: ignore[arg-type]
