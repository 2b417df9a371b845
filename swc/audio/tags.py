"""Tags of audio files: the nine strings that libsndfile knows, under their names in Vorbis comments."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from swc.bitstream import Tags

if TYPE_CHECKING:
    import soundfile as sf

KEYS = ("TITLE", "ARTIST", "ALBUM", "DATE", "TRACKNUMBER", "GENRE", "COMMENT", "COPYRIGHT", "LICENSE")

_INFO = {  # what libsndfile calls them in a WAV file; a licence has no name there
    "TITLE": b"INAM",
    "ARTIST": b"IART",
    "ALBUM": b"IPRD",
    "DATE": b"ICRD",
    "TRACKNUMBER": b"ITRK",
    "GENRE": b"IGNR",
    "COMMENT": b"ICMT",
    "COPYRIGHT": b"ICOP",
}


def read_tags(sound: sf.SoundFile) -> Tags:
    """The tags of an open file; bytes that are not UTF-8 come as U+FFFD."""
    values = ((key, getattr(sound, key.lower())) for key in KEYS)
    return tuple((key, value) for key, value in values if value)


def wav_tags(head: bytes) -> Tags:
    """The tags in a WAV file of which `head` is all up to its first sample, as libsndfile reads them."""
    import soundfile as sf

    with suppress(sf.SoundFileError), sf.SoundFile(io.BytesIO(head)) as sound:
        return read_tags(sound)
    return ()


def set_tags(sound: sf.SoundFile, tags: Iterable[tuple[str, str]]) -> None:
    """Give a file that is open for writing the tags that its format can hold; call it before the first sample."""
    import soundfile as sf

    for key, value in _strings(tags).items():
        if sound.format in ("WAV", "RF64") and key not in _INFO:
            continue  # libsndfile would take it, and write an empty list
        if sound.format == "MP3" and not value.isascii():
            continue  # libsndfile passes UTF-8 off as Latin-1
        with suppress(sf.SoundFileError):
            setattr(sound, key.lower(), value)


def info_chunk(tags: Iterable[tuple[str, str]]) -> bytes:
    """The tags as a chunk of a WAV file, byte for byte as libsndfile writes them; nothing where there are none."""
    body = b""
    for key, value in _strings(tags).items():
        if key in _INFO:
            text = value.encode() + b"\0"
            text += b"\0" * (len(text) % 2)
            body += _INFO[key] + struct.pack("<I", len(text)) + text
    return b"LIST" + struct.pack("<I", 4 + len(body)) + b"INFO" + body if body else b""


def _strings(tags: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What an audio file can hold of some tags: one text a key, of known keys, without the NUL that ends a string."""
    values: dict[str, list[str]] = {}
    for key, value in tags:
        if key in KEYS and value:
            values.setdefault(key, []).append(value.replace("\0", " "))
    return {key: "; ".join(texts) for key, texts in values.items()}
