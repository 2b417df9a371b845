"""Parts of commands that need no codec: progress, selection of recordings, training messages."""

from __future__ import annotations

import io
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from swc.cli.progress import FileBars, file_bars, progress_bar
from swc.cli.train import printer
from swc.errors import InputError
from swc.evaluation.clips import find_clips
from swc.files import open_output
from swc.training import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "quiet"), [(io.StringIO(), False), (Terminal(), True)])
def test_no_bar_when_quiet_or_off_a_terminal(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, quiet: bool) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_bar("working", quiet) as report:
        report(1, 2)
    assert stream.getvalue() == ""


@pytest.mark.parametrize("total", [2, None])
def test_bar_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], total: int | None
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_bar("working", quiet=False) as report:
        report(1, total)
    assert "working" in terminal.getvalue()
    assert capsys.readouterr().out == ""


def test_bars_of_many_files(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with file_bars([300, 100], quiet=True) as bars:
        bars.reach(0, 1.0, 2.0)
    assert terminal.getvalue() == ""
    with file_bars([300, 100], quiet=False) as bars:
        assert isinstance(bars, FileBars)
        bars.reach(0, 1.0, 2.0)
        bars.reach(1, 1.0, None)
        files, audio = bars.progress.tasks
        assert (files.completed, audio.completed) == (0, 150)
        assert files.fields["note"].startswith("0 of 2, ")
        bars.finish(1, 1.0)
        assert (files.completed, audio.completed) == (1, 250)
        bars.finish(0, 2.0)
        assert (files.completed, audio.completed) == (2, 400)
        assert files.fields["note"] == "2 of 2, 0.00 s left"
        assert audio.fields["note"].endswith(" x real time")
        print("data")
    assert "2 of 2" in terminal.getvalue()
    assert capsys.readouterr().out == "data\n"


def test_selection_is_spread_evenly_and_keeps_domains(tmp_path: Path) -> None:
    for name in ("music/a", "music/b", "speech/c", "speech/d", "speech/e", "speech/f"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        sf.write(tmp_path / f"{name}.wav", np.zeros(100, np.int16), 8000)
    clips = find_clips(tmp_path, 3)
    assert [clip.file for clip in clips] == ["music/a.wav", "speech/c.wav", "speech/e.wav"]
    assert [clip.domain for clip in clips] == ["music", "speech", "speech"]
    assert [len(find_clips(tmp_path, limit)) for limit in (1, 99, None)] == [1, 6, 6]
    with pytest.raises(InputError):
        find_clips(tmp_path / "none", 3)


def test_training_messages_thin_out_counting_lines(capsys: pytest.CaptureFixture[str]) -> None:
    report = printer(quiet=False)
    for done in range(100):
        report(Progress(f"decoding the corpus: {done + 1} of 100", (done + 1) / 100))
    report(Progress("stage 1 step 50: error 0.1", 0.5, 90))
    report(Progress("  one score", 0.5))
    report(Progress("  another score", 0.5, math.nan))
    assert capsys.readouterr().err.splitlines() == [
        "decoding the corpus: 1 of 100",
        "decoding the corpus: 100 of 100",
        "stage 1 step 50: error 0.1, 1:30.0 left",
        "  one score",
        "  another score",
    ]
    printer(quiet=True)(Progress("anything"))
    assert capsys.readouterr().err == ""
    printer(quiet=True)(Progress("left out: caf\udce9.wav", warning=True))
    assert capsys.readouterr().err == "left out: caf\\udce9.wav\n"


def test_output_counts_bytes_and_appears_when_whole(tmp_path: Path) -> None:
    with open_output(str(tmp_path / "a")) as output:
        output.write(b"12345")
        output.write(b"678")
        assert output.size == 8
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_bytes() == b"12345678"


def test_failed_output_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with open_output(str(tmp_path / "a")) as output:
            output.write(b"12345")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert os.listdir(tmp_path) == []


def test_output_to_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"), open_output(str(tmp_path / "none" / "a")):
        pass
