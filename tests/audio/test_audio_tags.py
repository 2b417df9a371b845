"""Tags in and out of audio files, and the same from a pipe as from a file."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from swc.audio import AudioReader, AudioWriter
from swc.audio.tags import KEYS
from swc.bitstream import Tags
from swc.errors import InputError

Pipe = Callable[[bytes], None]

ALL = tuple((key, "7" if key == "TRACKNUMBER" else f"{key.lower()} \u00e9\u96ea") for key in KEYS)
IN_WAV = tuple(pair for pair in ALL if pair[0] != "LICENSE")


def tagged(tags: Tags, container: str = "WAV", subtype: str = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    with sf.SoundFile(buffer, "w", 16000, 2, subtype, format=container) as file:
        for key, value in tags:
            setattr(file, key.lower(), value)
        file.write(np.ones((500, 2), np.int16))
    return buffer.getvalue()


def with_list(*entries: bytes, after: bool = False) -> bytes:
    """A WAV file of a LIST chunk with these bytes, and 500 samples."""
    body = b"INFO" + b"".join(entries)
    info = b"LIST" + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    data = tagged(())
    at = data.index(b"data")
    data = data + info if after else data[:at] + info + data[at:]
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def entry(name: bytes, text: bytes) -> bytes:
    return name + struct.pack("<I", len(text)) + text + b"\0" * (len(text) % 2)


def file_tags(folder: Path, data: bytes) -> Tags:
    (folder / "a.wav").write_bytes(data)
    with AudioReader(folder / "a.wav") as reader:
        return reader.tags


def pipe_tags(pipe: Pipe, data: bytes) -> Tags:
    pipe(data)
    with AudioReader("-") as reader:
        return reader.tags


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a.wav", IN_WAV),
        ("a.flac", ALL),
        ("a.ogg", ALL),
        ("a.opus", ALL),
        ("a.caf", ALL),
        ("a.aiff", None),  # of nine, libsndfile keeps four there
        ("a.mp3", (("TRACKNUMBER", "7"),)),  # others would be read back wrongly
        ("a.au", ()),
        ("a.w64", ()),
    ],
)
def test_tags_are_written_where_the_format_can_hold_them(tmp_path: Path, name: str, kept: Tags | None) -> None:
    with AudioWriter(tmp_path / name, 16000, 1, tags=ALL) as writer:
        writer.write(np.zeros((3000, 1), np.float32))
    with AudioReader(tmp_path / name) as reader:
        assert sum(len(block) for block in reader.blocks()) == 3000
        if kept is None:
            assert ("TITLE", "title \u00e9\u96ea") in reader.tags
        else:
            assert reader.tags == kept


def test_mp3_keeps_ascii(tmp_path: Path) -> None:
    with AudioWriter(
        tmp_path / "a.mp3", 16000, 1, tags=[("TITLE", "Prelude"), ("ARTIST", "J\u00e9r\u00f4me")]
    ) as writer:
        writer.write(np.zeros((3000, 1), np.float32))
    with AudioReader(tmp_path / "a.mp3") as reader:
        assert reader.tags == (("TITLE", "Prelude"),)


@pytest.mark.parametrize(
    ("name", "kept", "left_out"),
    [
        ("a.wav", {"ARTIST": "one; two", "TITLE": "t", "COMMENT": "a b"}, ["X"]),
        ("a.caf", {"ARTIST": "one; two", "TITLE": "t", "COMMENT": "a b"}, ["X"]),
        ("a.aiff", {"ARTIST": "one; two", "TITLE": "t", "COMMENT": "a b"}, ["X", "DATE"]),
        ("a.au", {}, ["ARTIST", "X", "TITLE", "ARTIST", "COMMENT", "DATE"]),
    ],
)
def test_several_values_become_one_and_others_are_named(
    tmp_path: Path, name: str, kept: dict[str, str], left_out: list[str]
) -> None:
    tags = [("ARTIST", "one"), ("X", "unknown"), ("TITLE", "t"), ("ARTIST", "two"), ("COMMENT", "a\0b"), ("DATE", "")]
    with AudioWriter(tmp_path / name, 16000, 1, tags=tags) as writer:
        writer.write(np.zeros((10, 1), np.float32))
    assert [key for key, _ in writer.tags_left_out] == left_out
    with AudioReader(tmp_path / name) as reader:
        assert dict(reader.tags) == kept


def test_files_of_no_samples_get_no_tags(tmp_path: Path) -> None:
    with AudioWriter(tmp_path / "a.wav", 16000, 1, tags=ALL, total_samples=0) as writer:
        pass
    assert writer.tags_left_out == ALL
    with AudioReader(tmp_path / "a.wav") as reader:
        assert (reader.tags, list(reader.blocks())) == ((), [])


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_wav_on_a_pipe_has_the_tags_of_the_file(tmp_path: Path, pipe: Pipe, container: str, subtype: str) -> None:
    data = tagged(ALL, container, subtype)
    assert pipe_tags(pipe, data) == file_tags(tmp_path, data) == IN_WAV


@pytest.mark.parametrize("container", ["FLAC", "OGG"])
def test_other_formats_on_a_pipe(pipe: Pipe, container: str) -> None:
    assert pipe_tags(pipe, tagged(ALL, container, {"OGG": "VORBIS"}.get(container, "PCM_16"))) == ALL


@pytest.mark.parametrize(("riff", "size"), [(2**32 - 1, 2**32 - 1), (0, 0), (0x7FFFF024, 0x7FFFF000)])
def test_wav_of_unknown_length(tmp_path: Path, pipe: Pipe, riff: int, size: int) -> None:
    data = tagged(ALL)
    at = data.index(b"data")
    data = data[:4] + struct.pack("<I", riff) + data[8 : at + 4] + struct.pack("<I", size) + data[at + 8 :]
    assert pipe_tags(pipe, data) == file_tags(tmp_path, data) == IN_WAV


def test_text_that_is_not_utf_8(tmp_path: Path, pipe: Pipe) -> None:
    data = with_list(entry(b"INAM", b"Caf\xe9\0"), entry(b"IART", b"\xff\xfe"))
    assert pipe_tags(pipe, data) == file_tags(tmp_path, data) == (("TITLE", "Caf\ufffd"), ("ARTIST", "\ufffd\ufffd"))


def test_a_pipe_cannot_know_tags_behind_the_samples(tmp_path: Path, pipe: Pipe) -> None:
    data = with_list(entry(b"INAM", b"late\0"), after=True)
    assert file_tags(tmp_path, data) == (("TITLE", "late"),)
    assert pipe_tags(pipe, data) == ()


NAMES = [b"INAM", b"IART", b"IPRD", b"ICRD", b"ITRK", b"IPRT", b"IGNR", b"ICMT", b"ICOP", b"ISFT", b"IENG", b"XXXX"]


@settings(max_examples=100, deadline=None)
@given(
    entries=st.lists(st.tuples(st.sampled_from(NAMES), st.binary(max_size=40)), max_size=6),
    rest=st.binary(max_size=12),
    long=st.integers(0, 3000),
)
def test_any_list_reads_alike_from_pipe_and_file(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[bytes, bytes]], rest: bytes, long: int
) -> None:
    data = with_list(*(entry(*e) for e in entries), entry(b"ICMT", b"x" * long), rest)
    path = tmp_path_factory.getbasetemp() / "list.wav"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        with AudioReader("-") as piped:
            assert piped.total_samples == 500
    try:
        with AudioReader(path) as filed:
            assert piped.tags == filed.tags
    except InputError:  # libsndfile finds no way past such a list; what reads forwards does
        assert piped.tags == ()
