"""The search for codes in C: `swc/native/search.c` does what `swc.nn.quantizers.beam` and `.search` do with tensors."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import c_int64, c_void_p

import torch
import torch.nn.functional as F
from torch import Tensor

from swc.native import call, pointer

LANES = 32  # codes side by side in a packed key, as in search.c


class _Book(ctypes.Structure):
    _fields_ = (("code", c_void_p), ("key", c_void_p), ("offset", c_void_p), ("size", c_int64))


class Packed:
    """A codebook as the search reads it.

    Args:
        code: its codes (size, dim).
        key, offset: what vectors are compared with, as for `swc.nn.quantizers.codebook.distances` (size, dim), (size,).
    """

    def __init__(self, code: Tensor, key: Tensor, offset: Tensor) -> None:
        size, dim = key.shape
        spare = -size % LANES
        self.code = code.contiguous()
        self.key = F.pad(key, (0, 0, 0, spare)).reshape(-1, LANES, dim).transpose(1, 2).contiguous()
        self.offset = F.pad(offset, (0, spare), value=torch.inf)
        self.size = size


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
    return (_Book * len(books))(*(_Book(*map(pointer, (b.code, b.key, b.offset)), b.size) for b in books))
