"""Weighting: a basis of the latents in which what is audible is large, so that codes are spent on it.

The encoder looks for the codes whose latents are nearest. How much an error is heard depends on its direction: J^T J of
the decoder's Jacobian J, averaged over decoded latents, says what it does to compressed magnitudes, which are close to
loudness. With distances by (J^T J)^p in place of I, directions are weighed for what they do; p = 1 would be right for
errors so small that the decoder is linear, and those of a few codes are not. (Sensitivity matrices: Gardner & Rao 1995,
"Theoretical analysis of the high-rate vector quantization of LPC parameters".)

Nothing needs to know of it: encoder, codebooks, router, predictor and decoder are all linear where they meet the
latents, so they change to the new basis, and the same codes still give the same audio.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from swc.nn.model import CodecModel
from swc.training.validation import quantize_windows

POWER = 0.25
PROBES = 8  # random directions of the magnitudes that each batch is differentiated in


@dataclass(frozen=True)
class Weighting:
    """What directions of the latents weighed.

    Attributes:
        sensitivity: eigenvalues of J^T J, as shares of their mean, rising.
    """

    sensitivity: tuple[float, ...]

    def __str__(self) -> str:
        return f"directions of the latents {self.sensitivity[0]:.2f} to {self.sensitivity[-1]:.2f} of the mean audible"


def weigh(model: CodecModel, batches: Iterable[Tensor], experts: int, generator: torch.Generator) -> Weighting:
    """Change a model's latents to a basis that weighs errors by how audible they are.

    Args:
        model: all of its parts are changed.
        batches: crops (B, samples), decoded with...
        experts: ... so many experts in every window, searched for as by default.
        generator: of the probes.
    """
    gram = covariance = torch.zeros((), dtype=torch.float64)
    for audio in batches:
        with torch.no_grad():
            z = model.encoder(audio)
            decoded = quantize_windows(model, z, experts).requires_grad_()
        covariance = covariance + _gram(z)
        with torch.enable_grad():
            magnitudes = model.decoder.compressed(decoded)
        for _ in range(PROBES):
            probe = torch.randn(magnitudes.shape, generator=generator).to(magnitudes)
            (gradient,) = torch.autograd.grad(magnitudes, decoded, probe, retain_graph=True)
            gram = gram + _gram(gradient)
    values, vectors = torch.linalg.eigh(gram)
    values = (values / values.mean()).clamp_min(1e-3)  # so that the basis has an inverse
    basis = vectors @ torch.diag(values.pow(POWER / 2)) @ vectors.t()
    basis *= (covariance.trace() / (basis @ covariance @ basis.t()).trace()).sqrt()  # as much power as before
    model.change_basis(basis)
    return Weighting(tuple(round(x, 3) for x in values.tolist()))


def _gram(rows: Tensor) -> Tensor:
    """Sum of the outer products of vectors (..., D) with themselves: (D, D), float64 on the CPU."""
    flat = rows.detach().flatten(0, -2)
    return (flat.t() @ flat).double().cpu()
