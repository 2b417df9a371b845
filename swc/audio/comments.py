"""Vorbis comments, the tags of FLAC and Ogg: read completely and in order, and written over libsndfile's.

Layout: xiph.org/vorbis/doc/v-comment.html; RFC 9639, section 8.6 (FLAC); RFC 7845, section 5.2 (Opus).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from swc.audio import flac, ogg
from swc.audio.feed import Range
from swc.audio.notes import Notes
from swc.audio.tags import MOST_KEY, PICTURE, FoundTags
from swc.errors import InputError

if TYPE_CHECKING:
    import soundfile as sf

FORMATS = ("FLAC", "OGG")
"""Formats whose files have Vorbis comments, as libsndfile calls them."""

_SIGNATURES = {b"\x03vorbis": b"\x01", b"OpusTags": b""}  # start of a packet, and its end
_MOST_BYTES = 2**24  # as many as FLAC has room for
_PADDING = 1  # the type of a block of FLAC's metadata


def flac_tags(file: IO[bytes], stream: flac.Flac, notes: Notes) -> FoundTags:
    """The tags of a FLAC stream."""
    metadata = stream.metadata
    data = _gathered(file, [metadata.comments] if metadata.comments else [])
    return _parsed(data, notes, [(PICTURE, size) for size in metadata.pictures])


def ogg_tags(file: IO[bytes], stream: ogg.Stream, notes: Notes) -> FoundTags:
    """The tags of a stream of Vorbis or Opus."""
    data = _gathered(file, ogg.second_packet(file, stream.ranges))
    for signature in _SIGNATURES:
        if data.startswith(signature):
            return _parsed(data[len(signature) :], notes)
    return FoundTags()


def reserve(sound: sf.SoundFile, tags: Iterable[tuple[str, str]]) -> None:
    """Have libsndfile write a placeholder comment that `put_tags` can replace by these; before the first sample."""
    size = sum(len(entry) for entry in _entries(tags))
    sound.license = " " * (size or 1)


def put_tags(path: Path, tags: Iterable[tuple[str, str]]) -> None:
    """Write tags over the comments of a complete FLAC or Ogg file in which room was reserved.

    Raises:
        InputError: there is none.
    """
    with path.open("r+b") as file:
        mark = file.read(4)
        if mark == b"fLaC":
            comments = flac.read_metadata(file, 0, file.seek(0, 2)).comments
            parts = [comments] if comments else []
        else:
            parts = ogg.second_packet(file, [(0, file.seek(0, 2))])
        old = _gathered(file, parts)
        signature = next((name for name in _SIGNATURES if old.startswith(name)), b"")
        data = signature + _built(old[len(signature) :], tags) + _SIGNATURES.get(signature, b"") if old else b""
        room = len(old) - len(data)
        if not data or room < 4:  # libsndfile's comment has a key as well, which makes it longer
            raise InputError(f"{path}: libsndfile left no room for these tags; write fewer")
        if mark == b"fLaC":
            _put_in_flac(file, parts[0], data, room)
        else:
            _put_in_ogg(file, parts, data + bytes(room))


def _put_in_flac(file: IO[bytes], block: Range, data: bytes, room: int) -> None:
    """Write a block of comments over a longer one; `room` bytes become a block of padding."""
    file.seek(block[0] - 4)
    last = file.read(1)[0] & 128
    padding = _block_header(last | _PADDING, room - 4) + bytes(room - 4)
    file.seek(block[0] - 4)
    file.write(_block_header(flac.COMMENTS, len(data)) + data + padding)


def _block_header(kind: int, size: int) -> bytes:
    return bytes([kind]) + size.to_bytes(3, "big")


def _put_in_ogg(file: IO[bytes], parts: Sequence[Range], data: bytes) -> None:
    position = 0
    for start, stop in parts:
        file.seek(start)
        file.write(data[position : position + stop - start])
        position += stop - start
    ogg.seal(file, parts[-1][1])


def _gathered(file: IO[bytes], parts: Sequence[Range]) -> bytes:
    """The bytes of some parts of a file, up to the limit for comments."""
    data = b""
    for start, stop in parts:
        file.seek(start)
        data += file.read(min(stop - start, _MOST_BYTES - len(data)))
    return data


def _parsed(data: bytes, notes: Notes, unfit: Sequence[tuple[str, int]] = ()) -> FoundTags:
    pairs, others = [], list(unfit)
    try:
        for entry in _comments(data) if data else ():
            key, equals, value = entry.decode(errors="replace").partition("=")
            if equals:
                pairs.append((key, value))
            else:
                others.append((key[:MOST_KEY], len(entry)))
    except struct.error:
        notes.say("has damaged tags, some of which are left out")
    return FoundTags.of(pairs, others)


def _comments(data: bytes) -> Iterator[bytes]:
    """Each comment, KEY=value.

    Raises:
        struct.error: the data ends within one.
    """
    position = _vendor_end(data)
    (count,) = struct.unpack_from("<I", data, position)
    position += 4
    for _ in range(count):
        (size,) = struct.unpack_from("<I", data, position)
        position += 4 + size
        yield struct.unpack_from(f"{size}s", data, position - size)[0]


def _vendor_end(data: bytes) -> int:
    return 4 + int(struct.unpack_from("<I", data)[0])


def _built(old: bytes, tags: Iterable[tuple[str, str]]) -> bytes:
    """Comments with the vendor of the old ones."""
    entries = _entries(tags)
    return old[: _vendor_end(old)] + struct.pack("<I", len(entries)) + b"".join(entries)


def _entries(tags: Iterable[tuple[str, str]]) -> list[bytes]:
    """Each tag as a comment; a NUL would end it for many programs."""
    texts = [f"{key}={value}".replace("\0", " ").encode() for key, value in tags]
    return [struct.pack("<I", len(text)) + text for text in texts]
