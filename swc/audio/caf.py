"""The chunks of CAF, for what libsndfile does not report: whether a file is truncated, and all of its tags."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

_MOST_CHUNKS = 1000
_MOST_TEXT = 2**24  # bytes


def lacks(file: IO[bytes]) -> tuple[int, int] | None:
    """(Bytes of audio present, bytes stated) of a CAF file that is shorter than its header says, else None."""
    size = file.seek(0, 2)
    lengths = [(size - at, length) for name, at, length in _chunks(file) if name == b"data"]
    return next(((there, length) for there, length in lengths if length > there), None)


def texts(file: IO[bytes]) -> list[tuple[str, str]]:
    """The information strings of a CAF file: names and texts."""
    found = []
    for name, at, length in _chunks(file):
        if name == b"info" and 4 <= length <= _MOST_TEXT:
            file.seek(at + 4)
            parts = file.read(length - 4).decode(errors="replace").split("\0")
            found += list(zip(parts[::2], parts[1::2], strict=False))
    return found


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and length by its header of each chunk; none where it isn't CAF."""
    size, position = file.seek(0, 2), 8
    file.seek(0)
    if file.read(4) != b"caff":
        return
    for _ in range(_MOST_CHUNKS):
        file.seek(position)
        header = file.read(12)
        if len(header) < 12:
            break  # a position beyond the end leads here, too
        length = int(struct.unpack_from(">q", header, 4)[0])
        position += 12
        yield header[:4], position, length
        position = min(size, position + max(0, length))
