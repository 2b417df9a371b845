"""Stream: a whole stream in memory, and where its bits go."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from swc.bitstream import edit
from swc.bitstream.coupling import Couplings
from swc.bitstream.framing import CHUNK_OVERHEAD, END_SIZE
from swc.bitstream.header import header_size
from swc.bitstream.reader import StreamReader
from swc.bitstream.structure import Chunk, Header
from swc.bitstream.tokens import chunks_of, codes_of, mask_of, samples_of, windows_in
from swc.bitstream.writer import StreamWriter
from swc.errors import InputError
from swc.files import open_input, replacing


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

        All windows are kept in memory: 2 bytes a code and some 300 a window. StreamReader keeps one chunk at a time.

        Raises:
            FormatError: one of its subclasses, for bytes that aren't a stream.
        """
        reader = StreamReader(fp)
        chunks = tuple(reader)
        return cls(reader.header, chunks, cast(int, reader.total_samples))  # known at the end

    @classmethod
    def from_bytes(cls, data: bytes) -> Stream:
        """Read a stream from bytes; raises as `read` does."""
        return cls.read(io.BytesIO(data))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Stream:
        """Read the stream in a file; raises as `read` does."""
        with Path(path).open("rb") as fp:
            return cls.read(fp)

    @classmethod
    def of(cls, given: AnyStream) -> Stream:
        """A stream given as itself, as its bytes or as the path of its file.

        Raises:
            InputError: something else, or a file that cannot be read.
            FormatError: bytes that are not a stream.
        """
        if isinstance(given, Stream):
            return given
        if isinstance(given, bytes | bytearray | memoryview):
            return cls.from_bytes(bytes(given))
        if not isinstance(given, str | os.PathLike):
            raise InputError(f"`stream` must be a Stream, bytes or a path, not {type(given).__name__}")
        try:
            with open_input(Path(given)) as fp:
                return cls.read(fp)
        except OSError as error:
            raise InputError(f"{given}: cannot be read: {error.strerror}") from None

    def write(self, fp: BinaryIO) -> None:
        """Write the stream; raises as StreamWriter does."""
        writer = StreamWriter(fp, self.header)
        for chunk in self.chunks:
            writer.write_chunk(chunk)
        writer.finish(self.total_samples)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the stream to a file, which is replaced when the new one is complete; raises as `write` does."""
        with replacing(Path(path)) as temporary, temporary.open("wb") as fp:
            self.write(fp)

    def to_bytes(self) -> bytes:
        """The stream's bytes; raises as StreamWriter does."""
        fp = io.BytesIO()
        self.write(fp)
        return fp.getvalue()

    @property
    def at_hand(self) -> bool:
        """True: it is complete."""
        return True

    def chunks_from(self, index: int) -> Iterator[Chunk]:
        """The chunks from `index` on."""
        return iter(self.chunks[index:])

    def codes(self) -> NDArray[np.int64]:
        """All codes: (coded channels, stages, latents), -1 where a latent has no code of a stage.

        Stages are in the order of `header.layout.codebook_sizes`; those of the `revq` family are the shared codebooks,
        then the experts by index. Which experts a window chose follows from its codes; `mask` states the same in
        another form.
        """
        return codes_of(self.header, self.chunks)

    def mask(self) -> NDArray[np.bool_]:
        """Which experts each window chose: (channels, experts, windows), with no experts if the layout has none.

        Window w starts at latent w * header.window. In the `revq` family expert e is stage n_shared + e.
        """
        return mask_of(self.header, self.chunks)

    @property
    def couplings(self) -> tuple[Couplings, ...]:
        """How the channels of each of `header.pairs` are made from their coded channel, chunk by chunk."""
        return tuple(chunk.couplings for chunk in self.chunks)

    @classmethod
    def from_codes(
        cls,
        codes: Any,
        header: Header,
        total_samples: int | None = None,
        couplings: Sequence[Couplings] | None = None,
    ) -> Stream:
        """The stream with these codes.

        From a stream's own codes, header, total_samples and couplings, it is the same stream, to the byte.

        Args:
            codes: whole numbers (coded channels, stages, latents), as `codes` gives them; an array or a tensor.
            header: of that stream, or `Codec.header` for another.
            total_samples: per channel; None takes the header's or, if unknown there, as many as the latents can hold.
            couplings: of each chunk, where the header couples channels; None makes the channels of each pair equal.

        Raises:
            InputError: codes of another shape, out of bounds, or that the layout cannot hold; couplings that do not
                fit; or a number of latents that does not match the samples.
        """
        chunks = chunks_of(header, windows_in(codes, header), couplings)
        total = samples_of(header, sum(chunk.latents for chunk in chunks), total_samples)
        known = header if header.total_samples in (None, total) else replace(header, total_samples=total)
        return cls(known, chunks, total)

    def cut(self, start: float, stop: float | None = None) -> Stream:
        """The chunks that hold the seconds `start` to `stop` (None: to the end), as a stream of their own.

        Codes are copied. The piece may be longer on either side, by less than a chunk. `stream[2.5:10]` is the same.

        Raises:
            InputError: nothing lies between them.
        """
        rate = self.header.source_rate
        builder = StreamBuilder()
        edit.cut(self, builder.open, round(start * rate), None if stop is None else round(stop * rate))
        return builder.stream

    def __getitem__(self, seconds: slice) -> Stream:
        if not isinstance(seconds, slice) or seconds.step is not None:
            raise TypeError("a stream is sliced by seconds, as in stream[2.5:10]")
        return self.cut(seconds.start or 0.0, seconds.stop)

    @classmethod
    def join(cls, streams: Iterable[Stream]) -> Stream:
        """One stream of several, chunk after chunk; each but the last must end on a full chunk, as `cut` makes them.

        Raises:
            InputError: streams that cannot follow each other.
        """
        builder = StreamBuilder()
        edit.join(list(streams), builder.open)
        return builder.stream

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

    @property
    def overhead(self) -> float:
        """Share of the bytes, 0 to 1, that are neither masks nor codes nor couplings nor tags."""
        bits = self.breakdown()
        return (bits["header"] + bits["framing"] + bits["padding"]) / sum(bits.values())

    def breakdown(self) -> dict[str, int]:
        """Bits by kind: header without tags, tags, framing (chunk overhead and end chunk), the layout's kinds (masks
        and codes), couplings if channels are coupled, padding."""
        layout, windows, couplings, padding = self.header.layout, list[Any](), 0, 0
        for chunk in self.chunks:
            bits = sum(map(len, chunk.couplings))
            couplings += bits
            for channels in chunk.windows:
                windows += channels
                for window in channels:
                    bits += layout.size(window)
            padding += -bits % 8
        header = header_size(self.header.with_tags(()))
        return {
            "header": header * 8,
            "tags": (header_size(self.header) - header) * 8,
            "framing": (CHUNK_OVERHEAD * len(self.chunks) + END_SIZE) * 8,
            **layout.breakdown(windows),
            **({"couplings": couplings} if self.header.pairs else {}),
            "padding": padding,
        }


AnyStream = Stream | bytes | str | os.PathLike[str]
"""A stream, its bytes, or the path of its file."""


class StreamBuilder:
    """Collects a stream in memory, as StreamWriter writes one to a file, but without checks.

    Attributes:
        stream: once it is finished.
    """

    stream: Stream

    def open(self, header: Header) -> StreamBuilder:
        """Begin a stream under this header."""
        self._header, self._chunks = header, list[Chunk]()
        return self

    def write_chunk(self, chunk: Chunk) -> None:
        """Append a chunk."""
        self._chunks.append(chunk)

    def finish(self, total_samples: int) -> None:
        """End the stream of `total_samples` samples per channel at source_rate."""
        self.stream = Stream(self._header, tuple(self._chunks), total_samples)
