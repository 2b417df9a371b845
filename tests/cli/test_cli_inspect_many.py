"""swc inspect on several streams and on folders: the table, its totals, and what is faulty."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cli_streams import make_stream
from typer.testing import CliRunner, Result

from swc.bitstream import Stream
from swc.cli import app
from swc.cli.inputs import find_streams
from swc.errors import InputError

STREAM = make_stream(8)
TAGGED = make_stream(12, channels=2)
TAGGED = replace(TAGGED, header=TAGGED.header.with_tags([("TITLE", "x"), ("ARTIST", "y")]))


def run(*args: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["inspect", *map(str, args)])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four streams, one of them damaged and one without the suffix, among other things."""
    (tmp_path / "sub" / ".hidden").mkdir(parents=True)
    STREAM.save(tmp_path / "b.swc")
    TAGGED.save(tmp_path / "sub" / "a.SWC")
    TAGGED.save(tmp_path / "sub" / "no suffix")
    data = bytearray(STREAM.to_bytes())
    data[300] ^= 1
    (tmp_path / "damaged.swc").write_bytes(data)
    STREAM.save(tmp_path / ".swc-0123.part")
    STREAM.save(tmp_path / "sub" / ".hidden" / "c.swc")
    (tmp_path / "notes.txt").write_text("no stream")
    os.mkfifo(tmp_path / "pipe.swc")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    return tmp_path


def test_what_a_folder_means(folder: Path) -> None:
    inside = [folder / name for name in ("b.swc", "damaged.swc", "sub/a.SWC", "sub/no suffix")]
    assert find_streams([str(folder)]) == [str(path) for path in inside]
    assert find_streams(["z.swc", str(folder / "sub"), "-"]) == ["z.swc", *map(str, inside[2:]), "-"]
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \.swc streams"):
        find_streams([str(folder / "empty")])


def test_the_table(folder: Path) -> None:
    result = run(folder / "sub", folder / "b.swc")
    heading, *rows, empty, totals = [line.split() for line in result.stdout.splitlines()]
    assert heading == ["duration", "channels", "Hz", "kbit/s", "model", "tags", "damage", "file"]
    assert empty == []
    seconds, rate = f"{TAGGED.duration:.2f}", f"{TAGGED.kbps:.2f}"
    fingerprint = TAGGED.header.fingerprint.hex()  # of a model that is not installed
    assert rows[0] == [seconds, "s", "2", "44100", rate, fingerprint, "2", "-", str(folder / "sub" / "a.SWC")]
    assert [row[6] for row in rows] == ["2", "2", "0"]
    size = 2 * len(TAGGED.to_bytes()) + len(STREAM.to_bytes())
    duration = 2 * TAGGED.duration + STREAM.duration
    assert totals[:4] == [f"{duration:.2f}", "s", f"{size * 8 / duration / 1000:.2f}", "4"]
    assert "3 whole files" in result.stdout
    assert len({line.index(str(folder)) for line in result.stdout.splitlines() if str(folder) in line}) == 1


def test_what_is_faulty_is_named_and_the_exit_code_is_the_worst(folder: Path) -> None:
    result = run(folder / "b.swc", folder / "none.swc", folder / "damaged.swc", code=3)
    rows = result.stdout.splitlines()
    assert "unreadable" in rows[2]
    assert "4.00 s lost" in rows[3] or "3.99 s lost" in rows[3]
    assert rows[3].split()[2:4] == ["1", "44100"]  # its header is sound
    assert "2 faulty" in rows[-1]
    assert f"{folder / 'none.swc'}: no such file" in result.stderr
    assert f"{folder / 'damaged.swc'}: " in result.stderr
    assert "lost: " in result.stderr
    assert run(folder / "b.swc", folder / "none.swc", code=1).stdout.count("\n") == 5
    assert run(folder, code=3).stdout.count("\n") == 7


def test_json_is_a_line_a_file(folder: Path) -> None:
    lines = run(folder, "--json", code=3).stdout.splitlines()
    one, damaged, *_ = facts = [json.loads(line) for line in lines]
    assert [Path(f["file"]).name for f in facts] == ["b.swc", "damaged.swc", "a.SWC", "no suffix"]
    alone = json.loads(run(folder / "b.swc", "--json").stdout)
    assert alone.items() <= one.items()
    assert (one["error"], one["damage"], one["model"]) == (None, None, None)
    assert len(damaged["damage"]["lost"]) == 1
    assert (damaged["channels"], "kbps" in damaged) == (1, False)


def test_a_folder_of_one_is_a_table(tmp_path: Path) -> None:
    STREAM.save(tmp_path / "a.swc")
    assert "1 whole file," in run(tmp_path).stdout
    (tmp_path / "empty").mkdir()
    assert "no .swc streams" in run(tmp_path / "empty", code=1).stderr


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    STREAM.save(tmp_path / "a\x1b[31m\nb.swc")
    lines = run(tmp_path).stdout.splitlines()
    assert len(lines) == 4
    assert lines[1].endswith("a\\x1b[31m\\nb.swc")


def test_a_stream_without_audio(tmp_path: Path) -> None:
    make_stream(0).save(tmp_path / "a.swc")
    assert run(tmp_path).stdout.splitlines()[1].split()[:5] == ["0.00", "s", "1", "44100", "-"]


def test_a_plot_is_of_one_file(folder: Path) -> None:
    for names in ((folder,), (folder / "b.swc", folder / "b.swc")):
        assert "one file" in run(*names, "--plot", folder / "a.png", code=2).stderr
    for name, word in (("a.pdf", ".png"), ("-", ".png"), ("none/a.png", "does not exist"), ("sub", ".png")):
        plot = name if name == "-" else folder / name
        assert word in run(folder / "b.swc", "--plot", plot, code=1).stderr
    assert "fingerprint" in run(folder / "b.swc", "--no-map", "--plot", folder / "a.png", code=1).stderr
    assert not (folder / "a.png").exists()


def test_a_plot_of_a_stream(tmp_path: Path, minute: Stream, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minute.save(tmp_path / "a.swc")
    plot = tmp_path / "a.png"
    result = run(tmp_path / "a.swc", "--json", "--plot", plot, "--model", model)
    assert json.loads(result.stdout)["channels"] == 1
    assert result.stderr == f"{plot}: written\n"
    assert plot.read_bytes().startswith(b"\x89PNG")
    before = plot.read_bytes()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "swc-codec[eval]" in run(tmp_path / "a.swc", "--plot", plot, "--model", model, code=1).stderr
    assert plot.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["a.png", "a.swc"]
