"""Matrix products whose rows do not depend, to the bit, on how many there are.

A BLAS has kernels of their own for a few rows, which add up in another order. With one of them a latent would get other
codes by itself than among others.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

FEWEST = 16  # from so many rows on, MKL takes one kernel for rows of up to 512 numbers


def by_row(product: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """A matrix product of each row of x (..., D), as it is among FEWEST rows or more: (..., outputs)."""
    rows = x.reshape(-1, x.shape[-1])
    n = len(rows)
    out = product(rows if n >= FEWEST else F.pad(rows, (0, 0, 0, FEWEST - n)))[:n]
    return out.reshape(*x.shape[:-1], out.shape[-1])
