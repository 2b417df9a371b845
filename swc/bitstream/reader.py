"""StreamReader: chunk after chunk from any file, each verified before it is handed out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from swc.bitstream import framing, kinds
from swc.bitstream.header import MAGIC, PREFIX_SIZE, decode_header, header_length
from swc.bitstream.payload import unpack
from swc.bitstream.source import Source
from swc.bitstream.structure import Chunk, Header
from swc.errors import ChecksumError, NotSwcError, SyntaxFormatError, TruncatedError

_CHUNK_START = framing.SYNC_SIZE + framing.CHUNK_FIELDS.size


class StreamReader:
    """Iterates over the chunks of a stream; holds one chunk at a time, and seeks only where `skip_to` can.

    Reads the header at once; iteration ends when the end chunk was verified and nothing follows it.

    Args:
        fp: binary file at the start of a stream; short reads are fine.

    Attributes:
        header: of the stream.
        total_samples: per channel at source_rate; the header's claim until the end chunk was verified.

    Raises:
        FormatError: one of its subclasses, here and while iterating, for bytes that aren't a stream.
        OSError: from `fp`.
    """

    header: Header
    total_samples: int | None

    def __init__(self, fp: BinaryIO) -> None:
        self._source = Source(fp)
        self.header, header_bytes = read_header(self._source)
        self.total_samples = self.header.total_samples
        self._ledger = framing.Ledger(self.header, header_bytes)
        self._end_fields = b""
        self._ended = False

    def skip_to(self, index: int) -> None:
        """Skip to chunk `index`, or to the end of a stream that has fewer.

        Skipped chunks aren't verified, and neither is the end CRC, which covers them.
        """
        while not self._ended and self._ledger.chunks < index:
            fields = self._next_fields()
            if fields is None:
                self._read_end()
                return
            latents, size = framing.CHUNK_FIELDS.unpack(fields)
            self._ledger.check_room(latents, self._source.offset - framing.CHUNK_FIELDS.size)
            self._source.skip(size + framing.CRC.size)
            self._ledger.add(latents, None)

    def chunks_from(self, index: int) -> Iterator[Chunk]:
        """The chunks from `index` on."""
        self.skip_to(index)
        return iter(self)

    @property
    def at_hand(self) -> bool:
        """Whether all of it can be read at once, without waiting for a pipe."""
        return self._source.at_hand

    @property
    def n_chunks(self) -> int:
        """Chunks read so far."""
        return self._ledger.chunks

    @property
    def bytes_read(self) -> int:
        """Bytes taken from the file so far."""
        return self._source.offset

    def __iter__(self) -> Iterator[Chunk]:
        while not self._ended:
            fields = self._next_fields()
            if fields is None:
                self._read_end()
            else:
                yield self._read_chunk(fields)

    def _next_fields(self) -> bytes | None:
        """Read the sync bytes and the fields before the payload of a chunk; None at the end chunk."""
        offset = self._source.offset
        start = self._source.up_to(_CHUNK_START)  # the end chunk is longer
        if start.startswith(framing.END_SYNC):
            self._end_fields = start[framing.SYNC_SIZE :]
            return None
        if len(start) < framing.SYNC_SIZE or (start.startswith(framing.CHUNK_SYNC) and len(start) < _CHUNK_START):
            raise TruncatedError(
                "the stream has no end chunk; get a complete copy, or decode with `salvage`", self._source.offset
            )
        if start.startswith(framing.CHUNK_SYNC):
            return start[framing.SYNC_SIZE :]
        raise SyntaxFormatError(
            "neither a chunk nor the end chunk starts here; get an undamaged copy, or decode with `salvage`", offset
        )

    def _read_chunk(self, fields: bytes) -> Chunk:
        """Read the rest of a chunk after its fields."""
        latents, size = framing.CHUNK_FIELDS.unpack(fields)
        payload_offset = self._source.offset
        offset = payload_offset - len(fields) - framing.SYNC_SIZE
        rest = self._source.exactly(size + framing.CRC.size, "a chunk")
        payload = rest[:size]
        if rest[size:] != self._ledger.chunk_crc(fields, payload):
            what = f"chunk {self._ledger.chunks}"
            raise ChecksumError(
                f"the CRC of {what} does not match: damaged or misplaced; get another copy or decode with `salvage`",
                offset,
            )
        self._ledger.check_room(latents, offset + framing.SYNC_SIZE)
        chunk = unpack(self.header, latents, payload, payload_offset)
        self._ledger.add(latents, payload)
        return chunk

    def _read_end(self) -> None:
        """Read the rest of the end chunk after its first fields, `_end_fields`."""
        offset = self._source.offset - framing.SYNC_SIZE - len(self._end_fields)
        rest = framing.END_FIELDS.size - len(self._end_fields)
        fields = self._end_fields + self._source.exactly(rest, "the end chunk")
        crc = self._source.exactly(framing.CRC.size, "the end chunk")
        if self._ledger.whole and crc != self._ledger.end_crc(fields):
            raise ChecksumError(
                "the CRC of the end chunk does not match: it or a chunk is damaged or misplaced; decode with `salvage`",
                offset,
            )
        total_samples, n_chunks = framing.END_FIELDS.unpack(fields)
        if n_chunks != self._ledger.chunks:
            raise SyntaxFormatError(
                f"the end chunk counts {n_chunks} chunks, there are {self._ledger.chunks}", offset + 10
            )
        self._ledger.check_total(total_samples, offset + framing.SYNC_SIZE)
        end = self._source.offset
        if self._source.up_to(1):
            raise SyntaxFormatError("there are bytes after the end chunk", end)
        self.total_samples = total_samples
        self._ended = True


def read_header(source: Source) -> tuple[Header, bytes]:
    """The header at the start of a stream, parsed and as bytes; raises as StreamReader does."""
    prefix = source.up_to(PREFIX_SIZE)
    if not prefix or not MAGIC.startswith(prefix[: len(MAGIC)]):
        more = source.up_to(kinds.SNIFF_SIZE - len(prefix)) if len(prefix) == PREFIX_SIZE else b""
        raise NotSwcError(kinds.describe(prefix + more), 0)
    if len(prefix) < PREFIX_SIZE:
        raise TruncatedError("the stream ends within the header; get a complete copy", len(prefix))
    data = prefix + source.exactly(header_length(prefix) - PREFIX_SIZE, "the header")
    return decode_header(data), data
