"""Numbers of equally many bits each, one after the other, MSB first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from bitarray import bitarray
from numpy.typing import NDArray

FEW = 128  # bits below which arrays take longer: a hostile stream may have a chunk every 11 bytes
NO_NUMBERS = np.zeros(0, np.uint16)


def pack_numbers(numbers: NDArray[np.uint16], width: int) -> bitarray:
    """Numbers below 2 ** width, in the order of their array, of any shape; `width` is 0 to 16."""
    octets = numbers.astype(">u2", order="C").reshape(-1, 1).view(np.uint8)  # (numbers, 2)
    bits = bitarray(endian="big")
    bits.pack(np.unpackbits(octets, axis=1)[:, 16 - width :].tobytes())
    return bits


def unpack_numbers(pieces: Sequence[bitarray], width: int) -> NDArray[np.uint16]:
    """Numbers of `width` bits each, 1 to 16, of all pieces one after the other."""
    if not pieces:
        return NO_NUMBERS
    bits = pieces[0] if len(pieces) == 1 else sum(pieces, bitarray(endian="big"))
    if len(bits) < FEW:
        digits = bits.to01()
        return np.array([int(digits[at : at + width], 2) for at in range(0, len(digits), width)], np.uint16)
    grid = np.frombuffer(bits.unpack(), np.uint8).reshape(-1, width)
    octets = np.packbits(grid, axis=1)  # (numbers, 1 or 2), the last octet filled up with zeros
    if width <= 8:
        return octets[:, 0].astype(np.uint16) >> np.uint16(8 - width)
    return octets.view(">u2")[:, 0].astype(np.uint16) >> np.uint16(16 - width)
