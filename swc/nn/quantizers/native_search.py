"""The search for codes in C: `swc/native/search.c` does what `swc.nn.quantizers.beam` and `.search` do with tensors."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import c_int64, c_void_p
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from swc.native import call, compiled, pointer

LANES, LOST = 32, 0.016  # as in distances.h
TABLES = ("code", "key", "offset", "lanes", "bytes", "scale", "error")


@cache
def multiplies_bytes() -> bool:
    """Whether the search compares rounded vectors first: where the processor multiplies bytes."""
    library = compiled()
    return library is not None and bool(library.swc_bytes())


class _Book(ctypes.Structure):
    _fields_ = (*((name, c_void_p) for name in TABLES), ("size", c_int64))


class Packed:
    """A codebook as the search reads it, see `Book` in distances.h.

    Args:
        code: its codes (size, dim).
        key, offset: what vectors are compared with, as for `swc.nn.quantizers.codebook.distances` (size, dim), (size,).
    """

    lanes: Tensor | None = None
    bytes: Tensor | None = None
    scale: Tensor | None = None
    error: Tensor | None = None

    def __init__(self, code: Tensor, key: Tensor, offset: Tensor) -> None:
        size, dim = key.shape
        spare = -size % LANES
        self.size = size
        self.code, self.key = code.contiguous(), key.contiguous()
        self.offset = F.pad(offset, (0, spare), value=torch.inf)
        padded = F.pad(key, (0, 0, 0, spare))
        if multiplies_bytes():
            self._round(padded)
        else:
            self.lanes = padded.reshape(-1, LANES, dim).transpose(1, 2).contiguous()

    def _round(self, key: Tensor) -> None:
        dim = key.shape[1]
        unit = key.abs().amax(1, keepdim=True).clamp_min(1e-30) / 127
        rounded = (key / unit).round()
        lost, norm = (key - rounded * unit).norm(dim=1), key.norm(dim=1)
        groups = F.pad(rounded + 128, (0, -dim % 4)).to(torch.uint8).reshape(-1, LANES, -(-dim // 4), 4)
        self.bytes, self.scale = groups.transpose(1, 2).contiguous(), 2 * unit.squeeze(1)
        # |<x, k> - <x', k'>| is at most |x| |k - k'| + |x - x'| |k'|, and products of float32 are off a little, too
        self.error = 2.0002 * (lost + (LOST + 2e-6 + 1.2e-7 * dim) * (norm + lost))


def codes(
    books: Sequence[Packed],
    z: Tensor,
    lengths: Sequence[int],
    used: Tensor,
    window: int,
    width: int,
    prediction: Tensor | None = None,
) -> Tensor:
    """Codes of runs of latents by beam search.

    Args:
        books: of all stages.
        z: runs of latents (B, L, D).
        lengths: of the runs.
        used: stages of each window, bool (B, W, stages).
        window: latents of a window.
        width: paths that are kept.
        prediction: matrix that predicts a latent from the decoded one before it (D, D); None for none.

    Returns:
        int64 (B, stages, L), -1 where a stage is not used, and after the end of a run.
    """
    (B, L, D), stages = z.shape, len(books)
    found = torch.full((B, stages, L), -1)
    if found.numel() == 0:
        return found
    ends, z, used = torch.tensor(lengths), z.contiguous(), used.to(torch.uint8).contiguous()
    prediction = None if prediction is None else prediction.t().contiguous()
    sizes = (c_int64(n) for n in (B, L, D, window))
    kept = c_int64(min(width, len(books[0].code)))
    run = (pointer(z), pointer(ends), *sizes, pointer(used), pointer(prediction))
    call("swc_codes", _array(books), c_int64(stages), *run, kept, pointer(found))
    return found


def experts(books: Sequence[Packed], keys: Sequence[Packed], z: Tensor, k: Tensor) -> Tensor:
    """Masks grown one expert at a time, each the one that leaves least.

    Args:
        books: experts, by whose distances they are chosen.
        keys: the same, by which codes are.
        z: windows of latents, minus the shared codes (B, T, D).
        k: experts of each window, fewer than all (B,).

    Returns:
        bool (B, N_r) with k set in each row.
    """
    mask = torch.zeros(len(z), len(books), dtype=torch.uint8)
    if z.numel():
        residual, k = z.clone(memory_format=torch.contiguous_format), k.contiguous()
        count, sizes = c_int64(len(books)), (c_int64(n) for n in z.shape)
        call("swc_experts", _array(books), _array(keys), count, pointer(residual), *sizes, pointer(k), pointer(mask))
    return mask.bool()


def _array(books: Sequence[Packed]) -> ctypes.Array[_Book]:
    return (_Book * len(books))(*(_Book(*(pointer(getattr(b, name)) for name in TABLES), b.size) for b in books))
