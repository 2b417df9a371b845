"""Encoder-side search for the experts and the codes that leave the least residual.

Mask and codes are transmitted, so a decoder does not care how they were chosen: quality found here is free.
A greedy choice of experts replaces the router's top-k, and a beam over the stages the nearest code of each
(M-best search for residual vector quantization, e.g. Chan & Gersho 1991).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from swc.nn.layers.rows import Counts, by_group
from swc.nn.quantizers.codebook import Codebook, distances
from swc.nn.quantizers.prediction import Predictor
from swc.nn.quantizers.runs import Runs


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
    experts, energies, residual = len(books), [book.energy for book in books], z
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
            book, mine = books[expert], rows[best == expert]
            residual = residual.clone() if residual is z else residual
            residual[mine] -= book.code[book.nearest(residual[mine], counted(group, mine, z.shape[1]))]
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


def counted(group: Tensor | None, rows: Tensor | None, times: int) -> Counts:
    """The number of vectors of each group, for `distances`.

    Args:
        group: of windows or runs, counted from 0 and rising (B,); None if all are of one group.
        rows: those that are present, rising; None means all.
        times: vectors of each.
    """
    if group is None:
        return None
    present = group if rows is None else group[rows]
    return [times * count for count in torch.bincount(present).tolist()]


def _nearest_distance(r: Tensor, code: Tensor, energy: Tensor, counts: Counts) -> Tensor:
    """Squared distance to the nearest code (size, D), minus the vector's own square: (n, T, D) -> (n, T)."""
    n, T, D = r.shape
    return distances(r.reshape(-1, D), code, energy, counts).amin(1).reshape(n, T)


@torch.no_grad()
def beam_codes(books: Sequence[Codebook], z: Tensor, mask: Tensor, width: int, group: Tensor | None = None) -> Tensor:
    """Codes of the best of `width` paths through the chosen codebooks, in index order.

    Args:
        books: of all stages; shared ones first.
        z: windows of latents (B, T, D).
        mask: chosen experts (B, N_r), bool.
        width: paths kept at each stage; 1 is the nearest code of each stage.
        group: of each window, see `counted` (B,).

    Returns:
        int64 (B, stages, T), -1 where an expert is not chosen.
    """
    B, T, D = z.shape
    codes, _ = beam(stages_of(books, mask, T, width, group), z.reshape(-1, D), width)
    return codes.reshape(B, T, -1).transpose(1, 2)


@torch.no_grad()
def codes_in_turn(
    books: Sequence[Codebook], predictor: Predictor, runs: Runs, mask: Tensor, window: int, width: int
) -> Tensor:
    """Codes of runs of latents, each latent's after those of the latent it is predicted from.

    Args:
        books, width: as for `beam_codes`.
        predictor: of the latents.
        runs: of latents.
        mask: chosen experts of their windows (B, W, N_r), bool.
        window: latents a window.

    Returns:
        int64 (B, stages, L), -1 where an expert is not chosen, and after the end of a run.
    """
    codes = torch.full((len(runs.z), len(books), runs.z.shape[1]), -1, device=runs.z.device)
    live, previous, group = 0, torch.zeros_like(runs.z[:, 0]), runs.group
    for t, latents in enumerate(runs.z.unbind(1)):
        going_on = sum(length > t for length in runs.lengths)
        if going_on != live or t % window == 0:
            live, previous = going_on, previous[:going_on]
            group = None if group is None else group[:live]
            counts = counted(group, None, 1)
            stages = stages_of(books, mask[:live, t // window], 1, width, group)
        found, residual = beam(stages, latents[:live] - by_group(predictor, previous, counts), width)
        codes[:live, :, t] = found
        previous = latents[:live] - residual
    return codes


class Stage(NamedTuple):
    """A codebook with the vectors that it serves; without `rows` all of them. `counts` as for `distances`."""

    code: Tensor  # (size, D)
    key: tuple[Tensor, Tensor]  # that vectors are compared with, for `distances`
    rows: Tensor | None  # (n,)
    counts: Counts


def stages_of(
    books: Sequence[Codebook], mask: Tensor, length: int, width: int, group: Tensor | None = None
) -> list[Stage | None]:
    """The stages of windows, for vectors (B * length, D) of their latents; None where no window has it.

    Args:
        books: of all stages; shared ones first.
        mask: chosen experts (B, N_r), bool.
        length: latents of a window.
        width: of the beam; a single path takes the codes that `Codebook.nearest` gives, and more than one those that
            leave the least, which can be compared from path to path.
        group: of each window, see `counted` (B,).
    """
    stages: list[Stage | None] = []
    shared, time = len(books) - mask.shape[1], torch.arange(length, device=mask.device)
    for index, book in enumerate(books):
        on = mask[:, index - shared] if index >= shared else torch.ones_like(mask[:, 0])
        windows = on.nonzero().flatten()
        rows = None if len(windows) == len(on) else (windows[:, None] * length + time).flatten()
        counts = counted(group, None if rows is None else windows, length)
        key = book.key if width == 1 else (book.code, book.energy)
        stages.append(Stage(book.code, key, rows, counts) if len(windows) else None)
    return stages


@torch.no_grad()
def beam(stages: list[Stage | None], z: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """The best of `width` paths for vectors (n, D): codes (n, stages), -1 where not chosen, and residual (n, D)."""
    first = stages[0]
    if first is None or first.rows is not None:
        raise ValueError("the first stage serves every vector")
    n, D = z.shape
    width = min(width, len(first.code))
    code = distances(z, *first.key, first.counts).topk(width, largest=False).indices
    residual = z[:, None] - first.code[code]
    # of each stage: its vectors, and for each path parent and code
    steps: list[tuple[int, Tensor | None, Tensor, Tensor]] = [(0, None, torch.zeros_like(code), code)]
    for index, stage in enumerate(stages[1:], 1):
        if stage is None:
            continue
        r = residual if stage.rows is None else residual[stage.rows]
        counts = None if stage.counts is None else [width * count for count in stage.counts]
        distance = distances(r.reshape(-1, D), *stage.key, counts).reshape(*r.shape[:2], -1)
        distance += r.square().sum(-1, keepdim=True)
        best = distance.flatten(1).topk(width, largest=False).indices
        parent = best // len(stage.code)
        code = best - parent * len(stage.code)
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
        best, before = code.gather(1, here)[:, 0], parent.gather(1, here)[:, 0]
        if rows is None:
            codes[:, index], path = best, before
        else:
            codes[rows, index], path[rows] = best, before
    return codes, residual
