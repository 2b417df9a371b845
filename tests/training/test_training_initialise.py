"""The closed-form start."""

from __future__ import annotations

import torch

from swc.config import ModelConfig, RevqConfig, SpectralConfig
from swc.nn.quantizers.revq import Revq
from swc.training.initialise import fit_codebooks


def test_kmeans_start_leaves_less_residual_with_every_stage() -> None:
    torch.manual_seed(0)
    sizes = RevqConfig(shared=1, routed=6, codebook_bits=5, window=10)
    quantizer = Revq(ModelConfig("test", SpectralConfig(latent_dim=8), sizes)).eval()
    z = torch.randn(400, 10, 8, generator=torch.Generator().manual_seed(1))
    fit_codebooks(quantizer, z, torch.Generator().manual_seed(0))
    errors = [float(quantizer(z, torch.full((400, 1), k)).error) for k in (0, 2, 4, 6)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.5 * errors[0]
