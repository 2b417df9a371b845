"""Exact reads from files that may return less than they are asked for, and cannot seek."""

from __future__ import annotations

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

    def up_to(self, size: int) -> bytes:
        """Read `size` bytes, or fewer where the file ends before."""
        data = bytearray()
        while len(data) < size:
            part = self._fp.read(size - len(data))
            if part is None:  # what a raw file in non-blocking mode returns
                raise BlockingIOError("no data yet; give swc a file that blocks")
            if not part:
                break
            data += part
        self.offset += len(data)
        return bytes(data)

    def exactly(self, size: int, what: str) -> bytes:
        """Read `size` bytes; raise TruncatedError, naming `what` is cut off, where the file ends before."""
        data = self.up_to(size)
        if len(data) < size:
            raise TruncatedError(f"the stream ends within {what}; get a complete copy", self.offset)
        return data
