"""Random numbers by counter: a number depends only on its index, so that a part has the noise of the whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_WORD = 0xFFFFFFFF


def uniform(index: NDArray[np.int64], stream: int = 0) -> NDArray[np.float32]:
    """Uniform numbers in [0, 1), one for each index; the same on every machine.

    Args:
        index: integers of any shape, at least 0.
        stream: chooses one of many independent sequences.

    Returns:
        float32 of the index's shape.
    """
    word = _scramble(_scramble((index & _WORD) ^ (0x9E3779B9 * (2 * stream + 1) & _WORD)) ^ (index >> 32))
    return (word >> 8).astype(np.float32) * np.float32(2.0**-24)


def _scramble(word: NDArray[np.int64]) -> NDArray[np.int64]:
    """An invertible mix of 32-bit words in int64 (`lowbias32`, C. Wellons 2018)."""
    word = ((word ^ (word >> 16)) * 0x7FEB352D) & _WORD
    word = ((word ^ (word >> 15)) * 0x846CA68B) & _WORD
    return word ^ (word >> 16)
