"""swc tokens: codes for other programs, and the same stream again; nothing is overwritten that is no such file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_commands import piped
from cli_streams import make_stream
from typer.testing import CliRunner, Result

from swc.cli import app

STREAM = make_stream(11, channels=2)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    STREAM.save("a.swc")
    return tmp_path


def run(*args: str, code: int = 0) -> Result:
    done = CliRunner().invoke(app, ["tokens", *args])
    assert done.exit_code == code, done.output
    return done


@pytest.mark.parametrize("suffix", ["npz", "jsonl"])
def test_there_and_back(folder: Path, suffix: str) -> None:
    there = run("a.swc", f"a.{suffix}")
    assert f"a.{suffix}: " in there.stderr
    assert "2 x 431 latents" in there.stderr
    assert run(f"a.{suffix}", "b.swc", "--quiet").output == ""
    assert (folder / "b.swc").read_bytes() == (folder / "a.swc").read_bytes()


def test_what_was_done_as_json(folder: Path) -> None:
    facts = json.loads(run("a.swc", "a.npz", "--json").stdout)
    assert facts == {
        "input": "a.swc",
        "output": "a.npz",
        "format": "npz",
        "bytes": (folder / "a.npz").stat().st_size,
        "seconds": STREAM.duration,
        "channels": 2,
        "stages": 18,
        "latents": 431,
    }
    assert json.loads(run("a.npz", "b.swc", "--json").stdout)["format"] == "swc"


def test_the_arrays_are_those_of_the_stream(folder: Path) -> None:
    run("a.swc", "a.npz")
    with np.load("a.npz", allow_pickle=False) as file:
        assert np.array_equal(file["codes"], STREAM.codes())
        assert np.array_equal(file["mask"], STREAM.mask())


def test_pipes_carry_what_files_hold(folder: Path) -> None:
    run("a.swc", "a.jsonl")
    run("a.swc", "a.npz")
    data = (folder / "a.swc").read_bytes()
    lines = piped(data, "tokens", "-", "-")
    assert lines.stdout == (folder / "a.jsonl").read_bytes()
    assert piped(data, "tokens", "-", "-", "--format", "npz").stdout == (folder / "a.npz").read_bytes()
    assert piped(lines.stdout, "tokens", "-", "-").stdout == data
    assert piped((folder / "a.npz").read_bytes(), "tokens", "-", "-").stdout == data


def test_a_folder_takes_the_input_s_name(folder: Path) -> None:
    (folder / "out").mkdir()
    run("a.swc", "out", "--format", "npz")
    run("out/a.npz", "out")
    assert sorted(os.listdir("out")) == ["a.npz", "a.swc"]
    assert "suffix .npz or .jsonl for the tokens, or add --format" in run("a.swc", "out", code=1).stderr


def test_a_format_may_have_any_suffix(folder: Path) -> None:
    run("a.swc", "a.txt", "--format", "jsonl")
    run("a.txt", "b.swc")
    assert "suffix .npz or .jsonl for the tokens, or add --format" in run("a.swc", "b.txt", code=1).stderr
    assert not (folder / "b.txt").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("a.swc", "b.swc"), "suffix .npz or .jsonl"),
        (("a.swc", "b.swc", "--format", "npz"), "the suffix of npz is .npz"),
        (("a.swc", "b.jsonl", "--format", "npz"), "the suffix of npz is .npz"),
        (("a.npz", "b.npz"), "a.npz holds tokens, which become a .swc stream"),
        (("a.npz", "b.jsonl"), "a.npz holds tokens"),
        (("a.npz", "b.swc", "--format", "jsonl"), "name a .swc file, without --format"),
    ],
)
def test_names_that_say_something_else_are_refused(folder: Path, args: tuple[str, ...], message: str) -> None:
    run("a.swc", "a.npz")
    assert message in run(*args, "--force", code=1).stderr
    assert sorted(os.listdir(folder)) == ["a.npz", "a.swc"]


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_what_is_no_such_file_is_never_overwritten(folder: Path, force: tuple[str, ...]) -> None:
    np.savez("mine.npz", codes=np.zeros(3))
    for name, content in {"mine.jsonl": b'{"a": 1}\n', "mine.swc": b"a neuron", "b.wav": b"RIFF"}.items():
        (folder / name).write_bytes(content)
    run("a.swc", "a.jsonl")
    before = {name: (folder / name).read_bytes() for name in os.listdir(folder)}
    for source, target in (
        *(("a.swc", "mine.npz"), ("a.swc", "mine.jsonl"), ("a.jsonl", "mine.swc"), ("a.jsonl", "b.wav")),
        *(("a.jsonl", "mine.npz"), ("a.swc", "a.swc"), ("a.jsonl", "a.jsonl")),
    ):
        assert "swc: error: " in run(source, target, *force, code=1).stderr
    assert {name: (folder / name).read_bytes() for name in os.listdir(folder)} == before


def test_what_is_such_a_file_is_overwritten_with_force(folder: Path) -> None:
    for name in ("b.npz", "b.jsonl"):
        run("a.swc", name)
        assert "exists already" in run("a.swc", name, code=1).stderr
        run("a.swc", name, "--force")
    assert "exists already" in run("b.npz", "a.swc", code=1).stderr
    run("b.npz", "a.swc", "--force")
    assert (folder / "a.swc").read_bytes() == STREAM.to_bytes()


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", 3, "the file is empty"),
        (b"fLaC", 3, "this is FLAC audio"),
        (b"PK\x03\x04...", 3, "the .npz is damaged or not one of tokens"),
        (b"{}", 3, "not a file of tokens, or a newer one"),
    ],
)
def test_inputs_that_are_refused(folder: Path, content: bytes, code: int, message: str) -> None:
    (folder / "in").write_bytes(content)
    assert message in run("in", "out.npz", code=code).stderr
    assert sorted(os.listdir(folder)) == ["a.swc", "in"]


def test_edited_codes_are_checked(folder: Path) -> None:
    run("a.swc", "a.jsonl")
    (folder / "a.jsonl").write_text((folder / "a.jsonl").read_text().replace("[9, ", "[9999, "))
    done = run("a.jsonl", "b.swc", code=1)
    assert "code 9999 of channel 0, stage 0, latent 387: allowed are 0 to 1023" in done.stderr
    assert "--" not in done.stderr
    run("a.swc", "a.jsonl", "--force")
    (folder / "a.jsonl").write_text((folder / "a.jsonl").read_text()[:-40])
    assert "is the file cut off?" in run("a.jsonl", "b.swc", code=3).stderr
    assert "no such file" in run("c.npz", "b.swc", code=1).stderr
    assert not (folder / "b.swc").exists()


def test_it_imports_no_torch(folder: Path) -> None:
    code = "import sys; from swc.cli import app; app(['tokens', 'a.swc', 'a.npz'], standalone_mode=False); "
    done = subprocess.run([sys.executable, "-c", code + "sys.exit('torch' in sys.modules)"])
    assert done.returncode == 0
