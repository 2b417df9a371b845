"""Matrix products whose rows do not depend, to the bit, on the other rows.

A BLAS has special kernels for a few rows, which add up in another order than those for many. With these a latent that
is coded together with others would now and then get another code than by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

import torch
from torch import Tensor

Counts = Sequence[int] | None
"""The number of consecutive rows in each group; None if all are one group."""


def by_group(product: Callable[[Tensor], Tensor], x: Tensor, counts: Counts) -> Tensor:
    """A product of each row of x (n, D), rounded as if each group were by itself: groups of many rows go together."""
    few = max(8, x.shape[1] // 16)  # MKL uses its kernels for a few rows only below that
    if counts is None or min(counts, default=few) >= few:
        return product(x)
    sizes: list[int] = []
    for many, group in groupby(counts, key=lambda count: count >= few):
        alike = list(group)
        sizes += [sum(alike)] if many else alike
    return torch.cat([product(part) for part in torch.split(x, sizes) if len(part)])


def counted(group: Tensor | None, rows: Tensor | None, times: int) -> Counts:
    """The number of vectors of each group, for `by_group`.

    Args:
        group: of windows or runs, counted from 0 and rising (B,); None if all are of one group.
        rows: those that are present, rising; None means all.
        times: vectors of each.
    """
    if group is None:
        return None
    present = group if rows is None else group[rows]
    return [times * count for count in torch.bincount(present).tolist()]
