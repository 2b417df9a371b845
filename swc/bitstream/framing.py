"""The framing of chunks, and the rules on their order that reader and writer share."""

from __future__ import annotations

import struct
import zlib

from swc.bitstream.limits import check_limit
from swc.bitstream.structure import Header
from swc.errors import SyntaxFormatError

CHUNK_SYNC = b"\xc5\x5c"
END_SYNC = b"\x3a\xa3"
SYNC_SIZE = 2
CHUNK_FIELDS = struct.Struct("<HH")
"""Latents and payload length, after the sync bytes."""
END_FIELDS = struct.Struct("<QI")
"""Total samples and number of chunks, after the sync bytes."""
CRC = struct.Struct("<I")
"""A checksum, and a chunk's index where it seeds one."""

CHUNK_OVERHEAD = SYNC_SIZE + CHUNK_FIELDS.size + CRC.size
"""Bytes that a chunk takes beyond its payload."""
END_SIZE = SYNC_SIZE + END_FIELDS.size + CRC.size
"""Bytes that the end chunk takes."""


class Ledger:
    """Counts kept by reader and writer alike, so that neither accepts what the other refuses.

    Attributes:
        chunks: chunks so far.
        latents: latents so far, per channel.
        whole: no payload was skipped, so the end CRC can be checked.
    """

    def __init__(self, header: Header, header_bytes: bytes) -> None:
        self.chunks = 0
        self.latents = 0
        self.whole = True
        self._header = header
        self._seed_crc = self._running_crc = zlib.crc32(header_bytes[-CRC.size :])
        self._partial = False

    def chunk_crc(self, fields: bytes, payload: bytes) -> bytes:
        """CRC of the next chunk, tied to this stream and to the chunk's place in it."""
        start = zlib.crc32(CRC.pack(self.chunks) + CHUNK_SYNC + fields, self._seed_crc)
        return CRC.pack(zlib.crc32(payload, start))

    def end_crc(self, fields: bytes) -> bytes:
        """CRC of the end chunk and of every payload before it."""
        return CRC.pack(zlib.crc32(END_SYNC + fields, self._running_crc))

    def check_room(self, latents: int, offset: int | None = None) -> None:
        """Raise SyntaxFormatError or LimitError if a chunk of `latents` may not come next."""
        full = self._header.chunk_latents
        if self._partial:
            raise SyntaxFormatError("a chunk follows one that is not full", offset)
        if not 1 <= latents <= full:
            raise SyntaxFormatError(f"a chunk has {latents} latents, allowed are 1 to {full}", offset)
        check_limit("chunks", self.chunks + 1, offset)

    def add(self, latents: int, payload: bytes | None) -> None:
        """Count a chunk that was checked; None stands for a payload that was skipped."""
        self.chunks += 1
        self.latents += latents
        self._partial = latents < self._header.chunk_latents
        if payload is None:
            self.whole = False
        else:
            self._running_crc = zlib.crc32(payload, self._running_crc)

    def check_total(self, total_samples: int, offset: int | None = None) -> None:
        """Raise LimitError or SyntaxFormatError if the stream may not end with this many samples."""
        header = self._header
        check_limit("total_samples", total_samples, offset)
        claim = header.total_samples
        if claim not in (None, total_samples):
            raise SyntaxFormatError(f"{total_samples} samples at the end, {claim} in the header", offset)
        expected = header.latents_for(total_samples)
        if self.latents != expected:
            raise SyntaxFormatError(
                f"{total_samples} samples take {expected} latents, the stream has {self.latents}", offset
            )
