"""swc eval --plot, --html and --mos: what lies on the disk afterwards, and what is said before the work."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
import soundfile as sf
from tiny import tones
from typer.testing import CliRunner, Result

from swc.cli import app
from swc.evaluation import METRICS

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
    done = run(folder, model, "--html", "-", "-q")
    assert done.stdout.startswith("<!DOCTYPE html>")
    assert done.stdout.endswith("</html>\n")
    assert "asked" in done.stderr  # the table


@pytest.mark.parametrize("option", ["--plot", "--html"])
def test_a_missing_package_is_noticed_before_the_work(
    folder: Path, model: Path, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = run(folder, model.parent / "none", option, folder.parent / "a.png", code=1)
    assert "swc-codec[eval]" in result.stderr  # and nothing of the model, which is not there


@pytest.fixture
def only_distillmos(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with one judge, and that one pretended."""
    for name, metric in METRICS.items():
        if name.startswith("distillmos"):
            monkeypatch.setitem(METRICS, name, replace(metric, module=None, function=lambda ref, est, rate: 3.21))
        elif metric.judge:
            monkeypatch.setitem(sys.modules, str(metric.module), None)


@pytest.mark.usefixtures("only_distillmos")
def test_judges_that_are_there_are_asked_and_the_others_named_once(folder: Path, model: Path) -> None:
    page, scores = folder.parent / "report.html", folder.parent / "scores.csv"
    result = run(folder, model, "--mos", "--html", page, "--csv", scores)
    assert result.stderr.count("left out: ") == result.stderr.count("pip install 'swc-codec[mos]'") == 3
    assert [part in result.stderr for part in ("'speechmos'", "'resemblyzer'", "'pocketsphinx'")] == [True] * 3
    text = page.read_text(encoding="utf-8")
    for report in (result.stdout, text):
        assert "None of them takes part in training" in " ".join(report.split())
        assert "3.21" in report
        assert "PocketSphinx" not in report
    music, speech = text.split('id="domain-')[1:]
    assert ("DistillMOS" in music, "DistillMOS" in speech) == (False, True)
    assert [line.count(",3.21,3.21,") for line in scores.read_text().splitlines()] == [0, 0, 0, 1, 1]


@pytest.mark.usefixtures("only_distillmos")
def test_what_counts_as_speech_can_be_said(folder: Path, model: Path) -> None:
    (folder / "speech").rename(folder / "alice")
    assert "name its folders of speech with --speech" in run(folder, model, "--mos", code=1).stderr
    assert "3.21" in run(folder, model, "--mos", "--speech", "alice").stdout
    result = run(folder, model.parent / "none", "--speech", "bob", code=1)
    assert "--speech 'bob'" in result.stderr


def test_no_judge_at_all(folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for metric in METRICS.values():
        if metric.judge:
            monkeypatch.setitem(sys.modules, str(metric.module), None)
    assert "pip install 'swc-codec[mos]'" in run(folder, model.parent / "none", "--mos", code=1).stderr
    run(folder, model)


def test_the_demo_prints_only_what_its_recording_can_be_measured_by() -> None:
    from swc.cli.demo import _scores

    audio, rate = sf.read(str(resources.files("swc") / "data" / "demo.flac"), frames=2 * 44100, always_2d=True)
    lines = _scores(audio, 0.9 * audio + 1e-3, rate)
    assert len(lines) == 7
    assert not [line for line in lines if line.endswith("nan")]


def test_the_demo_without_extras(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("pesq", "pystoi", "visqol", "matplotlib"):
        monkeypatch.setitem(sys.modules, package, None)
    out = tmp_path / "demo"
    for _ in range(2):  # the second time in the folder of the first
        result = CliRunner().invoke(app, ["demo", "--out", str(out), "--model", str(model)])
        assert result.exit_code == 0, result.output
    scores = dict(line.rsplit(maxsplit=1) for line in result.stdout.splitlines() if "↑" in line or "↓" in line)
    lacking = {name.rpartition(" ")[0] for name, score in scores.items() if score == "-"}
    assert lacking == {"PESQ wb", "STOI", "ViSQOL audio", "ViSQOL speech"}
    assert len(scores) == 7
    assert result.stderr.count("pip install 'swc-codec[eval]'") == 1
    assert sorted(path.name for path in out.iterdir()) == ["decoded.wav", "demo.swc", "original.wav"]
    assert "spectrograms.png" not in result.stdout
