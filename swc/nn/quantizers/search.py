"""Encoder-side search for the experts and the codes that leave the least residual.

Mask and codes are transmitted, so a decoder does not care how they were chosen: quality found here is free.
A greedy choice of experts replaces the router's top-k, and a beam over the stages the nearest code of each (see
`swc.nn.quantizers.beam`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from swc import native
from swc.nn.layers.rows import Counts, counted
from swc.nn.quantizers import native_search
from swc.nn.quantizers.codebook import Codebook, distances


@dataclass(frozen=True)
class Effort:
    """How hard to search.

    Attributes:
        stride: every so many latents of a window take part in choosing its experts; 0 leaves that to the router.
        beam: paths that the search for codes keeps.
    """

    stride: int
    beam: int


EFFORTS = (Effort(0, 1), Effort(3, 16), Effort(1, 64))
"""The meaning of the encoder's efforts 0, 1 and 2."""


@torch.no_grad()
def greedy_mask(books: Sequence[Codebook], z: Tensor, k: Tensor, group: Tensor | None = None) -> Tensor:
    """Masks grown one expert at a time, each the one that removes most residual energy.

    Args:
        books: N_r experts' codebooks.
        z: windows of latents, minus the shared codes (B, T, D).
        k: k_r of each window (B,).
        group: of each window, see `counted` (B,).

    Returns:
        bool (B, N_r) with k_r set in each row.
    """
    experts, residual = len(books), z
    if native.serves(z):
        tables = [book.packed for book in books], [book.packed_key for book in books]
        return native_search.experts(*tables, z, torch.where(k < experts, k, 0)) | (k >= experts)[:, None]
    each, energies = [(book, *book.key) for book in books], [book.energy for book in books]
    mask = (k >= experts)[:, None].repeat(1, experts)  # no choice if all are taken
    most = int(torch.where(k < experts, k, 0).max()) if len(k) else 0
    for taken in range(most):
        rows = ((k > taken) & (k < experts)).nonzero().flatten()
        r = residual[rows]  # (rows, T, D)
        # |r - c|^2 - |r|^2 at the nearest code, summed over the window: (rows, N_r)
        counts = counted(group, rows, z.shape[1])
        gains = [_nearest_distance(r, b.code, energy, counts).sum(1) for b, energy in zip(books, energies, strict=True)]
        best = torch.stack(gains, 1).masked_fill(mask[rows], torch.inf).argmin(1)
        mask[rows, best] = True
        for expert in torch.unique(best).tolist():
            (book, key, offset), mine = each[expert], rows[best == expert]
            residual = residual.clone() if residual is z else residual
            r = residual[mine]
            nearest = distances(r.flatten(0, 1), key, offset, counted(group, mine, z.shape[1])).argmin(1)
            residual[mine] = r - book.code[nearest].reshape(r.shape)
    return mask


@torch.no_grad()
def dense_greedy_mask(books: Sequence[Codebook], z: Tensor, k: Tensor, most: int) -> Tensor:
    """`greedy_mask` for a GPU: every expert on every window, so that nothing waits for a choice.

    Args:
        books: N_r experts' codebooks.
        z: windows of latents, minus the shared codes (B, T, D).
        k: k_r of each window (B,), not above `most` < N_r.
        most: the most experts to choose.

    Returns:
        bool (B, N_r) with k_r set in each row.
    """
    (B, T, D), experts, residual = z.shape, len(books), z
    code = torch.cat([book.code for book in books])  # (N_r * size, D)
    energy, number = code.square().sum(1), torch.arange(experts, device=z.device)
    mask = torch.zeros(B, experts, dtype=torch.bool, device=z.device)
    for taken in range(most):
        distance = distances(residual.reshape(-1, D), code, energy).reshape(B, T, experts, -1)
        gain, nearest = distance.min(-1)  # (B, T, N_r)
        best = gain.sum(1).masked_fill(mask, torch.inf).argmin(1)  # (B,)
        on = k > taken
        mask = mask | ((number == best[:, None]) & on[:, None])
        chosen = nearest.gather(2, best[:, None, None].expand(B, T, 1))[..., 0] + best[:, None] * distance.shape[-1]
        residual = residual - torch.where(on[:, None, None], code[chosen], 0.0)
    return mask


def _nearest_distance(r: Tensor, code: Tensor, energy: Tensor, counts: Counts) -> Tensor:
    """Squared distance to the nearest code (size, D), minus the vector's own square: (n, T, D) -> (n, T)."""
    n, T, D = r.shape
    return distances(r.reshape(-1, D), code, energy, counts).amin(1).reshape(n, T)
