"""Exact reads from files that may return less than requested, and may not be seekable."""

from __future__ import annotations

import io
from typing import BinaryIO

from swc.errors import TruncatedError


class Source:
    """Reads a file forward and counts.

    Attributes:
        offset: bytes read so far.
    """

    def __init__(self, fp: BinaryIO) -> None:
        self.offset = 0
        self._fp = fp

    @classmethod
    def of(cls, data: bytes) -> Source:
        """A source that reads these bytes."""
        return cls(io.BytesIO(data))

    @property
    def at_hand(self) -> bool:
        """Whether all of it can be read at once: a reader may have to wait for pipes, which are not seekable."""
        return self._fp.seekable()

    def up_to(self, size: int) -> bytes:
        """Read `size` bytes, or fewer at the end of the file."""
        data = b""
        while len(data) < size:
            part = self._fp.read(size - len(data))
            if part is None:  # returned by a raw file in non-blocking mode
                raise BlockingIOError("no data yet; give swc a file that blocks")
            if not part:
                break
            data = data + part if data else part
        self.offset += len(data)
        return data

    def exactly(self, size: int, what: str) -> bytes:
        """Read `size` bytes; raise TruncatedError, naming `what` is truncated, if the file ends before."""
        data = self.up_to(size)
        if len(data) < size:
            raise TruncatedError(
                f"the stream ends within {what}; get a complete copy, or decode with `salvage`", self.offset
            )
        return data

    def skip(self, size: int) -> None:
        """Skip `size` bytes, by seeking if possible; an end of the file shows at the next read."""
        self.offset += size
        if self.at_hand:
            self._fp.seek(size, io.SEEK_CUR)
            return
        while size > 0 and (data := self._fp.read(min(size, 1 << 16))):
            size -= len(data)
