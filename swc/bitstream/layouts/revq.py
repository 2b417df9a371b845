"""Layout of the `revq` family: a routing mask, then the shared codes and those of the chosen experts, MSB first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar

import numpy as np
from bitarray import bitarray
from numpy.typing import NDArray

from swc.bitstream.layouts.layout import Codes, Layout
from swc.bitstream.limits import check_limit
from swc.errors import LimitError, SyntaxFormatError

FEW = 128  # below so many bits of codes arrays are slower: a hostile stream may have a chunk every 11 bytes
NO_CODES = np.zeros(0, np.uint16)


@dataclass(frozen=True, eq=False, slots=True)
class Window:
    """The codes of one window of one channel.

    Attributes:
        experts: indices of the selected routed codebooks, ascending.
        codes: (n_shared + len(experts), latents) uint16; shared codebooks first, then the experts by index.
    """

    experts: tuple[int, ...]
    codes: NDArray[np.uint16]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Window):
            return NotImplemented
        return self.experts == other.experts and np.array_equal(self.codes, other.codes)

    __hash__ = None  # type: ignore[assignment]  # an array inside: equal by value, not hashable


@dataclass(frozen=True)
class RevqLayout(Layout):
    """Residual experts vector quantization (SwitchCodec, arXiv 2505.24437).

    Attributes:
        n_shared: codebooks that every window uses.
        n_routed: codebooks (experts) that a window's mask chooses from.
        codebook_bits: bits a code.
    """

    family: ClassVar[int] = 1
    name: ClassVar[str] = "revq"

    n_shared: int
    n_routed: int
    codebook_bits: int

    @classmethod
    def from_bytes(cls, data: bytes) -> RevqLayout:
        return cls(*data)

    def to_bytes(self) -> bytes:
        return bytes((self.n_shared, self.n_routed, self.codebook_bits))

    def fields(self) -> Mapping[str, int]:
        return {"n_shared": self.n_shared, "n_routed": self.n_routed, "codebook_bits": self.codebook_bits}

    def check(self, offset: int | None = None) -> None:
        for index, (name, value) in enumerate(self.fields().items()):
            check_limit(name, value, None if offset is None else offset + index)
        check_limit("codebooks", self.n_shared + self.n_routed, offset)

    def sizes(self, latents: int) -> range:
        step = latents * self.codebook_bits  # one expert more
        least = self.n_routed + self.n_shared * step
        return range(least, least + self.n_routed * step + 1, step)

    def pack(self, windows: Sequence[Window], lengths: Sequence[int]) -> bitarray:
        bits = bitarray(endian="big")
        for window, length in zip(windows, lengths, strict=True):
            self._check_window(window, length)
            mask = bitarray(self.n_routed, endian="big")
            mask[list(window.experts)] = 1
            octets = window.codes.astype(">u2", order="C").reshape(-1, 1).view(np.uint8)  # (codes, 2)
            grid = np.unpackbits(octets, axis=1)[:, 16 - self.codebook_bits :]  # (codes, codebook_bits)
            bits += mask
            bits.pack(grid.tobytes())
        return bits

    def unpack(self, bits: bitarray, lengths: Sequence[int], offset: int = 0) -> tuple[list[Window], int]:
        routed, shared, width, available = self.n_routed, self.n_shared, self.codebook_bits, len(bits)
        shapes: list[tuple[tuple[int, ...], int, int]] = []  # experts, rows, latents
        coded: list[bitarray] = []
        cursor = 0
        for length in lengths:
            begin = cursor + routed
            experts = _ones(bits[cursor:begin].to01()) if routed else ()
            rows = shared + len(experts)
            end = begin + rows * length * width
            if end > available:
                raise SyntaxFormatError("the payload is shorter than its masks imply", offset + cursor // 8)
            if rows:
                coded.append(bits[begin:end])
            shapes.append((experts, rows, length))
            cursor = end
        codes = _numbers(coded, width)
        windows: list[Window] = []
        at = 0
        for experts, rows, length in shapes:
            windows.append(Window(experts, codes[at : at + rows * length].reshape(rows, length)))
            at += rows * length
        return windows, cursor

    def size(self, window: Window) -> int:
        return self.n_routed + window.codes.size * self.codebook_bits

    def breakdown(self, windows: Sequence[Window]) -> dict[str, int]:
        masks = len(windows) * self.n_routed
        return {"masks": masks, "codes": sum(map(self.size, windows)) - masks}

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return (1 << self.codebook_bits,) * (self.n_shared + self.n_routed)

    def window(self, codes: Codes) -> Window:
        says = codes >= 0
        used = says[:, 0]
        if (says != used[:, None]).any() or not used[: self.n_shared].all():
            raise SyntaxFormatError(
                "an expert has a code for every latent of a window or for none (-1), a shared codebook for every one"
            )
        return Window(tuple(np.flatnonzero(used[self.n_shared :]).tolist()), codes[used].astype(np.uint16))

    def codes(self, window: Window) -> Codes:
        codes = np.full((self.n_shared + self.n_routed, window.codes.shape[1]), -1, np.int64)
        codes[[*range(self.n_shared), *(self.n_shared + e for e in window.experts)]] = window.codes
        return codes

    @property
    def n_experts(self) -> int:
        return self.n_routed

    def chosen(self, window: Window) -> tuple[int, ...]:
        return window.experts

    def __str__(self) -> str:
        return f"{self.n_shared} shared + {self.n_routed} routed, {self.codebook_bits} bits a code"

    def _check_window(self, window: Window, length: int) -> None:
        experts, codes = window.experts, window.codes
        ascending = all(low < high for low, high in pairwise(experts))
        if not ascending or any(not 0 <= expert < self.n_routed for expert in experts):
            raise SyntaxFormatError(f"experts {experts} do not ascend within 0 to {self.n_routed - 1}")
        shape = (self.n_shared + len(experts), length)
        if codes.dtype != np.uint16 or codes.shape != shape:
            raise SyntaxFormatError(f"codes are {codes.dtype} {codes.shape}, must be uint16 {shape}")
        if codes.size and int(codes.max()) >> self.codebook_bits:
            raise LimitError(f"code {codes.max()} does not fit {self.codebook_bits} bits")


@lru_cache(maxsize=4096)
def _ones(mask: str) -> tuple[int, ...]:
    """Indices of the ones."""
    return tuple(index for index, bit in enumerate(mask) if bit == "1")


def _numbers(pieces: list[bitarray], width: int) -> NDArray[np.uint16]:
    """Numbers of `width` bits each, of all pieces one after the other."""
    if not pieces:
        return NO_CODES
    bits = pieces[0] if len(pieces) == 1 else sum(pieces, bitarray(endian="big"))
    if len(bits) < FEW:
        digits = bits.to01()
        return np.array([int(digits[at : at + width], 2) for at in range(0, len(digits), width)], np.uint16)
    grid = np.frombuffer(bits.unpack(), np.uint8).reshape(-1, width)
    octets = np.packbits(grid, axis=1)  # (numbers, 1 or 2), the last octet filled up with zeros
    if width <= 8:
        return octets[:, 0].astype(np.uint16) >> np.uint16(8 - width)
    return octets.view(">u2")[:, 0].astype(np.uint16) >> np.uint16(16 - width)
