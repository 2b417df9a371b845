"""Tags of audio files, under the names of Vorbis comments: the tags of a file, and those that a format can hold."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from swc.audio import id3
from swc.audio.notes import Notes
from swc.audio.riff import info_entries
from swc.bitstream import Tags
from swc.bitstream.tags import encode_tags, upper
from swc.errors import FormatError

if TYPE_CHECKING:
    import soundfile as sf
    from tinytag import TinyTag

KEYS = ("TITLE", "ARTIST", "ALBUM", "DATE", "TRACKNUMBER", "GENRE", "COMMENT", "COPYRIGHT", "LICENSE")
"""Those that libsndfile knows."""

PICTURE = "PICTURE"
"""The name of a picture among the tags that are left out."""

MOST_KEY = 40
"""Characters of a key that messages show."""

_NAMES = {  # names in tinytag, FFmpeg, ID3 and MP4 of tags that have another name in Vorbis comments
    **{"year": "DATE", "track": "TRACKNUMBER", "track_total": "TRACKTOTAL", "disc": "DISCNUMBER"},
    **{"disc_total": "DISCTOTAL", "album_artist": "ALBUMARTIST", "encoded_by": "ENCODEDBY", "url": "WEBSITE"},
    **{"set_subtitle": "DISCSUBTITLE", "initial_key": "INITIALKEY", "catalog_number": "CATALOGNUMBER"},
    **{"movement_name": "MOVEMENTNAME", "movement_total": "MOVEMENTTOTAL", "show_movement": "SHOWMOVEMENT"},
    **{"tsop": "ARTISTSORT", "tsoa": "ALBUMSORT", "tsot": "TITLESORT", "tso2": "ALBUMARTISTSORT"},
    **{"soar": "ARTISTSORT", "soal": "ALBUMSORT", "sonm": "TITLESORT", "soaa": "ALBUMARTISTSORT"},
    **{"tsoc": "COMPOSERSORT", "soco": "COMPOSERSORT", "tcmp": "COMPILATION", "cpil": "COMPILATION"},
    **{"tpe4": "REMIXER", "tit3": "SUBTITLE", "tmoo": "MOOD", "tdor": "ORIGINALDATE", "tdrl": "RELEASEDATE"},
    **{"encoder_settings": "ENCODER", "isft": "ENCODER", "uslt": "LYRICS", "track number": "TRACKNUMBER"},
}
_NUMBERS = ("TRACKNUMBER", "TRACKTOTAL", "DISCNUMBER", "DISCTOTAL")  # MP4 states 0 for a missing one
_OF_THE_FILE = {  # about the program and the layout, like FLAC's vendor string, not about the recording
    *("ENCODER", "ENCODER_OPTIONS", "ENCODERSETTINGS", "WAVEFORMATEXTENSIBLE_CHANNEL_MASK"),
    *("MAJOR_BRAND", "MINOR_VERSION", "COMPATIBLE_BRANDS"),
}

_INFO = {  # libsndfile's names in a WAV file; a licence has none there
    "TITLE": b"INAM",
    "ARTIST": b"IART",
    "ALBUM": b"IPRD",
    "DATE": b"ICRD",
    "TRACKNUMBER": b"ITRK",
    "GENRE": b"IGNR",
    "COMMENT": b"ICMT",
    "COPYRIGHT": b"ICOP",
}
_HELD = {  # by the formats that libsndfile writes
    **dict.fromkeys(("WAV", "RF64", "WAVEX"), tuple(_INFO)),
    "AIFF": ("TITLE", "ARTIST", "COMMENT", "COPYRIGHT"),
    "CAF": KEYS,
    "MP3": KEYS[:7],
}


@dataclass(frozen=True)
class FoundTags:
    """The tags of an audio file.

    Attributes:
        tags: texts under keys that a stream can have, in the file's order.
        unfit: names of the others (pictures, other keys), and the size of each in bytes.
    """

    tags: Tags = ()
    unfit: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]], unfit: Iterable[tuple[str, int]] = ()) -> FoundTags:
        """Keys in any case, and values; those under keys that no stream can have join the `unfit` ones."""
        tags, others = [], list(unfit)
        for name, value in pairs:
            key = upper(name)
            if key in _OF_THE_FILE:
                continue
            try:
                encode_tags([(key, "")])
                tags.append((key, value))
            except FormatError:
                others.append((key[:MOST_KEY], len(value.encode())))
        return cls(tuple(tags), tuple(others))

    def filled(self, other: FoundTags) -> FoundTags:
        """These, and those of `other` whose keys are not among them."""
        keys = {key for key, _ in (*self.tags, *self.unfit)}
        tags, unfit = ([pair for pair in pairs if pair[0] not in keys] for pairs in (other.tags, other.unfit))
        return FoundTags((*self.tags, *tags), (*self.unfit, *unfit))  # type: ignore[arg-type]


def sound_tags(sound: sf.SoundFile) -> FoundTags:
    """Those that libsndfile finds in an open file; bytes that are not UTF-8 come as U+FFFD."""
    values = ((key, getattr(sound, key.lower())) for key in KEYS)
    return FoundTags.of((key, value) for key, value in values if value)


def head_tags(head: bytes, notes: Notes) -> FoundTags:
    """Those of a WAV file; `head` is everything before its first sample."""
    import soundfile as sf

    found = file_tags(io.BytesIO(head), notes) or FoundTags()
    with suppress(sf.SoundFileError), sf.SoundFile(io.BytesIO(head)) as sound:
        return found.filled(sound_tags(sound))
    return found


def named_tags(pairs: Iterable[tuple[str, str]]) -> FoundTags:
    """Those of FFmpeg or CAF, whose names differ from those of Vorbis comments."""
    return FoundTags.of((_NAMES.get(name.lower(), name), value) for name, value in pairs)


def file_tags(file: IO[bytes], notes: Notes) -> FoundTags | None:
    """Those that tinytag finds in a file, whose position is kept; None if it does not know the format.

    Args:
        notes: for damaged tags, none of which is used.
    """
    from tinytag import ParseError, TinyTag, UnsupportedFormatError

    position, reason = file.tell(), ""
    try:
        for pictures in (True, False):  # a damaged picture must not cost the rest
            file.seek(0)
            try:
                found = TinyTag.get(file_obj=file, duration=False, image=pictures)  # type: ignore[arg-type]
                return _named(found, id3.passed_over(file)).filled(_tracks(file))
            except ParseError as error:
                reason = str(error)
    except UnsupportedFormatError:
        return None
    finally:
        file.seek(position)
    notes.say(f"has damaged tags, some of which are left out ({reason})")
    return FoundTags()


def _named(found: TinyTag, unfit: list[tuple[str, int]]) -> FoundTags:
    """tinytag's findings under the names of Vorbis comments, and the `unfit` ones."""
    pairs = []
    for images in found.images.as_dict().values():
        unfit += [(PICTURE, len(image.data)) for image in images]
    for field, values in found.as_dict().items():
        if not isinstance(values, list):  # a property of the sound
            continue
        key = _NAMES.get(field, field.lstrip("_").upper())
        if key == "ENCODEDBY" and found.mime_type == "audio/mp4":  # the program
            continue
        for text in (part.strip(" ") for value in values for part in value.split("\0")):
            if any(ord(c) < 32 and c not in "\t\n\r" for c in text):
                unfit.append((key[:MOST_KEY], len(text.encode())))
            elif text and not (text == "0" and key in _NUMBERS):
                pairs.append((key, text))
    pairs.sort(key=lambda pair: (*KEYS, pair[0]).index(pair[0]))
    return FoundTags.of(dict.fromkeys(pairs), unfit)


def _tracks(file: IO[bytes]) -> FoundTags:
    """The track of a WAV file, of which tinytag takes only whole numbers, and not 3/12."""
    texts = ((name, data.rstrip(b"\0").decode(errors="replace")) for name, data in info_entries(file))
    return FoundTags.of(("TRACKNUMBER", text) for name, text in texts if name in (b"ITRK", b"IPRT") and text)


def split_tags(container: str, tags: Iterable[tuple[str, str]]) -> tuple[dict[str, str], Tags]:
    """(Tags that a format of libsndfile can hold, one text a key; tags that it cannot)."""
    values: dict[str, list[str]] = {}
    left_out = []
    for key, value in tags:
        latin = container == "MP3" and not value.isascii()  # libsndfile passes UTF-8 off as Latin-1
        if key not in _HELD.get(container, ()) or latin:
            left_out.append((key, value))
        elif value:
            values.setdefault(key, []).append(value.replace("\0", " "))
    return {key: "; ".join(texts) for key, texts in values.items()}, tuple(left_out)


def set_tags(sound: sf.SoundFile, texts: Mapping[str, str]) -> None:
    """Set them in a file that is open for writing, before its first sample."""
    import soundfile as sf

    for key, text in texts.items():
        with suppress(sf.SoundFileError):
            setattr(sound, key.lower(), text)


def info_chunk(texts: Mapping[str, str]) -> bytes:
    """The tags as a chunk of a WAV file, byte for byte as libsndfile writes them; empty without tags."""
    body = b""
    for key, text in texts.items():
        data = text.encode() + b"\0"
        data += b"\0" * (len(data) % 2)
        body += _INFO[key] + struct.pack("<I", len(data)) + data
    return b"LIST" + struct.pack("<I", 4 + len(body)) + b"INFO" + body if body else b""
