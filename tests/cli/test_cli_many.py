"""Many files: which are inputs, where their outputs go, and what is refused before any work. No model is loaded."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from cli_streams import make_stream
from typer.testing import CliRunner, Result

from swc.cli import app
from swc.cli.inputs import find_streams

STREAM = make_stream(9)
AUDIO = np.zeros((STREAM.total_samples, 1), np.int16)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a tree of recordings, of streams, and of what is neither."""
    monkeypatch.chdir(tmp_path)
    write(
        "in/a.wav", "in/sub/b.FLAC", "in/sub/deep/c d.m4a", "in/x.mp3", "in/.hidden.wav", "in/.git/d.wav", "in/note.txt"
    )
    write("other/a.flac", "single.opus", "st/s.swc", "st/sub/no suffix", "st/sub/t.SWC", "st/readme.md")
    Path("st/sub/no suffix").write_bytes(STREAM.to_bytes())
    return tmp_path


def write(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(os.fsencode(name))


def run(*args: str) -> Result:
    return CliRunner().invoke(app, args)


def planned(*args: str) -> list[str]:
    """What --dry-run tells, sorted; it must do nothing."""
    before = sorted(Path().rglob("*"))
    result = run(*args, "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert sorted(Path().rglob("*")) == before
    return sorted(result.stdout.splitlines())


def refused(*args: str, code: int = 1) -> str:
    """What is said; nothing must be changed."""
    before = {path: path.stat().st_mtime_ns for path in Path().rglob("*")}
    result = run(*args)
    assert result.exit_code == code
    assert result.stdout == ""
    assert {path: path.stat().st_mtime_ns for path in Path().rglob("*")} == before
    return " ".join(result.stderr.split())


IN = [
    "encode in/a.wav -> out/a.swc",
    "encode in/sub/b.FLAC -> out/sub/b.swc",
    "encode in/sub/deep/c d.m4a -> out/sub/deep/c d.swc",
    "encode in/x.mp3 -> out/x.swc",
]


def test_the_tree_is_kept(folder: Path) -> None:
    assert planned("encode", "in", "-o", "out") == IN
    assert planned("encode", "in/", "in", "-o", "out") == [
        line.replace("in/", "in//") if False else line for line in IN
    ]
    assert planned("batch", "encode", "in", "out") == IN
    assert planned("encode", "in", "single.opus", "in/note.txt", "-o", "out") == sorted(
        [*IN, "encode single.opus -> out/single.swc", "encode in/note.txt -> out/note.txt.swc"]
    )
    assert planned("encode", "in/a.wav", "-o", ".") == ["encode in/a.wav -> ./a.swc"]
    assert planned("encode", "in/.hidden.wav", "-o", "out") == ["encode in/.hidden.wav -> out/.hidden.swc"]


def test_streams_are_known_by_suffix_or_by_their_first_bytes(folder: Path) -> None:
    streams = [
        "decode st/s.swc -> o/s{}",
        "decode st/sub/no suffix -> o/sub/no suffix{}",
        "decode st/sub/t.SWC -> o/sub/t{}",
    ]
    assert planned("decode", "st", "-o", "o") == [line.format(".wav") for line in streams]
    assert planned("decode", "st", "-o", "o", "--format", "ogg") == [line.format(".ogg") for line in streams]
    assert planned("batch", "decode", "st", "o", "--raw") == [line.format(".raw") for line in streams]


def test_raw_inputs_are_those_named_so(folder: Path) -> None:
    write("in/p.raw", "in/q.PCM")
    args = ("--raw", "--rate", "8000", "--channels", "1")
    assert planned("encode", "in", "-o", "out", *args) == [
        "encode in/p.raw -> out/p.swc",
        "encode in/q.PCM -> out/q.swc",
    ]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (("--include", "*.wav"), ["a"]),
        (("--include", "*.wav", "--include", "sub/*"), ["a", "sub/b", "sub/deep/c d"]),
        (("--exclude", "sub/*"), ["a", "x"]),
        (("--include", "sub/*", "--exclude", "*.m4a"), ["sub/b"]),
        (("--exclude", "b.*", "--exclude", "[ac]*"), ["x"]),
    ],
)
def test_patterns(folder: Path, patterns: tuple[str, ...], names: list[str]) -> None:
    lines = planned("encode", "in", "-o", "out", *patterns)
    assert [line.split(" -> out/")[1].removesuffix(".swc") for line in lines] == names


def test_links_lead_to_files_and_not_in_circles(folder: Path) -> None:
    Path("in/link.wav").symlink_to("../single.opus")
    Path("in/nowhere.wav").symlink_to("missing")
    Path("in/round.wav").symlink_to("round.wav")
    Path("in/up").symlink_to("..")
    Path("top").symlink_to("in")
    os.mkfifo("in/pipe.wav")
    names = {line.split(" -> ")[0] for line in planned("encode", "top", "-o", "out")}
    assert names == {f"encode top/{name}" for name in ("link.wav", "nowhere.wav", "round.wav")} | {
        line.split(" -> ")[0].replace(" in/", " top/") for line in IN
    }
    assert run("encode", "top", "-o", "out", "--dry-run").stderr == "links to folders are not followed: top/up\n"


def test_plans_as_json(folder: Path) -> None:
    write("in/caf\udce9\n.wav")
    facts = [json.loads(line) for line in run("encode", "in", "-o", "out", "--dry-run", "--json").stdout.splitlines()]
    assert {(fact["input"], fact["status"]) for fact in facts} >= {
        ("in/caf\udce9\n.wav", "planned"),
        ("in/x.mp3", "planned"),
    }
    assert facts[0]["bytes_in"] == len("in/a.wav")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("encode", "in/a.wav", "other/a.flac", "-o", "out"), "in/a.wav and other/a.flac would both become out/a.swc"),
        (("encode", "in", "other", "-o", "out"), "in/a.wav and other/a.flac would both become out/a.swc"),
        (("encode", "in", "-o", "in"), "in lies in in, whose files are the inputs; name a folder outside of it"),
        (("encode", "in", "-o", "in/new/er"), "in/new/er lies in in"),
        (("encode", "in", "-o", "link/new"), "link/new lies in in"),
        (("encode", "in", "-o", "linked"), "linked/sub lies in in"),
        (("batch", "encode", "in", "in/out"), "in/out lies in in"),
        (
            ("encode", "in", "-o", "full"),
            "full/a.swc exists and is not a .swc stream, and encode never overwrites such a file",
        ),
        (("encode", "in", "-o", "full", "--force"), "full/a.swc exists and is not a .swc stream"),
        (("encode", "in", "-o", "full", "--skip-existing"), "full/a.swc exists and is not a .swc stream"),
        (("encode", "in", "-o", "same", "-f"), "same/x.swc is both input and output"),
        (("encode", "st/odd.swc", "in/odd", "-o", "st", "-f"), "st/odd.swc is an input, and also the output of in/odd"),
        (("decode", "st", "-o", "there"), "there/s.wav exists already; name another folder, add --skip-existing"),
        (("decode", "st", "-o", "there", "--skip-existing"), "there/s.wav differs from st/s.swc as decoded"),
        (("encode", "-", "-o", "out"), "the output cannot be named after -"),
        (("encode", "/dev/null", "-o", "out"), "the output cannot be named after /dev/null"),
        (("encode", "", "-o", "out"), "the name of a file is empty"),
        (("encode", "in", "-o", ""), "the name of the folder for the outputs is empty"),
        (("encode", "in", "-o", "-"), "-o takes a folder, and - is standard output"),
        (("encode", "in", "-o", "single.opus"), "single.opus exists and is not a folder"),
        (("encode", "in/a.wav", "-o", "new.swc"), "new.swc is named as a file; to name a single output: swc encode"),
        (("encode", "in", "-o", "/dev/null/x"), "/dev/null/x: Not a directory"),
        (("encode", "in", "-o", "single.opus/x"), "single.opus/x: Not a directory"),
        (("encode", "st", "-o", "out"), "nothing to encode in st"),
        (("encode", "in", "-o", "out", "--include", "*.xyz"), "nothing to encode in in; check the names and patterns"),
        (("encode", "in", "-o", "out", "--model", "none"), "no model 'none'"),
        (("encode", "in", "-o", "out", "--lookahead", "inf"), "--lookahead must be"),
        (("encode", "in", "-o", "out", "--report", "r.txt"), "r.txt: a report is .jsonl or .csv"),
        (("encode", "in", "-o", "out", "--report", "taken.csv"), "taken.csv exists and is not a report"),
        (("batch", "encode", "in/a.wav", "out"), "in/a.wav is not a folder; for files: swc encode FILE... -o DIR"),
    ],
)
def test_what_is_refused_before_any_work(folder: Path, args: tuple[str, ...], message: str) -> None:
    write("full/a.swc", "there/s.wav", "taken.csv", "in/odd")
    STREAM.save("st/odd.swc")
    Path("same").mkdir()
    os.link("in/x.mp3", "same/x.swc")
    Path("link").symlink_to("in")
    Path("linked").mkdir()
    Path("linked/sub").symlink_to("../in/sub")
    assert message in refused(*args)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("encode", "in/a.wav", "--jobs", "2"), "--jobs: only for many files; add -o DIR"),
        (("decode", "st/s.swc", "--skip-existing", "--report", "r.csv"), "--skip-existing and --report: only"),
        (
            ("decode", "st/s.swc", "--include", "*", "--exclude", "x", "--dry-run"),
            "--include and --exclude and --dry-run",
        ),
        (("decode", "st/s.swc", "out.flac", "--format", "flac"), "OUT's suffix gives the format"),
        (("decode", "st", "-o", "o", "--raw", "--format", "wav"), "--raw has no --format"),
        (("encode", "in", "-o", "out", "--jobs", "0"), "Invalid value for '--jobs'"),
        (("batch", "encode", "in"), "Missing argument"),
        (("batch", "encode", "in", "out", "more"), "unexpected extra argument"),
    ],
)
def test_usage_errors(folder: Path, args: tuple[str, ...], message: str) -> None:
    assert message in refused(*args, code=2)


def test_every_reason_is_named_once(folder: Path) -> None:
    write("out/a.swc", "out/x.swc")
    said = refused("encode", "in", "in", "other", "-o", "out")
    assert said.count("would both become") == 1
    assert "out/x.swc exists and is not a .swc stream" in said
    assert said.endswith("swc: error: nothing was encoded for 3 reasons, named above")
    for i in range(30):
        write(f"in/n/{i}.wav", f"out/n/{i}.swc")
    assert said != (many := refused("encode", "in", "-o", "out"))
    assert "32 reasons, the first 20 of which are named above" in many


def age(name: str, seconds: float) -> None:
    time = Path(name).stat().st_mtime + seconds
    os.utime(name, (time, time))


def test_finished_streams_are_kept(folder: Path) -> None:
    write("in/sub/later.wav", "out/empty.swc")
    Path("out/sub").mkdir(parents=True)
    data = STREAM.to_bytes()
    for name, content in {"a": data, "x": data[:-5], "sub/b": data + b"more", "sub/later": data}.items():
        Path(f"out/{name}.swc").write_bytes(content)
    age("in/sub/later.wav", 60)
    lines = planned("encode", "in", "-o", "out", "--skip-existing")
    assert [line for line in lines if line.startswith("keep")] == ["keep in/a.wav -> out/a.swc"]
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda: None, True),
        (lambda: age("st/s.swc", 60), False),
        (lambda: sf.write("o/s.wav", AUDIO[1:], 44100), False),
        (lambda: sf.write("o/s.wav", AUDIO, 48000), False),
        (lambda: sf.write("o/s.wav", np.tile(AUDIO, 2), 44100), False),
        (lambda: os.truncate("o/s.wav", 5000), False),
        (lambda: os.truncate("o/s.wav", 0), False),
        (lambda: os.truncate("st/s.swc", 200), False),
    ],
)
@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_finished_audio_is_kept(folder: Path, change: Callable[[], None], kept: bool, suffix: str) -> None:
    Path("o").mkdir()
    STREAM.save("st/s.swc")
    sf.write("o/s.wav", AUDIO, 44100)
    change()
    if suffix != "wav":
        Path("o/s.wav").rename(f"o/s.{suffix}")  # the contents count
    args = ("decode", "st/s.swc", "-o", "o", "--format", suffix, "--skip-existing")
    if kept:
        assert planned(*args) == [f"keep st/s.swc -> o/s.{suffix}"]
    else:
        assert "may be its original; name another folder, or add --force" in refused(*args)
        assert planned(*args, "-f") == [f"decode st/s.swc -> o/s.{suffix}"]


def test_parts_are_finished_when_they_are_as_long_as_was_asked(folder: Path) -> None:
    Path("o").mkdir()
    STREAM.save("st/s.swc")
    sf.write("o/s.wav", AUDIO[: 2 * 44100], 44100)
    args = ("decode", "st/s.swc", "-o", "o", "--skip-existing", "--start", "1", "--duration")
    assert planned(*args, "2") == ["keep st/s.swc -> o/s.wav"]
    assert "differs from st/s.swc as decoded" in refused(*args, "2.5")
    Path("o/s.raw").write_bytes(bytes(3 * 88200))
    assert planned(*args, "2", "--raw", "--bits", "24") == ["keep st/s.swc -> o/s.raw"]


def test_what_is_only_overwritten_with_force(folder: Path) -> None:
    write("o/s.wav", "o/sub/t.wav")
    Path("out").mkdir()
    STREAM.save("out/a.swc")
    assert "out/a.swc exists already" in refused("encode", "in", "-o", "out")
    assert planned("encode", "in", "-o", "out", "-f") == IN
    assert len(planned("decode", "st", "-o", "o", "-f")) == 3


def test_verify_takes_folders(folder: Path) -> None:
    STREAM.save("st/s.swc")
    assert find_streams(["st", "in/a.wav", "-"]) == ["st/s.swc", "st/sub/no suffix", "st/sub/t.SWC", "in/a.wav", "-"]
    result = run("verify", "st", "in/a.wav")
    assert result.exit_code == 3
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == ["st/s.swc", "st/sub/no suffix"]
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["st/sub/t.SWC", "in/a.wav"]
    assert "no .swc streams in in; check the path" in refused("verify", "in")
