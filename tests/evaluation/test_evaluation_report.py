"""Means, table, files and plots."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from swc.errors import InputError
from swc.evaluation import METRICS, Results, Row, plots, summarise, table, write_csv, write_json
from swc.evaluation.plots import learning_curves, rate_distortion, routing_health, spectrogram_comparison
from swc.evaluation.results import COLUMNS

NAN = math.nan


def row(file: str, kbps: float, **more: float) -> Row:
    values = {"kbps_measured": 0.9 * kbps, "seconds": 8.0, "encode_seconds": 0.5, "decode_seconds": 0.25}
    domain = file.split("/")[0] if "/" in file else ""
    return Row(file=file, domain=domain, kbps=float(kbps), **(values | more))


@pytest.fixture
def results() -> Results:
    return Results(
        (
            row("music/c.wav", 8, mel_distance=0.5, si_sdr=-1.0, seconds=2.0, kbps_measured=8.4),
            row("music/c.wav", 2, mel_distance=1.5, si_sdr=-4.0, seconds=2.0),
            row("speech/ä,b.wav", 8, mel_distance=0.7, si_sdr=math.inf, pesq_wb=3.5, kbps_measured=8.1),
            row("speech/ä,b.wav", 2, mel_distance=1.1, si_sdr=-2.0, pesq_wb=NAN),
            row("speech/d.wav", 8, mel_distance=0.9, si_sdr=2.0, pesq_wb=4.5),
            row("speech/d.wav", 2, mel_distance=1.3, si_sdr=-3.0, pesq_wb=2.0),
        )
    )


def test_means_by_rate_and_domain(results: Results) -> None:
    summaries = summarise(results)
    order = [(2, None), (2, "music"), (2, "speech"), (8, None), (8, "music"), (8, "speech")]
    assert [(s.kbps, s.domain) for s in summaries] == order
    everything, music, speech = summaries[:3]
    assert (everything.files, music.files, speech.files) == (3, 1, 2)
    assert everything.means["mel_distance"] == pytest.approx(1.3)
    assert speech.means["mel_distance"] == pytest.approx(1.2)
    assert everything.means["pesq_wb"] == 2.0  # nan skipped, and the music that has none
    assert everything.counts["pesq_wb"] == 1
    assert math.isnan(music.means["pesq_wb"])
    assert music.counts["pesq_wb"] == 0
    assert math.isnan(everything.means["stoi"])
    assert everything.encode_speed == pytest.approx(18 / 1.5)
    assert everything.decode_speed == pytest.approx(18 / 0.75)


def test_infinite_scores_are_not_hidden(results: Results) -> None:
    assert summarise(results)[3].means["si_sdr"] == math.inf


def test_measured_rate_is_bits_over_duration_and_excess_is_counted(results: Results) -> None:
    top = summarise(results)[3]
    assert top.kbps_measured == pytest.approx((8.4 * 2 + 8.1 * 8 + 7.2 * 8) / 18)
    assert top.over_budget == 1  # the two-second file may


def test_one_domain_needs_no_line_of_its_own() -> None:
    only = Results((row("speech/a.wav", 2, mel_distance=1.0), row("speech/b.wav", 2, mel_distance=2.0)))
    assert [(s.domain, s.files) for s in summarise(only)] == [(None, 2)]


def render(results: Results, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(table(results))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_table(results: Results) -> None:
    text = render(results)
    lines = [line.split() for line in text.splitlines()]
    assert ["2", "all", "3", "1.80", "1.30", "-3.0", "2.00", "12.0", "24.0"] in lines
    assert ["music", "1", "1.80", "1.50", "-4.0", "–", "4.0", "8.0"] in lines
    assert "STOI" not in text  # nowhere taken
    assert "! 1 file(s) over 5 s" in text


def test_the_widest_table_fits_80_columns() -> None:
    scores = {name: -12.3456 if name == "si_sdr" else 3.45678 for name in METRICS}
    speeds = {"encode_seconds": 0.02, "decode_seconds": 0.02}
    rows = (row(f"{d}/a.wav", 2.67, **scores, **speeds) for d in ("speech", "music", "sounds"))
    text = render(Results(tuple(rows)))
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_no_domains_no_domain_column() -> None:
    text = render(Results((row("[b]x[/b].wav", 2, mel_distance=1.0),)))
    assert "domain" not in text
    assert "measure more" not in text


def test_csv_round_trip(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    write_csv(results, path)
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert tuple(lines[0]) == COLUMNS
    assert len(lines) == len(results.rows)
    for line, original in zip(lines, results.rows, strict=True):
        for name in COLUMNS:
            value = getattr(original, name)
            if isinstance(value, str):
                assert line[name] == value
            elif math.isnan(value):
                assert line[name] == ""
            else:
                assert float(line[name]) == value
    assert b"\r" not in path.read_bytes()


def test_json_round_trip(results: Results, tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    write_json(results, path, model="some-44k", fingerprint="0123456789abcdef")

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    document = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert document["model"] == "some-44k"
    assert document["fingerprint"] == "0123456789abcdef"
    assert document["packages"]["numpy"] == np.__version__
    assert {"python", "torch", "soxr"} <= document["packages"].keys()
    for loaded, original in zip(document["rows"], results.rows, strict=True):
        numbers = {k: NAN if v is None else float(v) for k, v in loaded.items() if k not in ("file", "domain")}
        rebuilt = Row(file=loaded["file"], domain=loaded["domain"], **numbers)
        assert repr(rebuilt) == repr(original)
    assert [(m["kbps"], m["domain"]) for m in document["means"]][:2] == [(2.0, None), (2.0, "music")]
    assert document["means"][0]["means"]["mel_distance"] == pytest.approx(1.3)
    assert document["means"][0]["means"]["stoi"] is None
    assert document["means"][3]["means"]["si_sdr"] == "inf"


def test_a_failed_write_leaves_the_old_file(results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scores.json"
    path.write_text("old")
    monkeypatch.setattr(json, "dumps", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_json(results, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


# --- plots -------------------------------------------------------------------------------------------


def png_size(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def test_spectrogram_comparison(tmp_path: Path) -> None:
    t = np.arange(22050) / 44100
    tone = np.sin(2 * np.pi * 3000 * t)
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    spectrogram_comparison(one, [("tone", tone, 44100)])
    spectrogram_comparison(two, [("tone", tone, 44100), ("stereo, 8 kHz", np.zeros((80, 2)), 8000)])
    assert png_size(one)[0] == png_size(two)[0] > 1000
    assert png_size(two)[1] > png_size(one)[1] > 300
    assert sorted(tmp_path.iterdir()) == [one, two]
    assert "matplotlib.pyplot" not in sys.modules


def test_levels_do_not_depend_on_the_rate() -> None:
    peaks = []
    for rate in (8000, 16000, 44100):
        tone = np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)
        levels = plots._levels(tone, rate)
        peaks.append(levels.max())
        hertz = levels.mean(axis=0).argmax() * rate / 2 / (levels.shape[1] - 1)
        assert hertz == pytest.approx(1000, abs=40)
    assert max(peaks) - min(peaks) < 1.5


def test_long_audio_is_drawn_with_few_columns() -> None:
    assert len(plots._levels(np.zeros(44100 * 60), 44100)) < 2000


def test_nothing_to_draw(tmp_path: Path, results: Results) -> None:
    path = tmp_path / "x.png"
    with pytest.raises(InputError, match="at least one panel"):
        spectrogram_comparison(path, [])
    with pytest.raises(InputError, match="at least one panel"):
        spectrogram_comparison(path, [("empty", np.zeros(0), 44100)])
    with pytest.raises(InputError, match="nothing to draw"):
        rate_distortion(path, results, ["beauty"])
    with pytest.raises(InputError, match="nothing to draw"):
        rate_distortion(path, Results(()))
    assert not path.exists()


def test_rate_distortion(tmp_path: Path, results: Results) -> None:
    few, all_taken = tmp_path / "few.png", tmp_path / "all.png"
    rate_distortion(few, results, ["mel_distance"])
    rate_distortion(all_taken, results)  # mel, SI-SDR (one mean is infinite), PESQ
    assert png_size(all_taken)[0] == pytest.approx(3 * png_size(few)[0], rel=0.01)


def test_plots_without_matplotlib(tmp_path: Path, results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match=r"swc-codec\[eval\]"):
        rate_distortion(tmp_path / "x.png", results)


def test_learning_curves(tmp_path: Path) -> None:
    def entry(hours: float, stage: str, pesq: float) -> dict[str, object]:
        scores = [{"kbps": rate, "pesq": pesq, "stoi": 0.8, "mel": 0.2} for rate in (0.86, None)]
        return {"stage": stage, "audio_hours": hours, "scores": scores}

    log = [{"stage": "magnitude", "audio_hours": 0.0, "losses": {}}, entry(1.0, "magnitude", 1.5)]
    learning_curves(tmp_path / "one.png", log)
    learning_curves(tmp_path / "two.png", [*log, entry(2.0, "waveform", 2.0)])
    learning_curves(tmp_path / "long.png", [*log, entry(200.0, "waveform", 2.0)])
    assert png_size(tmp_path / "one.png")[0] == png_size(tmp_path / "two.png")[0] > 1000
    assert (tmp_path / "long.png").read_bytes() != (tmp_path / "two.png").read_bytes()
    assert (tmp_path / "one.png").read_bytes() != (tmp_path / "two.png").read_bytes()
    with pytest.raises(InputError, match="no validation scores"):
        learning_curves(tmp_path / "none.png", log[:1])


def test_routing_health(tmp_path: Path) -> None:
    even = {"router": [0.5, 0.5, 0.5]}
    routing_health(tmp_path / "even.png", even, [60.0, 50.0, 40.0, 30.0], 64)
    routing_health(tmp_path / "both.png", {**even, "search": [0.1, 0.5, 0.9]}, [60.0, 50.0, 40.0, 30.0], 64)
    assert png_size(tmp_path / "even.png")[0] > 1000
    assert (tmp_path / "even.png").read_bytes() != (tmp_path / "both.png").read_bytes()


def test_experts_are_numbered_from_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(plots, "save_figure", lambda figure, path: figures.append(figure))
    routing_health(tmp_path / "a.png", {"one": [0.1, 0.2, 0.3], "other": [0.3, 0.2, 0.1]}, [60.0, 50.0, 40.0, 30.0], 64)
    above, below = figures[0].axes
    centres = [bar.get_x() + bar.get_width() / 2 for bar in above.patches]
    assert [round(centre) for centre in centres] == [0, 1, 2, 0, 1, 2]
    assert [round(bar.get_x() + bar.get_width() / 2) for bar in below.patches] == [-1, 0, 1, 2]  # a shared one first
    assert above.get_xticks().tolist() == below.get_xticks().tolist() == [0, 1, 2]
