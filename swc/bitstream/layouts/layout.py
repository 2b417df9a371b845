"""The role of a family of payloads in the container, which each of its layouts fills."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from bitarray import bitarray
from numpy.typing import NDArray

Codes = NDArray[np.int64]
"""Codes of one window of one channel, (stages, latents); -1 where a stage is unused."""


class Choice(NamedTuple):
    """Words for a choice of codebooks: what it is, for each of which it is made, and what is chosen."""

    title: str = "routing"
    place: str = "window"
    one: str = "expert"


@dataclass(frozen=True)
class Layout(ABC):
    """How the windows of a stream are laid out in bits, and the three bytes of the header that say so.

    A window is the run of latents of one channel that is packed as a whole. Its contents are the layout's own; the
    container passes them on unchanged. `Any` stands for them here.

    Attributes:
        family: number in the header.
        name: of the family.
        minor: least minor version of the format that has the family.
        choice: what the choice of codebooks is called.
    """

    family: ClassVar[int]
    name: ClassVar[str]
    minor: ClassVar[int] = 0
    choice: ClassVar[Choice] = Choice()

    @classmethod
    @abstractmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The layout that bytes 25 to 27 of a header describe."""

    @abstractmethod
    def to_bytes(self) -> bytes:
        """Those three bytes."""

    @abstractmethod
    def fields(self) -> Mapping[str, int]:
        """Its numbers by name, in the order of their bytes."""

    @abstractmethod
    def check(self, offset: int | None = None) -> None:
        """Raise LimitError if one of its numbers is out of bounds.

        Args:
            offset: of its three bytes in the stream, for messages.
        """

    @abstractmethod
    def sizes(self, latents: int) -> range:
        """The sizes in bits that a window of so many latents can be given: ascending from the least to the greatest, by
        equal steps. A window takes what it was given, or less."""

    def bounds(self, latents: int) -> tuple[int, int]:
        """The least and the greatest size in bits of a window of so many latents."""
        sizes = self.sizes(latents)
        return sizes[0], sizes[-1]

    @abstractmethod
    def pack(self, windows: Sequence[Any], lengths: Sequence[int]) -> bitarray:
        """The bits of windows in sequence.

        Args:
            windows: in the order of the payload.
            lengths: latents of each.

        Raises:
            SyntaxFormatError: a window that doesn't fit this layout or its length.
            LimitError: a code out of bounds.
        """

    @abstractmethod
    def unpack(self, bits: bitarray, lengths: Sequence[int], offset: int = 0) -> tuple[list[Any], int]:
        """The windows in the bits of a payload, and how many of the bits they take.

        Args:
            bits: of the payload, padding included.
            lengths: latents of each window.
            offset: byte position of the payload in the stream, for messages.

        Raises:
            SyntaxFormatError: the bits are too few, or break a rule.
        """

    @abstractmethod
    def size(self, window: Any) -> int:
        """Size of a window in bits."""

    @abstractmethod
    def breakdown(self, windows: Sequence[Any]) -> dict[str, int]:
        """Total bits of windows by kind; the kinds do not depend on the windows."""

    @property
    @abstractmethod
    def codebook_sizes(self) -> Sequence[int]:
        """The number of codes that each stage chooses from, in the order of the stages."""

    @abstractmethod
    def window(self, codes: Codes) -> Any:
        """The window with these codes.

        Raises:
            SyntaxFormatError: stages are left out (-1) where this layout cannot leave them out.
        """

    @abstractmethod
    def codes(self, window: Any) -> Codes:
        """The codes of a window."""

    @property
    @abstractmethod
    def n_experts(self) -> int:
        """The number of codebooks that windows choose from; 0 if there is no choice."""

    @property
    def first(self) -> int:
        """The number by which people know the first of them."""
        return 0

    @abstractmethod
    def chosen(self, window: Any) -> Sequence[int]:
        """Indices of the codebooks that a window chose, below `n_experts`."""

    def usage(self, window: Any) -> NDArray[np.float64]:
        """The share of a window's latents that use each of them, (n_experts,)."""
        shares = np.zeros(self.n_experts)
        shares[list(self.chosen(window))] = 1
        return shares

    @abstractmethod
    def __str__(self) -> str:
        """Its codebooks, for people."""
