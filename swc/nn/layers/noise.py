"""Random numbers by counter: a number depends only on its index, so that a part has the noise of the whole."""

from __future__ import annotations

import torch
from torch import Tensor

_WORD = 0xFFFFFFFF


def uniform(index: Tensor, stream: int = 0) -> Tensor:
    """Uniform numbers in [0, 1), one for each index; the same on every device.

    Args:
        index: integers of any shape, at least 0.
        stream: chooses one of many independent sequences.

    Returns:
        float32 of the index's shape.
    """
    index = index.to(torch.int64)
    word = _scramble(_scramble((index & _WORD) ^ (0x9E3779B9 * (2 * stream + 1) & _WORD)) ^ (index >> 32))
    return (word >> 8).to(torch.float32) * 2.0**-24


def _scramble(word: Tensor) -> Tensor:
    """An invertible mix of 32-bit words in int64 (`lowbias32`, C. Wellons 2018)."""
    word = ((word ^ (word >> 16)) * 0x7FEB352D) & _WORD
    word = ((word ^ (word >> 15)) * 0x846CA68B) & _WORD
    return word ^ (word >> 16)
