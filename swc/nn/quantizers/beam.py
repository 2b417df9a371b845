"""Codes by beam search over the stages (M-best search for residual vector quantization, e.g. Chan & Gersho 1991).

A path is a code of each stage so far. Of all that continue a path by a code, each stage keeps those that leave least.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from swc import native
from swc.nn.layers.rows import Counts, by_group, counted
from swc.nn.quantizers import native_search
from swc.nn.quantizers.codebook import Codebook, distances
from swc.nn.quantizers.prediction import Predictor
from swc.nn.quantizers.runs import Runs


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
    if native.serves(z):
        used = torch.cat((mask.new_ones(B, len(books) - mask.shape[1]), mask), 1)
        return native_search.codes(packed(books, width), z, [T] * B, used[:, None], max(T, 1), width)
    stages = stages_of(tables(books, width), mask, T, width, group)
    codes = codes_of(stages, [beam(stages, z.reshape(-1, D), width)], len(books))
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
    if native.serves(runs.z):
        used = torch.cat((mask.new_ones(*mask.shape[:2], len(books) - mask.shape[2]), mask), 2)
        return native_search.codes(packed(books, width), runs.z, runs.lengths, used, window, width, predictor.weight)
    codes = torch.full((len(runs.z), len(books), runs.z.shape[1]), -1, device=runs.z.device)
    each, previous, group = tables(books, width), torch.zeros_like(runs.z[:, 0]), runs.group
    ends = {*range(window, runs.z.shape[1], window), *runs.lengths}
    for start, stop in pairwise(sorted({0, *ends})):
        live = sum(length > start for length in runs.lengths)
        group = None if group is None else group[:live]
        counts, previous = counted(group, None, 1), previous[:live]
        stages = stages_of(each, mask[:live, start // window], 1, width, group)
        found: list[Paths] = []
        for latents in runs.z[:live, start:stop].unbind(1):
            found.append(beam(stages, latents - by_group(predictor, previous, counts), width))
            previous = latents - found[-1].residual
        codes[:live, :, start:stop] = codes_of(stages, found, len(books)).permute(1, 2, 0)
    return codes


class Table(NamedTuple):
    """A codebook (size, D), and what vectors are compared with, for `distances`."""

    code: Tensor
    key: tuple[Tensor, Tensor]


def tables(books: Sequence[Codebook], width: int) -> list[Table]:
    """Codebooks for a beam. A single path takes the codes that `Codebook.nearest` gives, and more than one those that
    leave the least, which can be compared from path to path."""
    return [Table(book.code, book.key if width == 1 else (book.code, book.energy)) for book in books]


def packed(books: Sequence[Codebook], width: int) -> list[native_search.Packed]:
    """What `tables` gives, for the search in C."""
    return [book.packed_key if width == 1 else book.packed for book in books]


class Stage(NamedTuple):
    """A codebook with the vectors that it serves.

    Attributes:
        book: index of its codebook.
        code, key: as in its `Table`.
        rows: the vectors (n,); None for all.
        paths: their paths, if those of all vectors are numbered through (n * width,); None for all.
        first: of each vector's paths, if those of these vectors are numbered through (n, 1).
        counts: of their paths, as for `distances`.
    """

    book: int
    code: Tensor
    key: tuple[Tensor, Tensor]
    rows: Tensor | None
    paths: Tensor | None
    first: Tensor
    counts: Counts


class Paths(NamedTuple):
    """What `beam` found for n vectors.

    Attributes:
        residual: after the best path (n, D).
        last: the best of the paths (n,).
        steps: at each stage, of each path of the vectors that it serves, parent * size + code (n, width).
    """

    residual: Tensor
    last: Tensor
    steps: list[Tensor]


def stages_of(
    books: Sequence[Table], mask: Tensor, length: int, width: int, group: Tensor | None = None
) -> list[Stage]:
    """The stages of windows, for vectors (B * length, D) of their latents, without those that no window has.

    Args:
        books: of all stages; shared ones first.
        mask: chosen experts (B, N_r), bool.
        length: latents of a window.
        width: of the beam.
        group: of each window, see `counted` (B,).
    """
    stages: list[Stage] = []
    shared, time = len(books) - mask.shape[1], torch.arange(length, device=mask.device)
    width = min(width, len(books[0].code))
    path = torch.arange(width, device=mask.device)
    for index, book in enumerate(books):
        on = mask[:, index - shared] if index >= shared else torch.ones_like(mask[:, 0])
        windows = on.nonzero().flatten()
        if len(windows) == 0:
            continue
        rows = paths = None
        if len(windows) < len(on):
            rows = (windows[:, None] * length + time).flatten()
            paths = (rows[:, None] * width + path).flatten()
        first = torch.arange(len(windows) * length, device=mask.device)[:, None] * width
        counts = counted(group, None if rows is None else windows, length * width if stages else length)
        stages.append(Stage(index, *book, rows, paths, first, counts))
    return stages


@torch.no_grad()
def beam(stages: list[Stage], z: Tensor, width: int) -> Paths:
    """The best of `width` paths for vectors (n, D)."""
    if not stages or stages[0].book or stages[0].rows is not None:
        raise ValueError("the first stage serves every vector")
    (n, D), code = z.shape, stages[0].code
    width = min(width, len(code))
    steps = [distances(z, *stages[0].key, stages[0].counts).topk(width, largest=False).indices]
    residual = (z[:, None] - code.index_select(0, steps[0].flatten()).reshape(n, width, D)).reshape(-1, D)
    for stage in stages[1:]:
        code, size = stage.code, len(stage.code)
        r = residual if stage.paths is None else residual.index_select(0, stage.paths)
        distance = distances(r, *stage.key, stage.counts)
        distance += r.square().sum(1, keepdim=True)
        best = smallest(distance.reshape(-1, width, size), width)
        parent = best // size
        r = r.index_select(0, (parent + stage.first).flatten())
        r -= code.index_select(0, (best - parent * size).flatten())
        residual = r if stage.paths is None else residual.index_copy_(0, stage.paths, r)
        steps.append(best)
    residual = residual.reshape(n, width, D)
    last = residual.square().sum(-1).argmin(1)
    return Paths(residual[torch.arange(n, device=z.device), last], last, steps)


def smallest(distance: Tensor, width: int) -> Tensor:
    """The `width` smallest of each vector's distances (n, paths, size), the least first: path * size + code (n, width).

    Their codes are among the `width` codes that are nearest to any path: each of these is itself as near as that.
    """
    _, paths, size = distance.shape
    if paths == 1 or size <= width:
        return distance.flatten(1).topk(width, largest=False).indices
    codes = distance.amin(1).topk(width, largest=False, sorted=False).indices
    among = (torch.arange(0, paths * size, size, device=codes.device)[:, None] + codes[:, None]).flatten(1)
    return among.gather(1, distance.flatten(1).gather(1, among).topk(width, largest=False).indices)


def codes_of(stages: list[Stage], found: Sequence[Paths], books: int) -> Tensor:
    """Codes (T, n, books) of the best paths that were found in T searches; -1 where a vector skips a codebook."""
    path = torch.stack([paths.last for paths in found])
    codes = torch.full((*path.shape, books), -1, device=path.device)
    for stage, steps in reversed(list(zip(stages, zip(*(paths.steps for paths in found), strict=True), strict=True))):
        rows = slice(None) if stage.rows is None else stage.rows
        step = torch.stack(steps).gather(2, path[:, rows, None])[..., 0]
        parent = step // len(stage.code)
        codes[:, rows, stage.book], path[:, rows] = step - parent * len(stage.code), parent
    return codes
