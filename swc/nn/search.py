"""Encoder-side search: which experts, and which codes, leave the least residual.

Mask and codes are transmitted, so a decoder does not care how they were chosen; what is found here is free quality.
Greedy choice of experts stands in for the router's top-k, and a beam over the stages for the nearest code of each
(M-best search for residual vector quantization, e.g. Chan & Gersho 1991).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from swc.nn.codebook import distances

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
def search(quantizer: Revq, z: Tensor, experts: Tensor, window: int, effort: Effort) -> tuple[Tensor, Tensor]:
    """Masks and codes of runs of latents, each of which is decoded by itself.

    Args:
        quantizer: with its codebooks, router and predictor.
        z: runs of latents (B, L, D).
        experts: k_r of their windows (B, W), W = ceil(L / window).
        window: latents a window; the last one may be shorter.
        effort: how hard to search.

    Returns:
        bool (B, W, N_r) with k_r set in each row, int64 (B, stages, L) with -1 where an expert is not chosen.
    """
    masks, codes = [], []
    full = z.shape[1] // window * window
    said = quantizer.innovations(z)  # as if quantizing left no error: enough to choose experts by
    for part, target, k, length in (
        (z[:, :full], said[:, :full], experts[:, : full // window], window),
        (z[:, full:], said[:, full:], experts[:, full // window :], z.shape[1] - full),
    ):
        if part.shape[1] > 0:
            mask = _mask(quantizer, _windows(part, length), _windows(target, length), k.flatten(), effort.stride)
            masks.append(mask.reshape(*k.shape, -1))
            if quantizer.predictor is None:
                found = beam_codes(quantizer, _windows(part, length), mask, effort.beam)
                codes.append(found.reshape(*k.shape, -1, length).transpose(1, 2).flatten(2))
    mask = torch.cat(masks, 1)
    return mask, torch.cat(codes, 2) if codes else _codes_in_turn(quantizer, z, mask, window, effort.beam)


def _windows(x: Tensor, length: int) -> Tensor:
    """(B, W * length, D) -> (B * W, length, D)."""
    return x.reshape(-1, length, x.shape[-1])


def _mask(quantizer: Revq, z: Tensor, target: Tensor, experts: Tensor, stride: int) -> Tensor:
    """Masks (B, N_r) of windows of latents (B, T, D) with `target` to quantize: searched for, or the router's."""
    return (
        greedy_mask(quantizer, target[:, ::stride], experts) if stride else quantizer.top(quantizer.scores(z), experts)
    )


def _codes_in_turn(quantizer: Revq, z: Tensor, mask: Tensor, window: int, width: int) -> Tensor:
    """Codes (B, stages, L) of runs (B, L, D), each latent's after those of the one that it is predicted from."""
    codes, before = [], torch.zeros_like(z[:, 0])
    for t, latent in enumerate(z.unbind(1)):
        if t % window == 0:
            stages = _stages(quantizer, mask[:, t // window], 1)
        found, residual = _beam(stages, latent - quantizer.predict(before), width)
        codes.append(found)
        before = latent - residual
    return torch.stack(codes, 2)


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
    energies = [book.energy for book in books]
    residual = z
    for book in books[:shared]:
        residual = residual - book.code[book.nearest(residual)]
    mask = (experts >= routed)[:, None].repeat(1, routed)  # nothing to choose where all are taken
    most = int(torch.where(experts < routed, experts, 0).max()) if len(experts) else 0
    for taken in range(most):
        rows = ((experts > taken) & (experts < routed)).nonzero().flatten()
        r = residual[rows]
        # |r - c|^2 - |r|^2 at the nearest code, summed over the window: (rows, N_r)
        gains = [
            _nearest_distance(r, book.code, energy).sum(1)
            for book, energy in zip(books[shared:], energies[shared:], strict=True)
        ]
        best = torch.stack(gains, 1).masked_fill(mask[rows], torch.inf).argmin(1)
        mask[rows, best] = True
        for expert in torch.unique(best).tolist():
            book, mine = books[shared + expert], rows[best == expert]
            residual[mine] = residual[mine] - book.code[book.nearest(residual[mine])]
    return mask


@torch.no_grad()
def dense_greedy_mask(quantizer: Revq, z: Tensor, experts: Tensor, most: int) -> Tensor:
    """`greedy_mask` for a GPU: every expert on every window, so that nothing waits to see what was chosen.

    Args:
        quantizer: with its codebooks.
        z: windows of latents (B, T, D).
        experts: k_r of each window (B,), not above `most` < N_r.
        most: how many experts to choose at most.

    Returns:
        bool (B, N_r) with k_r set in each row.
    """
    (B, T, D), shared, routed = z.shape, len(quantizer.shared), len(quantizer.experts)
    residual = z
    for book in quantizer.books()[:shared]:
        residual = residual - book.code[book.nearest(residual)]
    code = torch.cat([book.code for book in quantizer.books()[shared:]])
    energy, number = code.square().sum(1), torch.arange(routed, device=z.device)
    mask = torch.zeros(B, routed, dtype=torch.bool, device=z.device)
    for taken in range(most):
        distance = distances(residual.reshape(-1, D), code, energy).reshape(B, T, routed, -1)
        gain, nearest = distance.min(-1)
        best = gain.sum(1).masked_fill(mask, torch.inf).argmin(1)
        on = experts > taken
        mask = mask | ((number == best[:, None]) & on[:, None])
        chosen = nearest.gather(2, best[:, None, None].expand(B, T, 1))[..., 0] + best[:, None] * distance.shape[-1]
        residual = residual - torch.where(on[:, None, None], code[chosen], 0.0)
    return mask


def _nearest_distance(r: Tensor, code: Tensor, energy: Tensor) -> Tensor:
    """Squared distance to the nearest code (size, D), less the vector's own square: (n, T, D) -> (n, T)."""
    n, T, D = r.shape
    return distances(r.reshape(-1, D), code, energy).amin(1).reshape(n, T)


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
    codes, _ = _beam(_stages(quantizer, mask, T), z.reshape(-1, D), width)
    return codes.reshape(B, T, -1).transpose(1, 2)


class _Stage(NamedTuple):
    """A codebook with the vectors that it serves; no `rows` stand for all of them."""

    code: Tensor  # (size, D)
    energy: Tensor  # (size,)
    rows: Tensor | None  # (n,)


def _stages(quantizer: Revq, mask: Tensor, length: int) -> list[_Stage | None]:
    """The stages of windows (B, N_r), for vectors (B * length, D) of their latents; None where no window has it."""
    stages: list[_Stage | None] = []
    shared, time = len(quantizer.shared), torch.arange(length, device=mask.device)
    for stage, book in enumerate(quantizer.books()):
        on = mask[:, stage - shared] if stage >= shared else torch.ones_like(mask[:, 0])
        windows = on.nonzero().flatten()
        rows = None if len(windows) == len(on) else (windows[:, None] * length + time).flatten()
        stages.append(_Stage(book.code, book.energy, rows) if len(windows) else None)
    return stages


def _beam(stages: list[_Stage | None], z: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """The best of `width` paths for vectors (n, D): codes (n, stages), -1 where not chosen, and residual (n, D)."""
    first = stages[0]
    if first is None or first.rows is not None:
        raise ValueError("the first stage serves every vector")
    n, D = z.shape
    width = min(width, len(first.energy))
    code = distances(z, first.code, first.energy).topk(width, largest=False).indices
    residual = z[:, None] - first.code[code]
    # of each stage: its vectors, and for each path parent and code
    steps: list[tuple[int, Tensor | None, Tensor, Tensor]] = [(0, None, torch.zeros_like(code), code)]
    for index, stage in enumerate(stages[1:], 1):
        if stage is None:
            continue
        r = residual if stage.rows is None else residual[stage.rows]
        distance = distances(r.reshape(-1, D), stage.code, stage.energy).reshape(*r.shape[:2], -1)
        distance += r.square().sum(-1, keepdim=True)
        best = distance.flatten(1).topk(width, largest=False).indices
        parent = best // len(stage.energy)
        code = best - parent * len(stage.energy)
        r = r.gather(1, parent[..., None].expand(-1, -1, D)) - stage.code[code]
        if stage.rows is None:
            residual = r
        else:
            residual[stage.rows] = r
        steps.append((index, stage.rows, parent, code))
    path = residual.square().sum(-1).argmin(1)
    residual = residual[torch.arange(n, device=z.device), path]
    codes = torch.full((n, len(stages)), -1, device=z.device)
    for index, rows, parent, code in reversed(steps):
        here = (path if rows is None else path[rows])[:, None]
        said, before = code.gather(1, here)[:, 0], parent.gather(1, here)[:, 0]
        if rows is None:
            codes[:, index], path = said, before
        else:
            codes[rows, index], path[rows] = said, before
    return codes, residual
