"""Muon: steps of equal size in all directions of a matrix (Jordan et al. 2024, kellerjordan.github.io/posts/muon)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
SIZE = 0.4
"""Root mean square of a step's entries at a learning rate of 1, for square matrices.

Twice that of Liu et al. 2025 (arXiv 2502.16982), who match AdamW's.
"""
DECAY = 0.01  # of the weights, times the learning rate
SMALLEST = 20  # rows or columns of a matrix that is worth it
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315), 5
"""Coefficients of the polynomial that brings singular values close to 1, and how often it is applied."""


def is_hidden_matrix(parameter: nn.Parameter) -> bool:
    """Whether Muon suits it: a matrix, or a convolution's weights, with enough rows and columns."""
    return parameter.ndim >= 2 and min(len(parameter), parameter[0].numel()) >= SMALLEST


class Muon(torch.optim.Optimizer):
    """Descends along momentum with its singular values made equal; convolutions count as (outputs, the rest).

    `torch.optim.Muon` takes matrices alone, and computes in bfloat16.
    """

    def __init__(self, groups: list[dict[str, Any]], rate: float) -> None:
        super().__init__(groups, {"lr": rate})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step, by the gradients as they are."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._descend(parameter, parameter.grad, group["lr"])

    def _descend(self, parameter: Tensor, gradient: Tensor, rate: float) -> None:
        state = self.state[parameter]
        momentum = state.setdefault("momentum", torch.zeros_like(gradient))
        momentum.mul_(MOMENTUM).add_(gradient)
        direction = orthogonalise((gradient + MOMENTUM * momentum).flatten(1))  # Nesterov's
        parameter.mul_(1 - rate * DECAY)
        parameter.add_(direction.view_as(parameter), alpha=-rate * SIZE * max(direction.shape) ** 0.5)


def orthogonalise(matrix: Tensor) -> Tensor:
    """Nearly the closest matrix whose rows, or columns if they are fewer, are orthonormal: singular values .7 to 1.2.

    Newton-Schulz iterations x <- (a + b s + c s^2) x with s = x x'. The polynomials commute with s, so that all are
    multiplied at the smaller side's size, and only the last product has the size of the matrix.
    """
    (a, b, c), iterations = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    s = x @ x.T
    identity = torch.eye(len(s), dtype=x.dtype, device=x.device)
    product = identity
    for _ in range(iterations):
        polynomial = torch.addmm(a * identity + b * s, s, s, alpha=c)
        product = polynomial @ product
        s = polynomial @ s @ polynomial
    nearest: Tensor = product @ x
    return nearest.T if tall else nearest
