"""CRC-32 run backwards: the register's value before some bytes were fed to it."""

from __future__ import annotations

POLYNOMIAL = 0xEDB88320
_MASK = 0xFFFFFFFF


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_FORWARD = _table()
_BACK = {entry >> 24: index for index, entry in enumerate(_FORWARD)}
"""Each table entry by its upper byte, which is unique."""


def unwind(crc: int, data: bytes) -> int:
    """The c for which zlib.crc32(data, c) == crc; exactly one exists."""
    register = crc ^ _MASK
    for byte in reversed(data):
        index = _BACK[register >> 24]
        register = ((register ^ _FORWARD[index]) << 8 & _MASK) | (index ^ byte)
    return register ^ _MASK


def solve_word(before: int, after: int) -> int:
    """The u32 whose four little-endian bytes take the CRC from `before` to `after`; exactly one exists."""
    return unwind(after, bytes(4)) ^ before
