"""swc eval --plot and --html: what lies on the disk afterwards, and what is said before the work."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import soundfile as sf
from cli_commands import piped
from tiny import tones
from typer.testing import CliRunner, Result

from swc.cli import app

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for domain in ("speech", "music"):
        (tmp_path / "clips" / domain).mkdir(parents=True)
        sf.write(tmp_path / "clips" / domain / "a.wav", tones(1.5, 16000), 16000)
    return tmp_path / "clips"


def run(folder: Path, model: Path, *args: str | Path, code: int = 0) -> Result:
    rates = ("--kbps", "1", "--kbps", "4", "--workers", "0", "--model", model)
    result = CliRunner().invoke(app, ["eval", *map(str, (folder, *rates, *args))])
    assert result.exit_code == code, result.output
    return result


def test_plot_and_page(folder: Path, model: Path) -> None:
    plot, page = folder.parent / "rd.png", folder.parent / "report.html"
    run(folder, model, "--plot", plot, "--html", page)
    assert plot.read_bytes().startswith(b"\x89PNG")
    text = page.read_text(encoding="utf-8")
    assert text.count('<tbody class="clip"') == 2
    assert "music/a.wav" in text


def test_the_page_to_stdout(folder: Path, model: Path) -> None:
    options = ("--kbps", "2", "--workers", "0", "--html", "-", "-q", "--model", model)
    done = piped(b"", "eval", folder, *options)
    assert done.returncode == 0
    assert done.stdout.startswith(b"<!DOCTYPE html>")
    assert done.stdout.endswith(b"</html>\n")
    assert b"asked" in done.stderr  # the table


@pytest.mark.parametrize("option", ["--plot", "--html"])
def test_a_missing_package_is_noticed_before_the_work(
    folder: Path, model: Path, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = run(folder, model.parent / "none", option, folder.parent / "a.png", code=1)
    assert "swc[eval]" in result.stderr  # and nothing of the model, which is not there
