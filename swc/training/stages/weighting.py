"""Stage "weighting": a basis of the latents in which audible directions are large, so that codes are spent on them.

The encoder looks for the codes whose latents are nearest. How audible an error is depends on its direction: J^T J of
the decoder's Jacobian J, averaged over decoded latents, gives its effect on compressed magnitudes, which are close to
loudness. Distances by (J^T J)^p in place of I weight directions by their effect; p = 1 would be right for errors so
small that the decoder is linear, and those of a few codes are not. (Sensitivity matrices: Gardner & Rao 1995,
"Theoretical analysis of the high-rate vector quantization of LPC parameters".)

Nothing else changes: encoder, codebooks, router, predictor and decoder are all linear where they meet the
latents, so they change to the new basis, and the same codes still give the same audio.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from swc.nn.model import CodecModel
from swc.nn.quantizers.prediction import Predictor
from swc.nn.quantizers.revq import Revq
from swc.training.parts import parts_of
from swc.training.stages.stage import BatchSolver, Outcome
from swc.training.validation import quantize

POWER = 0.25
PROBES = 8  # random directions of the magnitudes that each batch is differentiated in


@dataclass(frozen=True)
class Weighting(Outcome):
    """How audible the directions of the latents were.

    Attributes:
        sensitivity: eigenvalues of J^T J, as shares of their mean, rising.
    """

    sensitivity: tuple[float, ...]

    def __str__(self) -> str:
        return f"directions of the latents {self.sensitivity[0]:.2f} to {self.sensitivity[-1]:.2f} of the mean audible"


class WeightingSolver(BatchSolver):
    """Decodes with the nominal k_r."""

    def measure(self, model: CodecModel, batches: Iterable[Tensor], generator: torch.Generator) -> Weighting:
        return weigh(model, batches, self.config.training.nominal_k, generator)


def weigh(model: CodecModel, batches: Iterable[Tensor], k: int, generator: torch.Generator) -> Weighting:
    """Change a model's latents to a basis that weighs errors by how audible they are.

    Args:
        model: all of its parts are changed.
        batches: crops (B, samples).
        k: k_r of every window when they are decoded, with the default search.
        generator: of the probes, on the CPU.
    """
    encoder, _, decoder = parts_of(model)
    gram = covariance = torch.zeros((), dtype=torch.float64)
    for audio in batches:
        with torch.no_grad():
            z = encoder.encode(audio)
            decoded = quantize(model, z, k).requires_grad_()
        covariance = covariance + _gram(z)
        with torch.enable_grad():
            magnitudes = decoder.compressed(decoded)
        for _ in range(PROBES):
            probe = torch.randn(magnitudes.shape, generator=generator).to(magnitudes)
            (gradient,) = torch.autograd.grad(magnitudes, decoded, probe, retain_graph=True)
            gram = gram + _gram(gradient)
    values, vectors = torch.linalg.eigh(gram)
    values = (values / values.mean()).clamp_min(1e-3)  # so that the basis has an inverse
    basis = vectors @ torch.diag(values.pow(POWER / 2)) @ vectors.t()
    basis *= (covariance.trace() / (basis @ covariance @ basis.t()).trace()).sqrt()  # as much power as before
    change_basis(model, basis)
    return Weighting(tuple(round(x, 3) for x in values.tolist()))


@torch.no_grad()
def change_basis(model: CodecModel, basis: Tensor) -> None:
    """Multiply all latents (..., D) by a matrix (D, D) from the left, in the weights of all parts.

    The same codes still decode to the same audio, except for rounding; the nearest codes change with the distances.
    Restart the averages of the codebooks afterwards.
    """
    encoder, quantizer, decoder = parts_of(model)
    basis = basis.to(encoder.mean.device, torch.float64)
    inverse = torch.linalg.inv(basis)
    for t in (encoder.linear.weight, encoder.project.weight, encoder.linear.bias, encoder.project.bias, encoder.mean):
        t.copy_(basis @ t.double())
    for book in quantizer.books():
        book.code.copy_(book.code.double() @ basis.t())
    router = [quantizer.router.weight] if isinstance(quantizer, Revq) else []
    for matrix in (*router, decoder.linear.weight, decoder.split.weight):
        matrix.copy_(matrix.double() @ inverse)
    if isinstance(quantizer.predictor, Predictor):
        quantizer.predictor.weight.copy_(basis @ quantizer.predictor.weight.double() @ inverse)


def _gram(rows: Tensor) -> Tensor:
    """Sum of the outer products of vectors (..., D) with themselves: (D, D), float64 on the CPU."""
    flat = rows.detach().flatten(0, -2)
    return (flat.t() @ flat).double().cpu()
