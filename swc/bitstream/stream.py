"""Stream: a whole stream in memory, and where its bits go."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from swc.bitstream.framing import CHUNK_OVERHEAD, END_SIZE
from swc.bitstream.header import header_size
from swc.bitstream.payload import window_bits
from swc.bitstream.reader import StreamReader
from swc.bitstream.structure import Chunk, Header
from swc.bitstream.writer import StreamWriter


@dataclass(frozen=True)
class Stream:
    """A complete stream.

    Attributes:
        header: its total_samples may be None; the stream's own never is.
        chunks: in order.
        total_samples: per channel at header.source_rate.
    """

    header: Header
    chunks: tuple[Chunk, ...]
    total_samples: int

    @classmethod
    def read(cls, fp: BinaryIO) -> Stream:
        """Read a stream to its end, which must be the end of `fp`.

        All windows are held: 2 bytes a code and some 250 a window. StreamReader holds a chunk at a time.

        Raises:
            FormatError: one of its subclasses, for bytes that aren't a stream.
        """
        reader = StreamReader(fp)
        chunks = tuple(reader)
        return cls(reader.header, chunks, cast(int, reader.total_samples))  # known at the end

    @classmethod
    def from_bytes(cls, data: bytes) -> Stream:
        """Read the stream that `data` is; raises as `read` does."""
        return cls.read(io.BytesIO(data))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Stream:
        """Read the stream in a file; raises as `read` does."""
        with Path(path).open("rb") as fp:
            return cls.read(fp)

    def write(self, fp: BinaryIO) -> None:
        """Write the stream; raises as StreamWriter does."""
        writer = StreamWriter(fp, self.header)
        for chunk in self.chunks:
            writer.write_chunk(chunk)
        writer.finish(self.total_samples)

    def to_bytes(self) -> bytes:
        """The stream's bytes; raises as StreamWriter does."""
        fp = io.BytesIO()
        self.write(fp)
        return fp.getvalue()

    @property
    def duration(self) -> float:
        """Duration in seconds."""
        return self.total_samples / self.header.source_rate

    @property
    def n_bytes(self) -> int:
        """Size in bytes of the whole stream."""
        return sum(self.breakdown().values()) // 8

    @property
    def kbps(self) -> float:
        """Bitrate in kbit/s, every byte of the stream counted; 0.0 for a stream of no samples."""
        return self.n_bytes * 8 / self.duration / 1000 if self.total_samples else 0.0

    def breakdown(self) -> dict[str, int]:
        """Bits by kind: header, framing (chunk overhead and end chunk), masks, codes, padding."""
        masks = codes = padding = 0
        for chunk in self.chunks:
            chunk_bits = chunk_masks = 0
            for window in (window for channels in chunk.windows for window in channels):
                chunk_masks += self.header.n_routed
                chunk_bits += window_bits(self.header, window.codes.shape[1], len(window.experts))
            masks += chunk_masks
            codes += chunk_bits - chunk_masks
            padding += -chunk_bits % 8
        return {
            "header": header_size(self.header) * 8,
            "framing": (CHUNK_OVERHEAD * len(self.chunks) + END_SIZE) * 8,
            "masks": masks,
            "codes": codes,
            "padding": padding,
        }
