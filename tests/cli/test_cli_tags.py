"""Tags from audio to .swc and back, what they may cost, and how they are shown."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from cli_streams import make_stream
from typer.testing import CliRunner, Result

from swc import Codec
from swc.audio import AudioReader, AudioWriter
from swc.bitstream import Extension, Stream, Tags
from swc.cli import app
from swc.errors import InputError

RATE = 44100


@pytest.fixture(autouse=True)
def installed(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWC_MODELS", str(models))


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """Six seconds, with a title, an artist, and a comment."""
    with sf.SoundFile(tmp_path / "a.wav", "w", RATE, 1) as file:
        file.title, file.artist, file.comment = "Prelude", "Ann", "live"
        file.write(0.2 * np.sin(np.arange(6 * RATE) * 0.05))
    return tmp_path / "a.wav"


def run(*args: str | Path, code: int = 0) -> Result:
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, [str(arg) for arg in args])
    assert result.exit_code == code, result.stderr
    return result


def encoded(wav: Path, *options: str) -> tuple[Tags, str]:
    """The tags that end in the stream, and what was said."""
    result = run("encode", wav, "--effort", "0", "--force", *options)
    return Stream.load(wav.with_suffix(".swc")).header.tags, result.stderr


COPIED = (("TITLE", "Prelude"), ("ARTIST", "Ann"), ("COMMENT", "live"))


@pytest.mark.parametrize(
    ("options", "tags"),
    [
        ([], COPIED),
        (["--no-tags"], ()),
        (["--tag", "artist=Bob"], (COPIED[0], COPIED[2], ("ARTIST", "Bob"))),
        (["--tag", "ARTIST=Bob", "--tag", "ARTIST=Cy"], (COPIED[0], COPIED[2], ("ARTIST", "Bob"), ("ARTIST", "Cy"))),
        (["--tag", "ARTIST="], (COPIED[0], COPIED[2])),
        (["--tag", "ARTIST=", "--tag", "Artist=Bob"], (COPIED[0], COPIED[2], ("ARTIST", "Bob"))),
        (["--tag", "REPLAYGAIN_TRACK_GAIN=-3 dB = less"], (*COPIED, ("REPLAYGAIN_TRACK_GAIN", "-3 dB = less"))),
        (["--no-tags", "--tag", "TITLE=\u96ea"], (("TITLE", "\u96ea"),)),
    ],
)
def test_which_tags_are_kept(wav: Path, options: list[str], tags: Tags) -> None:
    kept, said = encoded(wav, *options)
    assert kept == tags
    assert "left out" not in said


@pytest.mark.parametrize(
    "text", ["TITLE", "", "=x", "\u00c9=x", "TITLE=\udcff", "A~=x", "TITLE=" + 8193 * "x", 65 * "K" + "=x"]
)
def test_tags_that_nothing_can_hold(wav: Path, text: str) -> None:
    result = run("encode", wav, "--tag", text, code=2)
    assert "Usage:" in result.stderr
    assert "--tag" in result.stderr
    assert not wav.with_suffix(".swc").exists()


@pytest.mark.parametrize(("name", "artist", "left_out"), [("b.wav", "Bob; Cy", True), ("b.flac", "Bob", False)])
def test_decode_writes_them_back(wav: Path, tmp_path: Path, name: str, artist: str, left_out: bool) -> None:
    encoded(wav, "--tag", "ARTIST=Bob", "--tag", "ARTIST=Cy", "--tag", "OTHER=x")
    said = run("decode", tmp_path / "a.swc", tmp_path / name).stderr
    assert ("tags left out: OTHER; write FLAC or Ogg" in said) == left_out
    with sf.SoundFile(tmp_path / name) as file:
        assert (file.title, file.artist, file.comment) == ("Prelude", artist, "live")
    said = run("decode", tmp_path / "a.swc", tmp_path / name, "--no-tags", "--force").stderr
    assert "left out" not in said
    with sf.SoundFile(tmp_path / name) as file:
        assert (file.title, file.artist, file.comment) == ("", "", "")


EVERY = [("ARTIST", "First"), ("ARTIST", "Second"), ("ALBUMARTIST", "Both"), ("DISCNUMBER", "1"), ("ISRC", "a=b\nc")]


@pytest.mark.parametrize("name", ["a.flac", "a.ogg"])
def test_all_tags_survive_flac_and_ogg(tmp_path: Path, name: str) -> None:
    with AudioWriter(tmp_path / name, RATE, 1, tags=EVERY) as writer:
        writer.write(np.float32(0.2 * np.sin(np.arange(20 * RATE) * 0.05))[:, None])
    run("encode", tmp_path / name, tmp_path / "a.swc", "--effort", "0")
    run("tag", tmp_path / "a.swc", "--add", "artist=Third")
    said = run("decode", tmp_path / "a.swc", tmp_path / f"b-{name}").stderr
    assert "left out" not in said
    with AudioReader(tmp_path / f"b-{name}") as reader:
        assert reader.tags == (*EVERY, ("ARTIST", "Third"))


def test_tags_that_a_stream_cannot_hold_are_named(tmp_path: Path) -> None:
    tags = [("TITLE", "t"), ("LYRICS~", "la"), ("LYRICS~", "la")]
    with AudioWriter(tmp_path / "a.flac", RATE, 1, tags=tags) as writer:
        writer.write(np.zeros((RATE, 1), np.float32) + 0.1)
    kept, said = encoded(tmp_path / "a.flac")
    assert kept == (("TITLE", "t"),)
    assert "a.flac: tags left out: LYRICS~ (4 bytes); a stream holds text under ASCII names" in said
    assert "left out" not in encoded(tmp_path / "a.flac", "--no-tags")[1]


def test_the_usual_tags_come_before_others(tmp_path: Path) -> None:
    others = [(f"OTHER{number}", "x") for number in range(30)]
    with AudioWriter(tmp_path / "a.flac", RATE, 1, tags=[*others, ("TITLE", "A title of some length")]) as writer:
        writer.write(np.zeros((6 * RATE, 1), np.float32) + 0.1)
    kept, said = encoded(tmp_path / "a.flac")
    assert ("TITLE", "A title of some length") in kept
    assert 0 < len(kept) < 31
    assert said.count("OTHER") == 31 - len(kept) + 1  # and one as an example


def test_copied_tags_take_a_twentieth_at_most(tmp_path: Path) -> None:
    with sf.SoundFile(tmp_path / "a.flac", "w", RATE, 1) as file:
        file.title, file.comment, file.license = "Prelude", "long " * 40, "longer " * 2000
        file.write(0.2 * np.sin(np.arange(6 * RATE) * 0.05))
    flac = tmp_path / "a.flac"
    kept, said = encoded(flac)
    assert kept == (("TITLE", "Prelude"),)
    line = said.splitlines()[0]
    assert "left out" in line
    assert line.index("LICENSE (14.0 KB)") < line.index("COMMENT (200 B)") < line.index("--tag LICENSE=TEXT")
    assert encoded(flac, "-q")[1] == ""
    facts = json.loads(run("encode", flac, "--json", "-q", "--force").stdout)
    assert facts["tags"] == [["TITLE", "Prelude"]]
    assert [key for key, _ in facts["tags_left_out"]] == ["LICENSE", "COMMENT"]
    kept, said = encoded(flac, "--tag", "COMMENT=" + "long " * 40, "--tag", "LICENSE=")
    assert [key for key, _ in kept] == ["TITLE", "COMMENT"]
    assert "left out" not in said
    assert Stream.load(tmp_path / "a.swc").kbps <= 2.67


def test_tags_that_the_rate_cannot_pay(wav: Path) -> None:
    result = run("encode", wav, "--tag", "COMMENT=" + 3000 * "x", code=1)
    assert "with these tags: ask for at least" in result.stderr
    least = result.stderr.split()[-1]
    kept, _ = encoded(wav, "--tag", "COMMENT=" + 3000 * "x", "--kbps", least)
    assert len(kept[-1][1]) == 3000
    assert Stream.load(wav.with_suffix(".swc")).kbps <= float(least)


def test_tags_in_python(models: Path) -> None:
    codec = Codec.load(models / "swc-44k")
    audio = np.zeros(RATE, np.float32)
    tags = (("TITLE", "x"), ("TITLE", "y"))
    assert codec.encode(audio, RATE, tags=tags, effort=0).header.tags == tags
    for bad in ([("title", "x")], [("A" * 65, "x")], [("TITLE", "\ud800")], [("A", "x" * 8000)] * 3):
        with pytest.raises(InputError, match=r"these tags|the header cannot hold"):
            codec.encode(audio, RATE, tags=bad)


EVIL = "a\x1b[31mred\x07\nb\u202ec\x9b"


def test_inspect_shows_tags_and_no_control_characters(tmp_path: Path) -> None:
    stream = make_stream(8)
    header = dataclasses.replace(stream.header, extensions=(Extension(9, b"abc", critical=False),))
    header = header.with_tags([("TITLE", EVIL), ("TITLE", "\u96ea")])
    (tmp_path / "a.swc").write_bytes(dataclasses.replace(stream, header=header).to_bytes())
    lines = run("inspect", tmp_path / "a.swc").stdout.splitlines()
    shown = [line for line in lines if line.startswith(("  tag ", "  extension "))]
    assert shown == [
        r"  tag          TITLE=a\x1b[31mred\x07\nb\u202ec\x9b",
        "  tag          TITLE=\u96ea",
        "  extension    type 9, 3 bytes",
    ]
    facts = json.loads(run("inspect", "--json", tmp_path / "a.swc").stdout)
    assert facts["tags"] == [["TITLE", EVIL], ["TITLE", "\u96ea"]]
    assert facts["extensions"] == [{"type": 9, "bytes": 3}]


def test_tags_on_a_terminal_without_their_letters(tmp_path: Path) -> None:
    stream = make_stream(1)
    header = stream.header.with_tags([("TITLE", "\u96ea")])
    (tmp_path / "a.swc").write_bytes(dataclasses.replace(stream, header=header).to_bytes())
    result = CliRunner(charset="ascii").invoke(app, ["inspect", str(tmp_path / "a.swc")])
    assert result.exit_code == 0
    assert r"TITLE=\u96ea" in result.stdout


def test_messages_escape_what_files_are_called(tmp_path: Path) -> None:
    result = run("inspect", tmp_path / "\x1b[31mred", code=1)
    assert "\x1b" not in result.stderr
    assert r"\x1b[31mred" in result.stderr


@pytest.mark.parametrize("tags", [(), (("COMMENT", "x" * 5000),)])
def test_overhead_is_what_is_no_mask_no_code_and_no_tag(tmp_path: Path, tags: Tags) -> None:
    stream = make_stream(9)
    data = dataclasses.replace(stream, header=stream.header.with_tags(tags)).to_bytes()
    (tmp_path / "a.swc").write_bytes(data)
    facts = json.loads(run("inspect", "--json", tmp_path / "a.swc").stdout)
    bits = stream.breakdown()
    expected = 100 * (bits["header"] + bits["framing"] + bits["padding"]) / (8 * len(data))
    assert facts["overhead"] == pytest.approx(expected)
    assert f"overhead     {expected:.2f}% of all bytes" in run("inspect", tmp_path / "a.swc").stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--raw"], ["--rate", "--channels"]),
        (["--raw", "--rate", "8000"], ["--channels"]),
        (["--raw", "--channels", "1"], ["--rate"]),
        (["--raw", "--rate", "0", "--channels", "1"], ["--rate"]),
        (["--raw", "--rate", "8000", "--channels", "9"], ["--channels"]),
        (["--rate", "8000"], ["--rate", "--raw"]),
        (["--channels", "1", "--bits", "16"], ["--channels", "--bits", "--raw"]),
    ],
)
def test_raw_needs_its_layout_and_nothing_else_does(wav: Path, options: list[str], words: list[str]) -> None:
    result = run("encode", wav, *options, code=2)
    assert "Usage:" in result.stderr
    assert all(word in result.stderr for word in words)


@pytest.mark.parametrize(("bits", "width"), [("16", 2), ("24", 3), ("float", 4)])
def test_raw_gives_what_wav_gives(wav: Path, tmp_path: Path, bits: str, width: int) -> None:
    encoded(wav, "--no-tags")
    run("decode", tmp_path / "a.swc", "--raw", "--bits", bits)
    run("decode", tmp_path / "a.swc", tmp_path / "b.wav", "--bits", bits, "--no-tags")
    data = (tmp_path / "a.raw").read_bytes()
    assert len(data) == 6 * RATE * width
    assert data in (tmp_path / "b.wav").read_bytes()
    layout = ("--raw", "--rate", str(RATE), "--channels", "1", "--bits", bits)
    run("encode", tmp_path / "a.raw", tmp_path / "raw.swc", *layout)
    run("encode", tmp_path / "b.wav", tmp_path / "wav.swc")
    assert (tmp_path / "raw.swc").read_bytes() == (tmp_path / "wav.swc").read_bytes()


def test_raw_file_of_another_layout(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(1001))
    result = run("encode", tmp_path / "a.raw", "--raw", "--rate", "8000", "--channels", "2", code=1)
    assert "not a whole number of samples of 4 bytes" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.raw"]
