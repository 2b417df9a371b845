"""The role of a family of payloads in the container, which each of its layouts fills."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from bitarray import bitarray
from numpy.typing import NDArray

Codes = NDArray[np.int64]
"""Codes of one window of one channel, (stages, latents); -1 where a stage is unused."""


@dataclass(frozen=True)
class Layout(ABC):
    """How the windows of a stream are laid out in bits, and the three bytes of the header that say so.

    A window is the run of latents of one channel that is packed as a whole. Its contents are the layout's own; the
    container passes them on unchanged. `Any` stands for them here.

    Attributes:
        family: number in the header.
        name: of the family.
    """

    family: ClassVar[int]
    name: ClassVar[str]

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
        """The possible sizes in bits of a window of so many latents: ascending from the least to the greatest, by equal
        steps."""

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
        """Size of a window in bits; one of `sizes`, if these are all possible ones."""

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

    @abstractmethod
    def chosen(self, window: Any) -> Sequence[int]:
        """Indices of the codebooks that a window chose, below `n_experts`."""

    @abstractmethod
    def __str__(self) -> str:
        """Its codebooks, for people."""
