"""Any name that a file system allows, in every command, in messages and in JSON."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from cli_commands import piped
from cli_many import Swc
from cli_streams import make_stream
from typer.testing import CliRunner

from swc.bitstream import Stream
from swc.cli import app
from swc.cli.guard import as_flags, say, tell
from swc.cli.options import printable
from swc.evaluation import Results, Row, table, write_csv, write_json
from swc.evaluation.results import Failure

STREAM = make_stream(9).to_bytes()
NAMES = [
    "caf\udce9",
    "snow \u96ea",
    "new\nline\r",
    "-x",
    "--force",
    "two  spaces ",
    "`kbps`",
    "\x1b[31mred\u202e",
    "%s {0} $HOME",
    "n" * 251,
]
ODD = [name for name in NAMES if not name.isascii()]  # depend on the locale, which a process sets once
PLAIN = [name for name in NAMES if name.isascii()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variable", "names"), [(("PYTHONIOENCODING", "ascii"), ODD), (("LC_ALL", "C.UTF-8"), ODD[:2])]
)
def test_streams_of_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: tuple[str, str], names: list[str]
) -> None:
    def run(*args: str) -> tuple[int, str, str]:
        done = piped(b"", *args, environment=(variable,))
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    for number, name in enumerate(names):
        (tmp_path / str(number)).mkdir()
        monkeypatch.chdir(tmp_path / str(number))
        every_command_takes(Path.cwd(), name, run)


@pytest.mark.parametrize("name", PLAIN)
def test_streams_of_any_ascii_name(swc: Swc, name: str) -> None:
    def run(*args: str) -> tuple[int, str, str]:
        done = swc(*args)
        return done.exit_code, done.stdout, done.stderr

    every_command_takes(swc.folder, name, run)


def every_command_takes(folder: Path, name: str, run: Callable[..., tuple[int, str, str]]) -> None:
    (folder / f"{name}.swc").write_bytes(STREAM)
    for args in (
        ("verify", "--", f"{name}.swc"),
        ("inspect", "--", f"{name}.swc"),
        ("cut", "--json", "--", f"{name}.swc", "part.swc"),
        ("cut", "--", "part.swc", f"{name[:-1]}\u00e9"[:240]),
        ("cat", "-f", "--json", "--", "part.swc", f"{name}.swc"),
        ("verify", "--json", "--", f"{name}.swc"),
        ("inspect", "--json", "--", f"{name}.swc"),
    ):
        code, output, errors = run(*args)
        assert code == 0, errors
        assert "\x1b" not in output + errors
        if "--json" in args:
            facts = json.loads(output)
            assert f"{name}.swc" in (facts.get("file"), facts.get("input"), facts.get("output"))
    assert (folder / f"{name}.swc").read_bytes() == STREAM


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command", ["encode", "decode", "inspect", "verify", "cut", "cat"])
def test_messages_name_the_file_exactly(tmp_path: Path, name: str, command: str) -> None:
    args = [command, "--", f"{tmp_path}/{name}.x"] + ([f"{tmp_path}/o.swc"] if command in ("cut", "cat") else [])
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 1
    assert f"{printable(name)}.x: no such file; check the path\n" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_there_and_back_under_any_name(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    monkeypatch.chdir(tmp_path)
    environment, sound = (("LC_ALL", locale), ("SWC_MODELS", str(models))), 0.2 * np.sin(np.arange(9000) * 0.05)
    for name in ODD:
        sf.write(os.fsencode(tmp_path / f"{name}.wav"), sound, 44100, format="WAV", subtype="PCM_16")
        encode = ("encode", "--json", "--effort", "0", "--", f"{name}.wav")
        done = piped(b"", *encode, environment=environment)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["output"] == f"{name}.swc"
        assert Stream.load(tmp_path / f"{name}.swc").total_samples == 9000
        (tmp_path / f"{name}.wav").unlink()
        done = piped(b"", "decode", "--", f"{name}.swc", environment=environment)
        assert done.returncode == 0, done.stderr
        assert done.stderr.decode().startswith(f"{printable(name)}.wav: 0.20 s")
    assert sorted(os.listdir(tmp_path)) == sorted(f"{name}{suffix}" for name in ODD for suffix in (".swc", ".wav"))


@pytest.mark.parametrize("name", PLAIN)
def test_there_and_back_under_ascii_names(swc: Swc, name: str) -> None:
    sf.write(swc.folder / f"{name}.wav", 0.2 * np.sin(np.arange(9000) * 0.05), 44100, format="WAV", subtype="PCM_16")
    assert swc("encode", "--effort", "0", "--", f"{name}.wav").exit_code == 0
    (swc.folder / f"{name}.wav").unlink()
    done = swc("decode", "--", f"{name}.swc")
    assert done.exit_code == 0
    assert done.stderr.startswith(f"{printable(name)}.wav: 0.20 s")
    assert sorted(os.listdir(swc.folder)) == sorted([f"{name}.swc", f"{name}.wav"])


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "latin-1"])
def test_whatever_is_said_can_be_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoding: str) -> None:
    everything = "".join(map(chr, [*range(0x300), *range(0xD780, 0xE010), 0x1F600, 0x10FFFF]))
    with open(tmp_path / "out", "w", encoding=encoding) as strict:
        monkeypatch.setattr(sys, "stdout", strict)
        monkeypatch.setattr(sys, "stderr", strict)
        say(everything)
        tell(everything)
    assert (tmp_path / "out").read_bytes().count(b"\n") == 2
    assert not set(printable(everything)) & set("\n\r\x1b\x7f\x9b\ud800\udcff\u202e")


def test_names_are_no_flags() -> None:
    assert as_flags("choose `max_steps`, or (`bits`) and `raw`.") == "choose --max-steps, or (--bits) and --raw."
    for name in ("`raw`.wav", "a/`raw`/b", "x`raw`"):
        assert as_flags(f"{name}: no such file") == f"{name}: no such file"


def test_reports_of_any_name(tmp_path: Path) -> None:
    rows = tuple(Row(f"{name}.wav", f"{i}{name}", 2.0, 1.9, 6.0, 1.0, 1.0) for i, name in enumerate(NAMES))
    results = Results(rows, (Failure("caf\udce9.mp3", None, "caf\udce9.mp3 is no audio"),))
    write_csv(results, tmp_path / "caf\udce9.csv")
    with (tmp_path / "caf\udce9.csv").open(encoding="utf-8", newline="") as file:
        read = [row["file"] for row in csv.DictReader(file)]
    assert read == [f"{name}.wav".replace("\udce9", "\\udce9") for name in NAMES]
    write_json(results, tmp_path / "a\n.json")
    document = json.loads((tmp_path / "a\n.json").read_text(encoding="utf-8"))
    assert [row["file"] for row in document["rows"]] == [f"{name}.wav" for name in NAMES]
    assert document["failures"] == [{"file": "caf\udce9.mp3", "kbps": None, "reason": "caf\udce9.mp3 is no audio"}]
    from rich.console import Console

    with open(tmp_path / "table", "w", encoding="utf-8") as file:
        Console(file=file, width=400).print(table(results))
    shown = (tmp_path / "table").read_text(encoding="utf-8")
    assert "0caf\\udce9 " in shown
    assert "\x1b" not in shown
