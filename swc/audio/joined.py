"""Concatenated AIFF or MP4 files, of which every reader sees only the first."""

from __future__ import annotations

import struct
from typing import IO

_MOST_BOXES = 100_000


def second_start(file: IO[bytes]) -> int | None:
    """The byte at which a second file starts in one of AIFF or MP4, else None."""
    file.seek(0)
    head = file.read(12)
    if len(head) < 12:
        return None
    if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        return _after_form(file, 8 + int(struct.unpack_from(">I", head, 4)[0]))
    return _second_brand(file) if head[4:8] == b"ftyp" else None


def _after_form(file: IO[bytes], position: int) -> int | None:
    for start in (position, position + 1):  # an odd chunk may be padded
        file.seek(start)
        head = file.read(12)
        if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
            return start
    return None


def _second_brand(file: IO[bytes]) -> int | None:
    """The first ftyp box that comes after a moov box."""
    position, movies, end = 0, 0, file.seek(0, 2)
    for _ in range(_MOST_BOXES):
        file.seek(position)
        head = file.read(16)
        if len(head) < 8:
            break
        size = int(struct.unpack_from(">I", head)[0])
        if size == 1 and len(head) == 16:
            size = int(struct.unpack_from(">Q", head, 8)[0])
        if head[4:8] == b"ftyp" and movies:
            return position
        movies += head[4:8] == b"moov"
        if size < 8:
            break
        position = min(end, position + size)
    return None
