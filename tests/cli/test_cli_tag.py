"""swc tag: edits that touch nothing but tags, lists of them, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from cli_streams import make_stream
from typer.testing import CliRunner, Result

from swc.bitstream import Extension, Stream, Tags
from swc.cli import app

OLD: Tags = (("TITLE", "Prelude"), ("ARTIST", "Ann"), ("ARTIST", "Bob"))
ODD: Tags = (("COMMENT", "a\nb\\n\r\0\u2028\u96ea=\x1b"), ("EMPTY", ""), (" K", " v "), ("ARTIST", "Ann"))


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    return tagged(tmp_path / "a.swc", OLD)


def tagged(path: Path, tags: Tags) -> Path:
    stream = make_stream(9)
    header = dataclasses.replace(stream.header, extensions=(Extension(9, b"abc", critical=False),))
    path.write_bytes(dataclasses.replace(stream, header=header.with_tags(tags)).to_bytes())
    return path


def run(*args: str | Path, code: int = 0, stdin: bytes | None = None) -> Result:
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, ["tag", *map(str, args)], input=stdin)
    assert result.exit_code == code, result.output
    return result


def tags_of(path: Path) -> Tags:
    return Stream.load(path).header.tags


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        (["--set", "title=Fugue"], (*OLD[1:], ("TITLE", "Fugue"))),
        (["--set", "ARTIST=Cy", "--set", "artist=Di"], (OLD[0], ("ARTIST", "Cy"), ("ARTIST", "Di"))),
        (["--set", "ARTIST="], (OLD[0],)),
        (["--add", "Artist=Cy=Di"], (*OLD, ("ARTIST", "Cy=Di"))),
        (["--add", "EMPTY="], (*OLD, ("EMPTY", ""))),
        (["--remove", "artist"], (OLD[0],)),
        (["--remove", "ARTIST", "--remove", "TITLE", "--remove", "OTHER"], ()),
        (["--remove", "ARTIST", "--set", "TITLE=x", "--add", "ARTIST=Cy"], (("TITLE", "x"), ("ARTIST", "Cy"))),
    ],
)
def test_edits(stream: Path, options: list[str], tags: Tags) -> None:
    before = Stream.load(stream)
    run(stream, *options)
    after = Stream.load(stream)  # which checks every CRC
    assert after.header == before.header.with_tags(tags)
    assert after.header.extensions[-1] == Extension(9, b"abc", critical=False)
    assert dataclasses.replace(after, header=before.header).to_bytes() == before.to_bytes()
    assert [path.name for path in stream.parent.iterdir()] == ["a.swc"]


def test_decoded_audio_is_the_same(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWC_MODELS", str(models))
    monkeypatch.chdir(tmp_path)
    sf.write("a.wav", 0.2 * np.sin(np.arange(6 * 44100) * 0.05), 44100)
    for command in (
        ["encode", "a.wav", "--effort", "0"],
        ["decode", "a.swc", "before.wav"],
        ["tag", "a.swc", "--set", "TITLE=Prelude", "--add", "COMMENT=" + "long " * 400],
        ["decode", "a.swc", "after.wav", "--no-tags"],
    ):
        assert CliRunner().invoke(app, command).exit_code == 0
    assert len(tags_of(Path("a.swc"))) == 2
    assert Path("after.wav").read_bytes() == Path("before.wav").read_bytes()


def test_list(stream: Path, tmp_path: Path) -> None:
    assert run(stream).stdout.splitlines() == ["TITLE=Prelude", "ARTIST=Ann", "ARTIST=Bob"]
    other = tagged(tmp_path / "b.swc", ODD)
    lines = run(stream, other).stdout.splitlines()
    assert lines[0] == f"{stream}: TITLE=Prelude"
    assert lines[3] == rf"{other}: COMMENT=a\nb\\n\r\0\u2028" + "\u96ea" + r"=\x1b"
    facts = [json.loads(line) for line in run(stream, other, "--json").stdout.splitlines()]
    assert [fact["tags"] for fact in facts] == [[list(pair) for pair in tags] for tags in (OLD, ODD)]


def test_what_is_exported_is_imported_without_loss(tmp_path: Path, stream: Path) -> None:
    other = tagged(tmp_path / "b.swc", ODD)
    text = run(other, "--export", "-").stdout_bytes
    assert text.count(b"\n") == len(ODD)
    run(other, "--export", tmp_path / "tags.txt")
    assert (tmp_path / "tags.txt").read_bytes() == text
    run(stream, "--import", tmp_path / "tags.txt")
    assert tags_of(stream) == ODD
    run(other, "--import", os.devnull)
    assert tags_of(other) == ()
    run(other, "--import", "-", stdin=b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n") + b"\r\n")
    assert tags_of(other) == ODD
    assert "exists already" in run(other, "--export", tmp_path / "tags.txt", code=1).stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"TITLE=x\nnothing\n", "line 2 is not KEY=value"),
        (b"TITLE=C:\\path\n", r"line 1: \p has no meaning; write a backslash as \\"),
        (b"TITLE=x\\", "has no meaning"),
        (b"T\xc3\x84=x", "line 1: tag key"),
        (b"TITLE=" + b"x" * 8193, "line 1: tag_value is 8193"),
        (b"TITLE=\xff", "not text in UTF-8"),
        (b"A=" * 2**20, "too long to be a list of tags"),
    ],
)
def test_imports_that_are_no_tags(stream: Path, tmp_path: Path, text: bytes, message: str) -> None:
    before = stream.read_bytes()
    (tmp_path / "tags.txt").write_bytes(text)
    error = run(stream, "--import", tmp_path / "tags.txt", code=1).stderr
    assert str(tmp_path / "tags.txt") in error
    assert message in error
    assert stream.read_bytes() == before


@pytest.mark.parametrize("options", [["--set", "TITLE"], ["--add", "=x"], ["--set", "A~=x"], ["--remove", "\u00c4"]])
def test_options_that_are_no_tags(stream: Path, options: list[str]) -> None:
    before = stream.read_bytes()
    assert options[0] in run(stream, *options, code=2).stderr
    assert stream.read_bytes() == before


def test_tags_beyond_a_header(stream: Path, tmp_path: Path) -> None:
    before = stream.read_bytes()
    long = [part for _ in range(2) for part in ("--add", "COMMENT=" + 8192 * "x")]
    assert "16384 is the most; shorten or remove some" in run(stream, *long, code=1).stderr
    (tmp_path / "tags.txt").write_text("A=\n" * 256)
    many = run(stream, "--import", tmp_path / "tags.txt", code=1).stderr
    assert "256 tags are more than the 255 that a stream can hold" in many
    assert stream.read_bytes() == before


def test_a_damaged_stream_is_not_made_sound(stream: Path) -> None:
    data = bytearray(stream.read_bytes())
    for position in (30, len(data) // 2, len(data) - 1):
        data[position] ^= 1
        stream.write_bytes(data)
        error = run(stream, "--set", "TITLE=x", code=3).stderr
        assert error.startswith(f"swc: error: {stream}: ")
        assert "its tags were not changed, see swc verify" in error
        assert stream.read_bytes() == data
        assert [path.name for path in stream.parent.iterdir()] == ["a.swc"]
        data[position] ^= 1


def test_one_bad_file_does_not_stop_the_rest(stream: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.swc").write_bytes(b"RIFF....WAVE")
    other = tagged(tmp_path / "b.swc", ())
    result = run(stream, tmp_path / "bad.swc", tmp_path / "none.swc", other, "--set", "TITLE=x", code=3)
    assert tags_of(stream)[-1] == tags_of(other)[-1] == ("TITLE", "x")
    assert "none.swc: no such file" in result.stderr
    assert f"{stream}: 3 tags" in result.stderr
    assert "as before" in run(other, "--set", "TITLE=x").stderr
    assert run(other, "--set", "TITLE=y", "-q").stderr == ""


def test_the_file_keeps_its_permissions_and_its_place(stream: Path, tmp_path: Path) -> None:
    stream.chmod(0o640)
    (tmp_path / "link.swc").symlink_to(stream)
    run(tmp_path / "link.swc", "--set", "TITLE=x")
    assert (tmp_path / "link.swc").is_symlink()
    assert tags_of(stream)[-1] == ("TITLE", "x")
    assert stat.S_IMODE(stream.stat().st_mode) == 0o640


def test_files_that_cannot_be_edited(stream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stream.read_bytes()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write to all
    assert "is read-only" in run(stream, "--set", "TITLE=x", code=1).stderr
    assert "Is a directory" in run(tmp_path, "--set", "TITLE=x", code=1).stderr
    assert "in place; name a file" in run("-", "--set", "TITLE=x", code=1, stdin=before).stderr
    assert run("-", stdin=before).stdout.splitlines()[0] == "TITLE=Prelude"
    assert "--export takes the tags of one FILE" in run(stream, stream, "--export", "-", code=2).stderr
    assert stream.read_bytes() == before


@pytest.mark.skipif(sys.platform != "linux", reason="names of other file systems are Unicode")
def test_names_that_are_not_utf_8(stream: Path, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.swc"))
    stream.rename(path)
    assert r"caf\udce9.swc: 3 tags" in run(path, "--set", "TITLE=x").stderr
    assert tags_of(path)[-1] == ("TITLE", "x")
