"""Cyclic redundancy checks of FLAC and Ogg: most significant bit first, from 0."""

from __future__ import annotations


def crc(data: bytes, table: list[int], width: int) -> int:
    """The check of `data`, of `width` bits.

    Args:
        table: of the polynomial, by `crc_table`.
    """
    value, mask, shift = 0, (1 << width) - 1, width - 8
    for byte in data:
        value = (value << 8 & mask) ^ table[value >> shift ^ byte]
    return value


def crc_table(polynomial: int, width: int) -> list[int]:
    """The contribution of each of the 256 bytes."""
    table = []
    for value in range(256):
        value <<= width - 8
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> width - 1 & 1 else 0)
            value &= (1 << width) - 1
        table.append(value)
    return table
