"""Layout of the `vrvq` family: how many codebooks each latent uses, then the codes, MSB first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from bitarray import bitarray
from bitarray.util import ba2int, int2ba
from numpy.typing import NDArray

from swc.bitstream.layouts.layout import Choice, Codes
from swc.bitstream.layouts.numbers import pack_numbers, unpack_numbers
from swc.bitstream.layouts.residual import ResidualLayout
from swc.bitstream.limits import check_limit
from swc.errors import LimitError, SyntaxFormatError


@dataclass(frozen=True, eq=False, slots=True)
class DepthWindow:
    """The codes of one window of one channel.

    Attributes:
        depths: codebooks that each latent uses, the first ones of all (latents,) uint16.
        codes: of each codebook in turn, for the latents that use it, (depths.sum(),) uint16.
    """

    depths: NDArray[np.uint16]
    codes: NDArray[np.uint16]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DepthWindow):
            return NotImplemented
        return np.array_equal(self.depths, other.depths) and np.array_equal(self.codes, other.codes)

    __hash__ = None  # type: ignore[assignment]  # arrays inside: equal by value, not hashable

    def rows(self) -> list[NDArray[np.uint16]]:
        """The codes of each codebook that any latent uses."""
        uses = (self.depths > np.arange(self.depths.max())[:, None]).sum(1)
        return np.split(self.codes, uses.cumsum()[:-1])


@dataclass(frozen=True)
class VrvqLayout(ResidualLayout):
    """Variable bitrate residual vector quantization (arXiv 2410.06016).

    Attributes:
        n_shared: codebooks that every latent uses, 1 at least.
        n_routed: codebooks that a latent may use besides, in order.
        codebook_bits: bits a code.
    """

    family: ClassVar[int] = 2
    name: ClassVar[str] = "vrvq"
    minor: ClassVar[int] = 3
    choice: ClassVar[Choice] = Choice("depth", "latent", "codebook")

    def check(self, offset: int | None = None) -> None:
        super().check(offset)
        check_limit("least_depth", self.n_shared, offset)

    def sizes(self, latents: int) -> range:
        most_depths = self._field + latents * self.n_routed.bit_length()
        least = most_depths + latents * self.n_shared * self.codebook_bits
        return range(least, least + latents * self.n_routed * self.codebook_bits + 1, self.codebook_bits)

    def bounds(self, latents: int) -> tuple[int, int]:
        return self._field + latents * self.n_shared * self.codebook_bits, self.sizes(latents)[-1]

    def pack(self, windows: Sequence[DepthWindow], lengths: Sequence[int]) -> bitarray:
        bits = bitarray(endian="big")
        for window, length in zip(windows, lengths, strict=True):
            self._check_window(window, length)
            width = self._width(window.depths)
            if self._field:
                bits += int2ba(width, self._field, endian="big")
            bits += pack_numbers(window.depths - np.uint16(self.n_shared), width)
            bits += pack_numbers(window.codes, self.codebook_bits)
        return bits

    def unpack(self, bits: bitarray, lengths: Sequence[int], offset: int = 0) -> tuple[list[DepthWindow], int]:
        windows: list[DepthWindow] = []
        cursor = 0
        for length in lengths:
            place = offset + cursor // 8
            depths, begin = self._read_depths(bits, cursor, length, place)
            cursor = begin + int(depths.sum()) * self.codebook_bits
            if cursor > len(bits):
                raise SyntaxFormatError("the payload is shorter than its depths imply", place)
            windows.append(DepthWindow(depths, unpack_numbers([bits[begin:cursor]], self.codebook_bits)))
        return windows, cursor

    def size(self, window: DepthWindow) -> int:
        return self.bits(window.depths)

    def bits(self, depths: NDArray[np.integer]) -> int:
        """Bits that a window of latents of these depths takes."""
        return self._field + len(depths) * self._width(depths) + int(depths.sum()) * self.codebook_bits

    def breakdown(self, windows: Sequence[DepthWindow]) -> dict[str, int]:
        codes = sum(window.codes.size for window in windows) * self.codebook_bits
        return {"depths": sum(map(self.size, windows)) - codes, "codes": codes}

    def window(self, codes: Codes) -> DepthWindow:
        says = codes >= 0
        depths = says.sum(0)
        if (says != self._used(depths)).any() or (depths < self.n_shared).any():
            least = f"{self.n_shared} at least"
            raise SyntaxFormatError(f"a latent has codes of the first codebooks, {least}, and -1 in all that follow")
        return DepthWindow(depths.astype(np.uint16), codes[says].astype(np.uint16))

    def codes(self, window: DepthWindow) -> Codes:
        used = self._used(window.depths)
        codes = np.full(used.shape, -1, np.int64)
        codes[used] = window.codes
        return codes

    @property
    def first(self) -> int:
        return self.n_shared

    def chosen(self, window: DepthWindow) -> range:
        return range(int(window.depths.max()) - self.n_shared)

    def usage(self, window: DepthWindow) -> NDArray[np.float64]:
        shares: NDArray[np.float64] = self._used(window.depths)[self.n_shared :].mean(1)
        return shares

    def __str__(self) -> str:
        most = self.n_shared + self.n_routed
        return f"{self.n_shared} to {most} for each latent, {self.codebook_bits} bits a code"

    @property
    def _field(self) -> int:
        """Bits that hold the width of a window's depths."""
        return self.n_routed.bit_length().bit_length()

    def _width(self, depths: NDArray[np.integer]) -> int:
        """Bits of each depth less the least one: as few as the greatest needs."""
        return (int(depths.max()) - self.n_shared).bit_length()

    def _used(self, depths: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Which codebooks latents of these depths use (stages, latents)."""
        used: NDArray[np.bool_] = np.arange(self.n_shared + self.n_routed)[:, None] < depths
        return used

    def _read_depths(self, bits: bitarray, at: int, latents: int, place: int) -> tuple[NDArray[np.uint16], int]:
        """The depths that begin at bit `at`, and where they end; `place` is for messages."""
        begin = at + self._field
        width = ba2int(bits[at:begin]) if at < begin <= len(bits) else 0
        end = begin + latents * width
        if end > len(bits):
            raise SyntaxFormatError("the payload is shorter than its depths imply", place)
        more = unpack_numbers([bits[begin:end]], width) if width else np.zeros(latents, np.uint16)
        greatest = int(more.max())
        if greatest > self.n_routed or greatest.bit_length() != width:
            raise SyntaxFormatError(f"depths of {width} bits, the greatest of which is {greatest}, are wrong", place)
        return more + np.uint16(self.n_shared), end

    def _check_window(self, window: DepthWindow, length: int) -> None:
        depths, codes = window.depths, window.codes
        if depths.dtype != np.uint16 or depths.shape != (length,):
            raise SyntaxFormatError(f"depths are {depths.dtype} {depths.shape}, must be uint16 {(length,)}")
        if depths.min() < self.n_shared or depths.max() > self.n_shared + self.n_routed:
            raise SyntaxFormatError(f"depths must be {self.n_shared} to {self.n_shared + self.n_routed}")
        if codes.dtype != np.uint16 or codes.shape != (int(depths.sum()),):
            raise SyntaxFormatError(f"codes are {codes.dtype} {codes.shape}, must be uint16 {(int(depths.sum()),)}")
        if int(codes.max()) >> self.codebook_bits:
            raise LimitError(f"code {codes.max()} does not fit {self.codebook_bits} bits")
