"""Encoder-side search: which experts, and which codes, leave the least residual.

Mask and codes are transmitted, so a decoder does not care how they were chosen; what is found here is free quality.
Greedy choice of experts stands in for the router's top-k, and a beam over the stages for the nearest code of each
(M-best search for residual vector quantization, e.g. Chan & Gersho 1991).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from swc.nn.revq import Revq


@dataclass(frozen=True)
class Effort:
    """How hard to search.

    Attributes:
        stride: every so many latents of a window decide on its experts; 0 leaves them to the router.
        beam: paths that the search for codes keeps.
    """

    stride: int
    beam: int


EFFORTS = {0: Effort(0, 1), 1: Effort(3, 16), 2: Effort(1, 64)}
"""What the encoder's `--effort` means."""
DEFAULT_EFFORT = 1


@torch.no_grad()
def search(quantizer: Revq, z: Tensor, experts: Tensor, effort: Effort) -> tuple[Tensor, Tensor]:
    """Masks and codes of windows of latents.

    Args:
        quantizer: with its codebooks and router.
        z: windows of latents (B, T, D).
        experts: k_r of each window (B,).
        effort: how hard to search.

    Returns:
        bool (B, N_r) with k_r set in each row, int64 (B, stages, T) as `Revq.encode` gives them.
    """
    if effort.stride:
        mask = greedy_mask(quantizer, z[:, :: effort.stride], experts)
    else:
        mask = quantizer.top(quantizer.scores(z), experts)
    return mask, beam_codes(quantizer, z, mask, effort.beam)


@torch.no_grad()
def greedy_mask(quantizer: Revq, z: Tensor, experts: Tensor) -> Tensor:
    """Masks grown one expert at a time, each the one that removes most residual energy.

    Args:
        quantizer: with its codebooks.
        z: windows of latents (B, T, D).
        experts: k_r of each window (B,).

    Returns:
        bool (B, N_r) with k_r set in each row.
    """
    books = quantizer.books()
    shared, routed = len(quantizer.shared), len(quantizer.experts)
    residual = z
    for book in books[:shared]:
        residual = residual - book.code[book.nearest(residual)]
    mask = (experts >= routed)[:, None].repeat(1, routed)  # nothing to choose where all are taken
    for taken in range(int(torch.where(experts < routed, experts, 0).max())):
        rows = ((experts > taken) & (experts < routed)).nonzero().flatten()
        r = residual[rows]
        # |r - c|^2 - |r|^2 at the nearest code, summed over the window: (rows, N_r)
        gains = [_nearest_distance(r, book.code).sum(1) for book in books[shared:]]
        best = torch.stack(gains, 1).masked_fill(mask[rows], torch.inf).argmin(1)
        mask[rows, best] = True
        for expert in torch.unique(best).tolist():
            book, mine = books[shared + expert], rows[best == expert]
            residual[mine] = residual[mine] - book.code[book.nearest(residual[mine])]
    return mask


def _nearest_distance(r: Tensor, code: Tensor) -> Tensor:
    """Squared distance to the nearest code, less the vector's own square: (n, T, D) -> (n, T)."""
    n, T, D = r.shape
    return torch.addmm(code.square().sum(1), r.reshape(-1, D), code.t(), alpha=-2).amin(1).reshape(n, T)


@torch.no_grad()
def beam_codes(quantizer: Revq, z: Tensor, mask: Tensor, width: int) -> Tensor:
    """Codes of the best of `width` paths through the chosen codebooks, in index order.

    Args:
        quantizer: with its codebooks.
        z: windows of latents (B, T, D).
        mask: chosen experts (B, N_r), bool.
        width: paths kept at each stage; 1 is the nearest code of each stage.

    Returns:
        int64 (B, stages, T) as `Revq.encode` gives them, -1 where an expert is not chosen.
    """
    B, T, D = z.shape
    books, shared = quantizer.books(), len(quantizer.shared)
    width = min(width, books[0].size)
    every = torch.arange(B, device=z.device)
    paths = torch.full((B, T, width, len(books)), -1, dtype=torch.int64, device=z.device)
    residual = z[:, :, None].repeat(1, 1, width, 1)
    alive = torch.full((width,), torch.inf, device=z.device)
    alive[0] = 0.0  # all paths start as one
    handicap = alive.expand(B, T, width).clone()
    for stage, book in enumerate(books):
        rows = every if stage < shared else mask[:, stage - shared].nonzero().flatten()
        if len(rows) == 0:
            continue
        r = residual[rows]
        distance = torch.addmm(book.code.square().sum(1), r.reshape(-1, D), book.code.t(), alpha=-2)
        energy = r.square().sum(-1) + handicap[rows]
        distance = distance.reshape(len(rows), T, width, -1).add_(energy[..., None])
        best, which = distance.flatten(2).topk(width, largest=False)
        parent, code = which // book.size, which % book.size
        chosen = r.gather(2, parent[..., None].expand(-1, -1, -1, D)) - book.code[code]
        history = paths[rows].gather(2, parent[..., None].expand(-1, -1, -1, len(books)))
        history[..., stage] = code
        residual[rows], paths[rows] = chosen, history
        handicap[rows] = torch.where(best.isinf(), torch.inf, 0.0)
    best = (residual.square().sum(-1) + handicap).argmin(-1)
    return paths.gather(2, best[..., None, None].expand(-1, -1, 1, len(books)))[:, :, 0].transpose(1, 2)
