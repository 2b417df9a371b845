"""Where chunks come from and where they go: a file, or a stream in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from swc.bitstream.structure import Chunk, Header


class LossySource(Protocol):
    """A stream that may lack chunks, such as SalvageReader.

    Attributes:
        header: of the stream.
        total_samples: per channel at source_rate; None while unknown.
        at_hand: whether all of it can be read at once, without waiting for a pipe.
    """

    @property
    def header(self) -> Header: ...

    @property
    def total_samples(self) -> int | None: ...

    @property
    def at_hand(self) -> bool: ...

    def chunks_from(self, index: int, /) -> Iterator[Chunk | None]:
        """The chunks from `index` on; None for each that is lost."""


class ChunkSource(LossySource, Protocol):
    """A stream without damage, such as StreamReader and Stream."""

    def chunks_from(self, index: int, /) -> Iterator[Chunk]:
        """The chunks from `index` on."""


class ChunkSink(Protocol):
    """A stream in the making, such as StreamWriter and StreamBuilder."""

    def write_chunk(self, chunk: Chunk, /) -> None:
        """Append a chunk; every one but the last must be full."""

    def finish(self, total_samples: int, /) -> None:
        """End the stream, of `total_samples` samples per channel at source_rate."""
