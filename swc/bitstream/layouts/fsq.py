"""Layout of the `fsq` family: one code a latent, and groups of codes as one number each, which wastes few bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from bitarray import bitarray
from bitarray.util import ba2int, int2ba

from swc.bitstream.layouts.layout import Codes, Layout
from swc.bitstream.limits import check_limit
from swc.errors import LimitError, SyntaxFormatError

GROUP = 16
"""Codes that are one number: with 7^6 of them, 270 bits, .2 % above what they tell."""

FsqWindow = tuple[int, ...]
"""The code of each latent of one window of one channel."""


@dataclass(frozen=True)
class FsqLayout(Layout):
    """Finite scalar quantization with a single quantizer (SQCodec, arXiv 2504.04949).

    Attributes:
        greatest_code: codes are 0 to this; it need not be one less than a power of 2.
    """

    family: ClassVar[int] = 3
    name: ClassVar[str] = "fsq"
    minor: ClassVar[int] = 3

    greatest_code: int

    @property
    def cardinality(self) -> int:
        """How many codes there are."""
        return self.greatest_code + 1

    @classmethod
    def from_bytes(cls, data: bytes) -> FsqLayout:
        return cls(int.from_bytes(data, "little"))

    def to_bytes(self) -> bytes:
        return self.greatest_code.to_bytes(3, "little")

    def fields(self) -> Mapping[str, int]:
        return {"greatest_code": self.greatest_code}

    def check(self, offset: int | None = None) -> None:
        check_limit("greatest_code", self.greatest_code, offset)

    def sizes(self, latents: int) -> range:
        size = self._bits(latents)
        return range(size, size + 1)

    def pack(self, windows: Sequence[FsqWindow], lengths: Sequence[int]) -> bitarray:
        bits = bitarray(endian="big")
        for window, length in zip(windows, lengths, strict=True):
            self._check_window(window, length)
            for group in _groups(length):
                number = 0
                for code in window[group]:
                    number = number * self.cardinality + code
                bits += int2ba(number, _width(self.cardinality, group.stop - group.start), endian="big")
        return bits

    def unpack(self, bits: bitarray, lengths: Sequence[int], offset: int = 0) -> tuple[list[FsqWindow], int]:
        windows: list[FsqWindow] = []
        cursor = 0
        for length in lengths:
            place = offset + cursor // 8
            if cursor + self._bits(length) > len(bits):
                raise SyntaxFormatError("the payload is shorter than its codes", place)
            window: list[int] = []
            for group in _groups(length):
                count = group.stop - group.start
                end = cursor + _width(self.cardinality, count)
                number = ba2int(bits[cursor:end])
                if number >= self.cardinality**count:
                    raise SyntaxFormatError(f"a group of {count} codes goes beyond the greatest code", place)
                window += _digits(number, self.cardinality, count)
                cursor = end
            windows.append(tuple(window))
        return windows, cursor

    def size(self, window: FsqWindow) -> int:
        return self._bits(len(window))

    def breakdown(self, windows: Sequence[FsqWindow]) -> dict[str, int]:
        return {"codes": sum(map(self.size, windows))}

    @property
    def codebook_sizes(self) -> tuple[int]:
        return (self.cardinality,)

    def window(self, codes: Codes) -> FsqWindow:
        if (codes < 0).any():
            raise SyntaxFormatError("every latent has a code; -1 is not one")
        return tuple(codes[0].tolist())

    def codes(self, window: FsqWindow) -> Codes:
        return np.array([window], np.int64)

    @property
    def n_experts(self) -> int:
        return 0

    def chosen(self, window: FsqWindow) -> tuple[int, ...]:
        return ()

    def __str__(self) -> str:
        return f"one, of {self.cardinality} codes"

    def _bits(self, latents: int) -> int:
        """Bits of a window of so many latents."""
        groups, rest = divmod(latents, GROUP)
        return groups * _width(self.cardinality, GROUP) + _width(self.cardinality, rest)

    def _check_window(self, window: FsqWindow, length: int) -> None:
        if len(window) != length:
            raise SyntaxFormatError(f"a window of {length} latents has {len(window)} codes")
        if not 0 <= min(window) <= max(window) < self.cardinality:
            raise LimitError(f"codes are {min(window)} to {max(window)}, allowed are 0 to {self.greatest_code}")


def _groups(length: int) -> list[slice]:
    """Where the groups of a window of so many latents are."""
    return [slice(start, min(start + GROUP, length)) for start in range(0, length, GROUP)]


@lru_cache(maxsize=64)
def _width(cardinality: int, count: int) -> int:
    """Bits of a group of so many codes."""
    return int(cardinality**count - 1).bit_length()


def _digits(number: int, cardinality: int, count: int) -> list[int]:
    """The codes of a group, in order of time."""
    digits = []
    for _ in range(count):
        number, digit = divmod(number, cardinality)
        digits.append(digit)
    return digits[::-1]
