"""What a family of payloads is to the container: the role that each of its layouts fills."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from bitarray import bitarray
from numpy.typing import NDArray

Codes = NDArray[np.int64]
"""Codes of one window of one channel, (stages, latents); -1 where a stage says nothing."""


class Choice(NamedTuple):
    """Words for a choice of codebooks: what it is, for each of which it is made, and what is chosen."""

    title: str = "routing"
    place: str = "window"
    one: str = "expert"


@dataclass(frozen=True)
class Layout(ABC):
    """How the windows of a stream are laid out in bits, and the three bytes of the header that say so.

    A window is the run of latents of one channel that is packed as a whole. What it holds is the layout's own; the
    container hands it on as it is. `Any` stands for it here.

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
        """Raise LimitError where one of its numbers is out of bounds.

        Args:
            offset: of its three bytes in the stream, for messages.
        """

    @abstractmethod
    def sizes(self, latents: int) -> range:
        """The sizes in bits, rising, that a window of so many latents can be given: the least and, by equal steps, up
        to the greatest. A window takes what it was given, or less."""

    def bounds(self, latents: int) -> tuple[int, int]:
        """The least and the greatest size in bits of a window of so many latents."""
        sizes = self.sizes(latents)
        return sizes[0], sizes[-1]

    @abstractmethod
    def pack(self, windows: Sequence[Any], lengths: Sequence[int]) -> bitarray:
        """The bits of windows one after the other.

        Args:
            windows: in the order of the payload.
            lengths: latents of each.

        Raises:
            SyntaxFormatError: a window that doesn't fit this layout or its length.
            LimitError: a code out of bounds.
        """

    @abstractmethod
    def unpack(self, bits: bitarray, lengths: Sequence[int], offset: int = 0) -> tuple[list[Any], int]:
        """The windows that the bits of a payload hold, and how many of the bits they take.

        Args:
            bits: of the payload, padding included.
            lengths: latents of each window.
            offset: byte position of the payload in the stream, for messages.

        Raises:
            SyntaxFormatError: the bits are too few, or break a rule.
        """

    @abstractmethod
    def size(self, window: Any) -> int:
        """Bits that a window takes."""

    @abstractmethod
    def breakdown(self, windows: Sequence[Any]) -> dict[str, int]:
        """Bits that windows take in all, by kind; the same kinds whatever the windows."""

    @property
    @abstractmethod
    def codebook_sizes(self) -> Sequence[int]:
        """How many codes each stage chooses from, in the order of the stages."""

    @abstractmethod
    def window(self, codes: Codes) -> Any:
        """The window of these codes.

        Raises:
            SyntaxFormatError: stages are left out (-1) where this layout cannot leave them out.
        """

    @abstractmethod
    def codes(self, window: Any) -> Codes:
        """The codes of a window."""

    @property
    @abstractmethod
    def n_experts(self) -> int:
        """How many codebooks windows choose from; 0 where there is no choice."""

    @property
    def first(self) -> int:
        """The number by which people know the first of them."""
        return 0

    @abstractmethod
    def chosen(self, window: Any) -> Sequence[int]:
        """Indices of those that a window chose, below `n_experts`."""

    def usage(self, window: Any) -> NDArray[np.float64]:
        """The share of a window's latents that use each of them, (n_experts,)."""
        shares = np.zeros(self.n_experts)
        shares[list(self.chosen(window))] = 1
        return shares

    @abstractmethod
    def __str__(self) -> str:
        """Its codebooks, for people."""
