"""Prediction of latents from the previous ones (predictive vector quantization, Cuperman & Gersho 1985).

A predictive quantizer codes innovations: the difference of a latent from a linear prediction from the previous decoded
one. The decoder adds up. A run of latents that is decoded by itself, such as a chunk, starts from zero.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swc.dsp.codes import accumulate


class Predictor(nn.Linear):
    """Predicts a latent (..., D) from the decoded one before it, (..., D)."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim, dim, bias=False)

    def innovations(self, z: Tensor, error: Tensor | float = 0.0) -> Tensor:
        """The innovations of runs of latents (B, L, D), if quantizing them leaves `error`: (B, L, D)."""
        return z - F.pad(self((z - error)[:, :-1]), (0, 0, 1, 0))

    def latents(self, innovations: Tensor) -> Tensor:
        """Runs of decoded latents from their decoded innovations: (B, L, D) -> (B, L, D)."""
        latents: Tensor = accumulate(innovations, self)
        return latents

    @torch.no_grad()
    def fit(self, z: Tensor, decoded: Tensor) -> None:
        """Least squares of latents on the previous decoded ones: runs (B, L, D)."""
        before, after = decoded[:, :-1].flatten(0, 1), z[:, 1:].flatten(0, 1)
        normal = before.t() @ before
        normal.diagonal().add_(1e-4 * normal.diagonal().mean() + 1e-12)
        self.weight.copy_(torch.linalg.solve(normal, before.t() @ after).t())


class NoPredictor(nn.Module):
    """No prediction: latents are coded directly."""

    def innovations(self, z: Tensor, error: Tensor | float = 0.0) -> Tensor:
        """The latents."""
        return z

    def latents(self, innovations: Tensor) -> Tensor:
        """The latents."""
        return innovations

    def fit(self, z: Tensor, decoded: Tensor) -> None:
        """Nothing to fit."""
