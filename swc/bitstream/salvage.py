"""SalvageReader: the intact rest of a damaged stream, every chunk at its place.

Where no intact chunk starts, the bytes are searched for the next one. A chunk's CRC covers its index, which is not in
the stream; since the map from index to CRC is one to one, the index is solved for and then judged.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import BinaryIO

from swc.bitstream import framing
from swc.bitstream.crc import solve_word, unwind
from swc.bitstream.header import MAGIC
from swc.bitstream.limits import LIMITS
from swc.bitstream.payload import unpack
from swc.bitstream.reader import read_header
from swc.bitstream.source import Source
from swc.bitstream.structure import Chunk
from swc.errors import FormatError

_HEAD = framing.SYNC_SIZE + framing.CHUNK_FIELDS.size
_SEARCH = 4096  # bytes read at a time during a search
_REPAIR = 512  # bytes of the header that are searched for a wrong bit
_FREE_GAP = 3600.0  # seconds of audio that may be missing for no visible reason
_TRY, _GLANCE = 4096, 256  # cost of examining a false chunk, and a false sync, in bytes read


@dataclass(frozen=True)
class Loss:
    """A stretch of the stream without an intact chunk.

    Attributes:
        offset: of its first byte.
        size: in bytes; 0 where bytes are missing.
        first: index of the first chunk that is missing.
        stop: one more than the last; equal to `first` if none is missing, or if unknown.
    """

    offset: int
    size: int
    first: int
    stop: int


class SalvageReader:
    """Iterates over a damaged stream: its chunks in order, and None for each that is lost.

    A stream without damage gives the same chunks as StreamReader. Every chunk has a matching CRC and a place after
    those of the previous ones. The missing end of a truncated stream isn't filled in.

    Args:
        fp: binary file at the start of a stream; it is only read forward.

    Attributes:
        header: of the stream.
        repaired_bit: the bit of the header that was flipped back (8 x byte + place from the lowest bit), or None.
        losses: so far.
        n_chunks: chunks so far, lost ones included.
        total_samples: per channel at source_rate; certain once the iteration has ended, before that the header's claim
            or None.
        cut_off: the stream has no end chunk; known when the iteration has ended.
        end_mismatch: the end chunk's CRC doesn't match though all chunks are present: one may be of another stream.

    Raises:
        FormatError: the header cannot be read; never because of chunks.
        OSError: from `fp`.
    """

    def __init__(self, fp: BinaryIO) -> None:
        self._source = Source(fp)
        self._buffer = bytearray()
        self.repaired_bit: int | None = None
        data = self._read_header()
        self._buffer = self._buffer[len(data) :]
        self._position = len(data)  # of the buffer's first byte in the stream
        self._seed = data[-framing.CRC.size :]
        self._running_crc = zlib.crc32(self._seed)
        header = self.header
        self.total_samples = header.total_samples
        self._stated_chunks = None if header.total_samples is None else header.chunks_for(header.total_samples)
        self._bounds = lru_cache(64)(header.payload_bounds)
        self.losses: list[Loss] = []
        self.n_chunks = 0
        self.cut_off = False
        self.end_mismatch = False
        self._latents = 0
        self._ended = False  # whether the end chunk was found
        self._damage: int | None = None  # its beginning
        self._found = self._missing = self._lost_bytes = self._tried = 0

    @property
    def at_hand(self) -> bool:
        """Whether all of it can be read at once, without waiting for a pipe."""
        return self._source.at_hand

    @property
    def damaged(self) -> bool:
        """Whether damage was found so far; final once the iteration has ended."""
        return bool(self.losses) or self.repaired_bit is not None or self.cut_off or self.end_mismatch

    def chunks_from(self, index: int) -> Iterator[Chunk | None]:
        """The chunks from `index` on; those before are read too."""
        return islice(iter(self), index, None)

    def __iter__(self) -> Iterator[Chunk | None]:
        while not self._ended and self._fill(1) and self._tried <= 8 * self._position + 2**20:
            start = self._buffer[: framing.SYNC_SIZE] if self._fill(framing.SYNC_SIZE) else b""
            if start == framing.CHUNK_SYNC and (found := self._chunk_here()):
                index, chunk, payload = found
                yield from self._gap(index)
                yield self._accept(chunk, payload)
            elif start == framing.END_SYNC and (end := self._end_here()):
                n_chunks, total = end
                yield from self._gap(n_chunks)
                self._drop(framing.END_SIZE)
                self.total_samples, self._ended = total, True
            else:
                self._search_on()
        self.cut_off = not self._ended
        self._finish()

    def _read_header(self) -> bytes:
        """Parse the header, and correct a single wrong bit in it."""
        self._gather(LIMITS["header_length"][1])
        whole = bytes(self._buffer)
        try:
            self.header, data = read_header(Source.of(whole))
            return data
        except FormatError as error:
            first = error
        for bit in range(8 * min(_REPAIR, len(whole)) if len(whole) > len(MAGIC) else 0):
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            try:
                self.header, data = read_header(Source.of(bytes(flipped)))
            except FormatError:
                continue
            self.repaired_bit = bit
            return data
        raise first

    def _fill(self, size: int) -> bool:
        """Whether the buffer holds `size` bytes, after reading more if needed."""
        self._gather(size)
        return len(self._buffer) >= size

    def _gather(self, size: int) -> None:
        """Read up to `size` bytes into the buffer."""
        if len(self._buffer) < size:
            self._buffer += self._source.up_to(size - len(self._buffer))

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._position += size

    def _chunk_here(self) -> tuple[int, Chunk, bytes] | None:
        """Index, content and payload of the intact chunk at the start of the buffer."""
        if not self._fill(_HEAD):
            return None
        latents, size = framing.CHUNK_FIELDS.unpack_from(self._buffer, framing.SYNC_SIZE)
        if not 1 <= latents <= self.header.chunk_latents:
            return None
        least, most = self._bounds(latents)
        if not least <= size <= most or not self._fill(_HEAD + size + framing.CRC.size):
            return None
        body = bytes(self._buffer[: _HEAD + size])
        (crc,) = framing.CRC.unpack_from(self._buffer, len(body))
        index = self._index_of(body, crc)
        if self._may_stand(index, latents):
            try:
                return index, unpack(self.header, latents, body[_HEAD:]), body[_HEAD:]
            except FormatError:
                pass
        self._tried += _TRY + size
        return None

    def _index_of(self, body: bytes, crc: int) -> int:
        """The index for which a chunk has this CRC."""
        seed = zlib.crc32(self._seed)
        if zlib.crc32(body, zlib.crc32(framing.CRC.pack(self.n_chunks), seed)) == crc:
            return self.n_chunks
        return solve_word(seed, unwind(crc, body))

    def _may_stand(self, index: int, latents: int) -> bool:
        """Whether a chunk of this index and size can be the next intact one."""
        full = self.header.chunk_latents
        if not self.n_chunks <= index < self._most_chunks() or self._latents % full:
            return False
        if self.header.total_samples is None:
            return True
        return latents == min(full, self.header.latents_for(self.header.total_samples) - index * full)

    def _most_chunks(self) -> int:
        """The most chunks that may come before here: a hostile stream must not claim that years are missing."""
        header = self.header
        least = framing.CHUNK_OVERHEAD + self._bounds(header.chunk_latents)[0]
        free = _FREE_GAP * header.model_rate / (header.chunk_latents * header.hop)
        lost = self._lost_bytes + (0 if self._damage is None else self._position - self._damage)
        most = self.n_chunks + 1 + int(free) + 4 * self._found + lost // least - self._missing
        return most if self._stated_chunks is None else min(most, self._stated_chunks)

    def _accept(self, chunk: Chunk, payload: bytes) -> Chunk:
        self._running_crc = zlib.crc32(payload, self._running_crc)
        self._drop(_HEAD + len(payload) + framing.CRC.size)
        self._latents = self.n_chunks * self.header.chunk_latents + chunk.latents
        self.n_chunks += 1
        self._found += 1
        return chunk

    def _end_here(self) -> tuple[int, int] | None:
        """Number of chunks and total samples of the end chunk at the start of the buffer, if they are plausible."""
        if not self._fill(framing.END_SIZE):
            return None
        total, n_chunks = framing.END_FIELDS.unpack_from(self._buffer, framing.SYNC_SIZE)
        stated = self.header.total_samples
        if total > LIMITS["total_samples"][1] or (stated is not None and total != stated):
            return None
        if n_chunks != self.header.chunks_for(total) or not self.n_chunks <= n_chunks <= self._most_chunks():
            return None
        if n_chunks == self.n_chunks and self._latents != self.header.latents_for(total):
            return None
        if not self._missing and n_chunks == self.n_chunks:
            body = bytes(self._buffer[: framing.END_SIZE - framing.CRC.size])
            (crc,) = framing.CRC.unpack_from(self._buffer, len(body))
            self.end_mismatch = zlib.crc32(body, self._running_crc) != crc
        return n_chunks, total

    def _gap(self, index: int) -> Iterator[None]:
        """Note the damage before chunk `index` or the end; yield None for each chunk lost in it."""
        if self._damage is None and index == self.n_chunks:
            return
        offset = self._position if self._damage is None else self._damage
        self._note(offset, index)
        self._missing += index - self.n_chunks
        while self.n_chunks < index:
            self.n_chunks += 1
            yield None
        self._latents = index * self.header.chunk_latents

    def _note(self, offset: int, stop: int) -> None:
        size = self._position - offset
        self.losses.append(Loss(offset, size, self.n_chunks, stop))
        self._lost_bytes += size
        self._damage = None

    def _search_on(self) -> None:
        """Drop bytes up to the possible start of a chunk."""
        if self._damage is None:
            self._damage = self._position
        self._tried += _GLANCE
        self._gather(_SEARCH)
        hits = [at for sync in (framing.CHUNK_SYNC, framing.END_SYNC) if (at := self._buffer.find(sync, 1)) > 0]
        # the last byte may be the first half of a sync
        self._drop(min(hits, default=max(1, len(self._buffer) - 1)))

    def _finish(self) -> None:
        """Account for bytes after the end chunk, or for a missing end."""
        while self._fill(_SEARCH) or self._buffer:
            self._damage = self._position if self._damage is None else self._damage
            self._drop(len(self._buffer))
        stop = self.n_chunks
        if self.cut_off and self._stated_chunks is not None:
            stop = self._stated_chunks
        if self._damage is not None or stop > self.n_chunks:
            self._note(self._position if self._damage is None else self._damage, stop)
        if self.cut_off:
            self._end_samples()

    def _end_samples(self) -> None:
        """Without an end chunk, the stream ends with the last chunk found."""
        most = self.header.samples_for(self._latents)
        stated = self.header.total_samples
        self.total_samples = most if stated is None else min(most, stated)
