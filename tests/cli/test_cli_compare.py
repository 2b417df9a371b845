"""swc compare: a page from the command line, what it holds, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import soundfile
from tiny import tones
from typer.testing import CliRunner, Result

from swc.cli import app

RATE = 16000
ERROR = re.compile(r"[│\s]+")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with two recordings, a copy of one of them, and a page and a text."""
    for name, seed in {"a.wav": 0, "b.wav": 1, "copy.flac": 0}.items():
        soundfile.write(tmp_path / name, tones(3, RATE, seed), RATE)
    (tmp_path / "old.html").write_text("<!DOCTYPE html>\n<p>old")
    (tmp_path / "notes.txt").write_text("precious")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(model: Path, folder: Path) -> object:
    def run(*args: str) -> Result:
        return CliRunner().invoke(app, ["compare", *args, "--model", str(model)])

    return run


def page_data(path: Path) -> list[dict]:
    return json.loads(re.search(r'id="data">(.*?)</script>', path.read_text(), re.S)[1])


def test_rates_files_and_streams(run, folder: Path, model: Path) -> None:
    assert CliRunner().invoke(app, ["encode", "a.wav", "--kbps", "4", "--model", str(model)]).exit_code == 0
    done = run("a.wav", "--kbps", "1.5,4", "--kbps", "2", "--with", "copy.flac", "--with", "a.swc", "--html", "p.html")
    assert done.exit_code == 0, done.output
    (recording,) = page_data(folder / "p.html")
    assert [version["name"] for version in recording["versions"]] == [
        *("Original", "swc 1.5", "swc 4", "swc 2", "copy.flac", "a.swc")
    ]
    assert (recording["name"], recording["samples"], recording["rate"], recording["start"]) == ("a.wav", 48000, RATE, 0)
    kbps = {version["name"]: version["kbps"] for version in recording["versions"]}
    assert kbps["swc 4"] == kbps["a.swc"] > kbps["swc 2"] > kbps["swc 1.5"] > 1
    assert "p.html: " in done.stderr
    assert f"    swc 4, {kbps['swc 4']:.2f} kbit/s" in done.stderr


def test_several_recordings_a_part_and_json(run, folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "a.wav").write_bytes((folder / "b.wav").read_bytes())
    args = ("a.wav", "b.wav", "other/a.wav", "--kbps", "2", "--start", "1", "--duration", "0.5", "--json")
    done = run(*args, "--html", "p.html")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["bytes"] == (folder / "p.html").stat().st_size
    recordings = page_data(folder / "p.html")
    assert [recording["name"] for recording in recordings] == ["a.wav", "b.wav", "other/a.wav"]
    assert [recording["name"] for recording in facts["recordings"]] == ["a.wav", "b.wav", "other/a.wav"]
    assert {(recording["samples"], recording["start"]) for recording in recordings} == {(8000, 1.0)}


def test_a_page_on_stdout(run) -> None:
    done = run("a.wav", "--kbps", "2", "--quiet", "--html", "-")
    assert done.stdout.startswith("<!doctype html>")
    assert done.stderr == ""


def test_what_is_long_is_said(run, folder: Path) -> None:
    soundfile.write(folder / "long.wav", tones(31, 8000), 8000)
    done = run("long.wav", "--kbps", "2", "--html", "p.html")
    assert "long.wav is long: the page has 30 s of it; choose others with --start, --duration" in done.stderr
    assert page_data(folder / "p.html")[0]["samples"] == 240000


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("notes.txt", "notes.txt exists and is not a page; name another output"),
        ("a.wav", "a.wav exists and is not a page"),
        ("new.wav", "new.wav is named as a recording; name the page, such as page.html"),
        (".", ". is not the name of a file; name one, such as page.html"),
        ("new/", "new/ is not the name of a file"),
        ("", "the name of the page is not the name of a file"),
        ("nowhere/p.html", "nowhere does not exist; create it first"),
    ],
)
def test_outputs_that_are_refused(run, folder: Path, page: str, message: str, force: tuple[str, ...]) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    done = run("a.wav", "--kbps", "2", "--html", page, *force)
    assert done.exit_code == 1
    assert message in done.stderr
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_page_is_overwritten_with_force_alone(run, folder: Path) -> None:
    done = run("a.wav", "--kbps", "2", "--html", "old.html")
    assert done.exit_code == 1
    assert "old.html exists already; name another output, or add --force" in done.stderr
    assert run("a.wav", "--kbps", "2", "--html", "old.html", "--force").exit_code == 0
    assert page_data(folder / "old.html")


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("a.wav", "--kbps", "2,x"), 2, "--kbps 'x': give rates of 0.1 kbit/s or more, such as 0.89,2.67,8"),
        (("a.wav", "--kbps", "nan"), 2, "--kbps 'nan': give rates"),
        (("a.wav", "--kbps", "0"), 2, "--kbps '0': give rates"),
        (("a.wav", "--with", "opus:"), 2, "write opus:RATE, such as opus:6"),
        (("a.wav", "b.wav", "--with", "copy.flac"), 2, "a file goes with one IN"),
        (("a.wav", "--with", "opus:2"), 1, "Opus takes 6 to 256 kbit/s for 1 channel(s), not 2"),
        (("nowhere.wav",), 1, "nowhere.wav: no such file; check the path"),
        (("a.wav", "--with", "nowhere.wav"), 1, "nowhere.wav: No such file or directory"),
        (("a.wav", "--with", "notes.txt"), 1, "notes.txt"),
        (("a.wav", "--start", "9"), 1, "a.wav has nothing after 9 s: it lasts 3.00 s; choose another --start"),
        (("a.wav", "--duration", "301"), 1, "a page holds at most 300 s; choose a shorter --duration"),
        (("a.wav", "--kbps", "1,2,3,4,5,6,7,8,9"), 1, "10 versions; a page compares 2 to 9"),
    ],
)
def test_errors(run, folder: Path, args: tuple[str, ...], code: int, message: str) -> None:
    done = run(*args, "--html", "p.html")
    assert done.exit_code == code, done.output
    assert message in ERROR.sub(" ", done.stderr)
    assert not (folder / "p.html").exists()
