"""The chunks of a CAF file, of which libsndfile refuses one that is cut off, and FFmpeg takes it for whole."""

from __future__ import annotations

import struct
from typing import IO

_MOST_CHUNKS = 1000


def lacks(file: IO[bytes]) -> tuple[int, int] | None:
    """(Bytes of sound there, bytes stated) of a CAF file that ends before its header says, else None."""
    size, position = file.seek(0, 2), 8
    file.seek(0)
    if file.read(4) != b"caff":
        return None
    for _ in range(_MOST_CHUNKS):
        file.seek(position)
        header = file.read(12)
        if len(header) < 12:
            break  # which is where a position beyond the end leads, too
        length = struct.unpack_from(">q", header, 4)[0]
        position += 12
        if header[:4] == b"data":
            return (size - position, length) if length > size - position else None
        position = min(size, position + max(0, length))
    return None
