"""Layout of the `revq` family: a routing mask, then the shared codes and those of the chosen experts, MSB first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar

import numpy as np
from bitarray import bitarray
from numpy.typing import NDArray

from swc.bitstream.layouts.layout import Codes
from swc.bitstream.layouts.numbers import pack_numbers, unpack_numbers
from swc.bitstream.layouts.residual import ResidualLayout
from swc.errors import LimitError, SyntaxFormatError


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
class RevqLayout(ResidualLayout):
    """Residual experts vector quantization (SwitchCodec, arXiv 2505.24437).

    Attributes:
        n_shared: codebooks that every window uses.
        n_routed: codebooks (experts) that a window's mask chooses from.
        codebook_bits: bits a code.
    """

    family: ClassVar[int] = 1
    name: ClassVar[str] = "revq"

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
            bits += mask + pack_numbers(window.codes, self.codebook_bits)
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
        codes = unpack_numbers(coded, width)
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
