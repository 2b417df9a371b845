"""ID3v2 frames without text, or with text that tinytag does not read. Layout: id3.org, ID3v2.2 to 2.4."""

from __future__ import annotations

from typing import IO

_HEAD = 10  # bytes
_EXTENDED = 0x40
_NO_TEXT = (
    "AENC ASPI ATXT CHAP COMR CTOC ENCR EQU2 EQUA ETCO GEOB GRID LINK MCDI MLLT OWNE PCNT POPM POSS PRIV RBUF RGAD "
    "RVA2 RVAD RVRB SEEK SIGN SYTC USER WXXX BUF CNT CRA CRM EQU ETC GEO LNK MCI MLL POP REV RVA STC WXX"
)


def passed_over(file: IO[bytes]) -> list[tuple[str, int]]:
    """Name and bytes of each such frame of the tag at the start of a file; keeps the file's position."""
    back = file.tell()
    file.seek(0)
    found = [(name, size) for name, size in _frames(file) if name in _NO_TEXT.split()]
    file.seek(back)
    return found


def _frames(file: IO[bytes]) -> list[tuple[str, int]]:
    head = file.read(_HEAD)
    if len(head) < _HEAD or head[:3] != b"ID3":
        return []
    old, seven = head[3] == 2, head[3] == 4  # names and sizes of three bytes; sizes of seven bits a byte
    stop = _HEAD + _number(head[6:], 7)
    position = _HEAD
    if head[5] & _EXTENDED and not old:
        size = _number(file.read(4), 7 if seven else 8)
        position += size if seven else 4 + size
    frames = []
    while position < stop:
        file.seek(position)
        head = file.read(6 if old else 10)
        name = head[: 3 if old else 4].decode("latin-1")
        if len(head) < (6 if old else 10) or not name.isalnum():  # padding
            break
        size = _number(head[3:6], 8) if old else _number(head[4:8], 7 if seven else 8)
        frames.append((name, size))
        position += len(head) + size
    return frames


def _number(data: bytes, bits: int) -> int:
    """Bytes of so many bits each, the most significant first."""
    value = 0
    for byte in data:
        value = value << bits | byte
    return value
