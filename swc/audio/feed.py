"""Parts of a file as a pipe, from which libsndfile reads to the real end instead of an estimated one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import IO

Range = tuple[int, int]
"""A range of bytes in a file: the first, and the one after the last."""

_CHUNK = 2**16  # bytes


class Feed:
    """A pipe that a thread fills with parts of a file; nothing else may read the file until it is closed.

    Attributes:
        fd: descriptor to read from.
    """

    def __init__(self, file: IO[bytes], ranges: Sequence[Range]) -> None:
        self.fd, self._into = os.pipe()
        self._thread = threading.Thread(target=self._fill, args=(file, ranges), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and free the pipe."""
        os.close(self.fd)
        self._thread.join()

    def _fill(self, file: IO[bytes], ranges: Sequence[Range]) -> None:
        # closed by its reader, or the file can no longer be read: the count of samples will show it
        with suppress(OSError), open(self._into, "wb", buffering=0) as pipe:
            for data in chunks(file, ranges):
                rest = memoryview(data)
                while rest:
                    rest = rest[pipe.write(rest) :]


def chunks(file: IO[bytes], ranges: Sequence[Range]) -> Iterator[bytes]:
    """The bytes of some parts of a file, in pieces."""
    for start, stop in ranges:
        file.seek(start)
        while start < stop and (data := file.read(min(_CHUNK, stop - start))):
            start += len(data)
            yield data
