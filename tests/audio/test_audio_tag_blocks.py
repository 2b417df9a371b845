"""Blocks of tags in audio files: every tag is read, or named as left out; damage costs no sound."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from containers import comments, encoded, flac_with_blocks, id3, noise, ogg_pages, with_chunk

from swc.audio import AudioReader, AudioWriter
from swc.audio.flac import read_metadata
from swc.bitstream import Tags

Pipe = Callable[[bytes], None]
SOUND = noise(20000)
MANY = (
    ("ARTIST", "First"),
    ("ARTIST", "Second"),
    ("TRACKNUMBER", "A1"),
    ("DESCRIPTION", "said \u96ea"),
    ("ALBUMARTIST", "Both"),
    ("REPLAYGAIN_TRACK_GAIN", "-3.2 dB"),
    ("ARTIST", "First"),
    ("LYRICS", "la\nla"),
    ("EMPTY", ""),
)


def read(path: Path | str, data: bytes = b"") -> AudioReader:
    """A reader of all samples, by whose name also `data` are written first."""
    if data:
        Path(path).write_bytes(data)
    with AudioReader(path) as reader:
        assert sum(len(block) for block in reader.blocks()) >= len(SOUND)
    return reader


def entries(tags: Tags) -> list[bytes]:
    return [f"{key}={value}".encode() for key, value in tags]


def test_comments_of_flac_come_whole_and_in_order(tmp_path: Path, pipe: Pipe) -> None:
    block = comments(*entries(MANY), b"Title=small", b"ENCODER=some", b"WAVEFORMATEXTENSIBLE_CHANNEL_MASK=0x4")
    data = flac_with_blocks(encoded(SOUND, "FLAC"), (4, block), (6, bytes(28) + struct.pack(">I", 468) + bytes(468)))
    reader = read(tmp_path / "a", data)
    assert reader.tags == (*MANY, ("TITLE", "small"))
    assert reader.unfit_tags == (("PICTURE", 500),)
    assert reader.notes == []
    pipe(data)
    assert read("-").tags == reader.tags


def test_comments_that_no_stream_can_hold(tmp_path: Path) -> None:
    odd = [b"TITLE=t", "\u00c9=x".encode(), b"nothing", b"=x", b"K" * 65 + b"=v", b"A=\xff"]
    reader = read(tmp_path / "a", flac_with_blocks(encoded(SOUND, "FLAC"), (4, comments(*odd))))
    assert reader.tags == (("TITLE", "t"), ("A", "\ufffd"))
    assert dict(reader.unfit_tags) == {"\u00c9": 1, "nothing": 7, "": 1, "K" * 40: 1}


@pytest.mark.parametrize(
    "block",
    [comments(b"TITLE=t", count=2), comments(b"TITLE=t", b"ARTIST=a")[:-1], comments(b"TITLE=t", count=2**32 - 1)],
)
def test_damaged_comments_cost_no_sound(tmp_path: Path, block: bytes) -> None:
    reader = read(tmp_path / "a", flac_with_blocks(encoded(SOUND, "FLAC"), (4, block)))
    assert reader.tags == (("TITLE", "t"),)
    assert "damaged tags" in reader.notes[0]


def test_id3_ahead_of_flac_fills_up(tmp_path: Path) -> None:
    tag = id3((b"TIT2", b"\3other"), (b"TCOM", b"\3Somebody"))
    flac = flac_with_blocks(encoded(SOUND, "FLAC"), (4, comments(b"TITLE=t")))
    assert read(tmp_path / "a", tag + flac).tags == (("TITLE", "t"), ("COMPOSER", "Somebody"))


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.opus"])
@pytest.mark.parametrize("tags", [MANY, (("A", ""),), tuple((f"K{n}", "v" * 8000) for n in range(2))])
def test_flac_and_ogg_hold_all_tags_and_the_same_sound(tmp_path: Path, name: str, tags: Tags) -> None:
    for path, given in ((tmp_path / name, tags), (tmp_path / f"plain-{name}", ())):
        with AudioWriter(path, 48000, 1, tags=given) as writer:
            writer.write(np.float32(SOUND / 2**15))
        assert writer.tags_left_out == ()
    reader = read(tmp_path / name)
    assert (reader.tags, reader.notes) == (tags, [])
    sound, _ = sf.read(tmp_path / name)
    np.testing.assert_array_equal(sound, sf.read(tmp_path / f"plain-{name}")[0])


def test_pages_of_ogg_have_true_checks(tmp_path: Path) -> None:
    """libogg passes over a page whose CRC is wrong, so a header that was written over would be missed."""
    with AudioWriter(tmp_path / "a.ogg", 48000, 1, tags=[("TITLE", "t" * 70000)]) as writer:
        writer.write(np.float32(SOUND / 2**15))
    data = (tmp_path / "a.ogg").read_bytes()
    for start, stop in ogg_pages(data):
        value = 0
        for byte in data[start : start + 22] + bytes(4) + data[start + 26 : stop]:
            value ^= byte << 24
            for _ in range(8):
                value = (value << 1 ^ (0x04C11DB7 if value >> 31 else 0)) & (2**32 - 1)
        assert value == struct.unpack_from("<I", data, start + 22)[0]


FRAMES = (
    (b"TPE1", b"\3First\0Second"),
    (b"TPE2", b"\3Both"),
    (b"TCOM", b"\3Somebody"),
    (b"TPOS", b"\3001/2"),
    (b"TSOP", b"\3First, The"),
    (b"TXXX", b"\3replaygain_track_gain\0-3.2 dB"),
    (b"USLT", b"\3eng\0la\nla"),
    (b"TSSE", b"\3some program"),
    (b"APIC", b"\0image/png\0\3\0" + bytes(300)),
    (b"PRIV", b"owner\0" + bytes(30)),
    (b"XYZW", b"\0\1\2\3"),
)
NAMED = (
    ("ARTIST", "First"),
    ("ARTIST", "Second"),
    ("ALBUMARTIST", "Both"),
    ("COMPOSER", "Somebody"),
    ("DISCNUMBER", "1"),
    ("DISCTOTAL", "2"),
    ("ARTISTSORT", "First, The"),
    ("REPLAYGAIN_TRACK_GAIN", "-3.2 dB"),
    ("LYRICS", "la\nla"),
)


@pytest.mark.parametrize("kind", ["mp3", "wav"])
def test_id3(tmp_path: Path, kind: str) -> None:
    tag = id3(*FRAMES)
    data = tag + encoded(SOUND, "MP3") if kind == "mp3" else with_chunk(encoded(SOUND, "WAV"), b"id3 ", tag)
    reader = read(tmp_path / "a", data)
    assert sorted(reader.tags) == sorted(NAMED)
    unfit = {"PICTURE": 300, "XYZW": 3} | ({"PRIV": 36} if kind == "mp3" else {})
    assert dict(reader.unfit_tags) == unfit
    assert reader.notes == []


def test_id3v1_fills_up(tmp_path: Path) -> None:
    v1 = struct.pack("<3s30s30s30s4s28sBBB", b"TAG", b"old", b"Ann" + b" " * 27, b"", b"1999", b"", 0, 7, 8)
    reader = read(tmp_path / "a", id3((b"TIT2", b"\3new")) + encoded(SOUND, "MP3") + v1)
    found = (("TITLE", "new"), ("ARTIST", "Ann"), ("DATE", "1999"), ("TRACKNUMBER", "7"), ("GENRE", "Jazz"))
    assert reader.tags == found


@pytest.mark.parametrize("broken", [(b"SYLT", b"\0ab"), (b"APIC", b"\0")])
def test_broken_id3_costs_no_sound(tmp_path: Path, broken: tuple[bytes, bytes]) -> None:
    reader = read(tmp_path / "a", id3((b"TIT2", b"\3t"), broken) + encoded(SOUND, "MP3"))
    assert reader.tags == (("TITLE", "t"),)
    assert reader.notes == [] or "damaged tags" in reader.notes[0]


def test_joined_mp3_have_the_tags_of_the_first(tmp_path: Path) -> None:
    parts = [id3((b"TIT2", b"\3" + name), (b"TPE2", b"\3Both")) + encoded(SOUND, "MP3") for name in (b"one", b"two")]
    reader = read(tmp_path / "a", b"".join(parts))
    assert reader.tags == (("TITLE", "one"), ("ALBUMARTIST", "Both"))
    assert "tags of the first" in reader.notes[0]


def test_names_that_only_some_programs_write(tmp_path: Path) -> None:
    info = b"INFOIPRT" + struct.pack("<I", 5) + b"3/12\0\0" + b"ISFT" + struct.pack("<I", 4) + b"Lavf"
    assert read(tmp_path / "a", with_chunk(encoded(SOUND, "WAV"), b"LIST", info)).tags == (("TRACKNUMBER", "3/12"),)
    texts = b"album_artist\0Both\0title\0t\0"
    chunk = b"info" + struct.pack(">qI", 4 + len(texts), 2) + texts
    caf = encoded(SOUND, "CAF")
    at = caf.index(b"data")
    reader = read(tmp_path / "a", caf[:at] + chunk + caf[at:])
    assert reader.tags == (("ALBUMARTIST", "Both"), ("TITLE", "t"))


def test_tags_of_a_pipe_are_those_of_the_file(tmp_path: Path, pipe: Pipe) -> None:
    buffer = io.BytesIO()
    sf.write(buffer, SOUND, 44100, format="AIFF")
    for data in (buffer.getvalue(), id3(*FRAMES) + encoded(SOUND, "MP3")):
        reader = read(tmp_path / "a", data)
        pipe(data)
        assert (read("-").tags, bool(reader.tags)) == (reader.tags, data[:3] == b"ID3")


def test_a_damaged_size_leads_to_no_block_of_another_stream() -> None:
    first = b"fLaC" + bytes([2, 0, 0, 40]) + bytes(20)  # a block of 40 bytes, of which 20 are there
    after = bytes(20) + bytes([4, 0, 0, 8]) + bytes(8)
    assert read_metadata(io.BytesIO(first + after), 0, len(first)).comments is None
    assert read_metadata(io.BytesIO(first + after), 0, len(first + after)).comments == (52, 60)
