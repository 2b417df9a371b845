"""Judges: who is asked about what, where their scores stand, what is missing, and what the real ones say."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from test_evaluation_runner import PointCodec, write_tone

from swc.errors import InputError
from swc.evaluation import MEASURES, METRICS, Results, Row, evaluate, installed_judges, judges_table, registry
from swc.evaluation import judges as judges_module
from swc.evaluation.judges import dnsmos_p808, dnsmos_p808_original, speaker_similarity, word_error_rate, word_errors
from swc.evaluation.registry import JUDGES_NOTE
from swc.evaluation.report import table, write_csv, write_json

Array = NDArray[np.float64]
JUDGES = tuple(name for name in METRICS if name not in MEASURES)
MODULES = {str(METRICS[name].module) for name in JUDGES}
RATE = 44100


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    remembering = [function for function in vars(judges_module).values() if hasattr(function, "cache_clear")]
    for function in remembering:
        function.cache_clear()
    yield
    for function in remembering:
        function.cache_clear()


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judges that say how loud the decoded signal, or the original, is."""

    def loudness(of_original: bool) -> Callable[[Array, Array, int], float]:
        return lambda ref, est, rate: float(np.sqrt(np.mean((ref if of_original else est) ** 2)))

    for name in JUDGES:
        judge = METRICS[name]
        monkeypatch.setitem(METRICS, name, replace(judge, module=None, function=loudness(judge.of_original)))


# --- which clips, and where the means stand ------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("speech/a.wav", "speech/b.wav", "music/c.wav", "sound/d.wav"):
        write_tone(tmp_path / "clips" / name, seconds=0.3 if name.endswith("a.wav") else 0.6)
    return tmp_path / "clips"


def run(folder: Path, **more: object) -> Results:
    chosen = ("mel_distance", *JUDGES)
    return evaluate(PointCodec(), folder, [32, 64], workers=0, metrics=chosen, **more)  # type: ignore[arg-type]


def test_judges_are_asked_only_where_they_are_wanted(folder: Path) -> None:
    assert not set(JUDGES) & set(MEASURES)
    assert all(METRICS[name].judge and METRICS[name].speech_only for name in JUDGES)
    assert not any(METRICS[name].judge for name in MEASURES)
    results = evaluate(PointCodec(), folder, [32], workers=0, metrics=["mel_distance"])
    assert judges_table(results) is None
    assert all(math.isnan(row.score(name)) for row in results.rows for name in JUDGES)


@pytest.mark.usefixtures("pretended")
def test_means_are_over_speech_and_stand_in_every_report(folder: Path, tmp_path: Path) -> None:
    results = run(folder)
    judged = [row for row in results.rows if not math.isnan(row.distillmos)]
    assert {row.file for row in judged} == {"speech/a.wav", "speech/b.wav"}
    a, b = (row.distillmos for row in judged if row.kbps == 64)
    assert a != b

    write_json(results, tmp_path / "s.json")
    document = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    means = {(m["kbps"], m["domain"]): m for m in document["means"]}
    for domain in (None, "speech"):
        assert means[64.0, domain]["means"]["distillmos"] == pytest.approx((a + b) / 2)
        assert means[64.0, domain]["counts"]["distillmos"] == 2
    assert means[64.0, "music"]["means"]["distillmos"] is None
    assert means[64.0, None]["counts"]["mel_distance"] == 4
    assert document["judges"] == {"note": JUDGES_NOTE, **{name: METRICS[name].about for name in JUDGES}}

    write_csv(results, tmp_path / "s.csv")
    with (tmp_path / "s.csv").open(encoding="utf-8", newline="") as file:
        lines = {(line["file"], float(line["kbps"])): line for line in csv.DictReader(file)}
    assert float(lines["speech/a.wav", 64.0]["distillmos"]) == a
    assert [lines["music/c.wav", 64.0][name] for name in JUDGES] == [""] * len(JUDGES)


@pytest.mark.usefixtures("pretended")
def test_named_domains_are_speech(folder: Path) -> None:
    results = run(folder, speech={"music", "sound"}.__contains__)
    assert {row.file for row in results.rows if not math.isnan(row.distillmos)} == {"music/c.wav", "sound/d.wav"}
    lines = [line.split()[:3] for line in rendered(results).splitlines()]
    starts = (["32", "all", "2"], ["64", "all", "2"], ["music", "1"], ["sound", "1"])
    assert [lines.count(start) + sum(line[:2] == start for line in lines) for start in starts] == [1, 1, 2, 2]


@pytest.mark.usefixtures("pretended")
def test_without_any_speech_there_is_nothing_to_judge(folder: Path) -> None:
    (folder / "speech").rename(folder / "alice")
    with pytest.raises(InputError, match=r"no recording in .*clips counts as such: .*`speech`"):
        run(folder)
    assert run(folder / "alice").rows[0].distillmos > 0  # no domains: all of it is speech


def scored(file: str, kbps: float) -> Row:
    scores = {name: 4.321 if METRICS[name].higher_is_better else 0.123 for name in JUDGES}
    return Row(file, file.split("/")[0], kbps, 0.9 * kbps, 8.0, 0.02, 0.02, mel_distance=1.0, **scores)


def rendered(results: Results) -> str:
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(judges_table(results))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_says_what_each_judge_is() -> None:
    results = Results((scored("speech/a.wav", 2.67), scored("speech/b.wav", 2.67), scored("music/c.wav", 2.67)))
    text = rendered(results)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    said = " ".join(text.split())
    assert "None of them takes part in training" in said
    assert all(f"{METRICS[name].label}: {METRICS[name].about}" in said for name in JUDGES)
    measures = table(results).renderables[0]
    assert isinstance(measures, Table)
    assert not {"DistillMOS\n↑", "word\nerrors\n↓"} & {str(column.header) for column in measures.columns}


# --- packages --------------------------------------------------------------------------------------------


def test_what_is_missing_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in MODULES:
        monkeypatch.setitem(sys.modules, module, ModuleType(module))
    assert installed_judges() == (JUDGES, ())
    monkeypatch.setitem(sys.modules, "distillmos", None)
    found, missing = installed_judges()
    assert found == JUDGES[2:]
    assert missing == ("DistillMOS needs the package 'distillmos'; install it with: pip install 'swc-codec[mos]'",)
    with pytest.raises(InputError, match=r"'distillmos'.*swc-codec\[mos\]"):
        registry.check_metrics(["distillmos_original"])
    for module in MODULES:
        monkeypatch.setitem(sys.modules, module, None)
    assert installed_judges()[0] == ()
    assert len(installed_judges()[1]) == len(MODULES) == 4


def test_a_package_that_lacks_something_itself_says_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "resemblyzer.py").write_text("import pkg_resources_of_old\n")
    for module in MODULES - {"resemblyzer"}:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "resemblyzer", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    (reason,) = (reason for reason in installed_judges()[1] if "resemblyzer" in reason)
    assert "(No module named 'pkg_resources_of_old'); install it with: pip install 'swc-codec[mos]'" in reason


def test_distillmos_is_imported_without_torchaudio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torchaudio.py").write_text("raise OSError('no CUDA')\n")
    (tmp_path / "distillmos.py").write_text("import torchaudio\n")
    monkeypatch.syspath_prepend(tmp_path)
    for module in MODULES:
        monkeypatch.setitem(sys.modules, module, None)
    for module in ("distillmos", "torchaudio"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    assert installed_judges()[0] == ("distillmos", "distillmos_original")
    assert "torchaudio" not in sys.modules
    monkeypatch.delitem(sys.modules, "distillmos")


# --- rules that hold whoever judges ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("", "", 0),
        ("a b c", "a b c", 0),
        ("a b c", "", 3),
        ("", "a b", 2),
        ("a b c", "a x c", 1),
        ("a b c d", "b c d", 1),
        ("a b c d", "x a b d e", 3),
        ("a a b", "b a a", 2),
    ],
)
def test_word_errors(said: str, heard: str, errors: int) -> None:
    assert word_errors(said.split(), heard.split()) == errors


def test_judges_listen_at_16_khz_within_full_scale_and_once_to_an_original(
    voice: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Array] = []

    def judge(samples: Array, rate: int) -> dict[str, float]:
        assert rate == 16000
        heard.append(samples)
        return {"p808_mos": 3.25}

    monkeypatch.setitem(sys.modules, "speechmos", ModuleType("speechmos"))
    runtime = SimpleNamespace(SessionOptions=SimpleNamespace, InferenceSession=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    monkeypatch.setitem(sys.modules, "speechmos.dnsmos", SimpleNamespace(run=judge))
    stereo = np.stack([6 * voice, 4 * voice], axis=1)
    assert dnsmos_p808(voice, stereo, RATE) == 3.25
    for gain in (1.0, 0.5):
        assert dnsmos_p808_original(voice, gain * voice, RATE) == 3.25
    loud, original = heard
    assert loud.shape == original.shape == (32000,)
    assert np.abs(loud).max() == 1.0
    assert np.abs(original).max() < 0.4


@pytest.mark.parametrize("name", JUDGES)
def test_the_undefined_and_the_worst_need_no_package(name: str, voice: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in MODULES:
        monkeypatch.setitem(sys.modules, module, None)
    judge, silence = METRICS[name].function, np.zeros(len(voice))
    assert math.isnan(judge(silence, voice, RATE))
    assert math.isnan(judge(voice[: RATE - 100], voice[: RATE - 100], RATE))
    with pytest.raises(InputError, match=r"swc-codec\[mos\]"):
        judge(voice, voice, RATE)
    if name in ("distillmos", "dnsmos_p808"):
        assert judge(voice, silence, RATE) == 1.0


def test_scores_of_who_speaks_and_what_is_said(voice: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    voices = {True: np.array([0.6, 0.8]), False: np.array([1.0, 0.0])}
    words = {True: ("one", "two", "three", "four"), False: ("one", "too", "three")}

    def loud(samples: bytes) -> bool:
        return bool(np.abs(np.frombuffer(samples)).max() > 0.2)

    monkeypatch.setattr(judges_module, "_speaker", lambda samples: voices[loud(samples)])
    monkeypatch.setattr(judges_module, "_words", lambda samples: words[loud(samples)])
    quiet = voice / 4
    assert speaker_similarity(voice, quiet, RATE) == pytest.approx(0.6)
    assert word_error_rate(voice, quiet, RATE) == 0.5
    assert word_error_rate(quiet, voice, RATE) == pytest.approx(2 / 3)
    assert speaker_similarity(voice, 0 * voice, RATE) == 0.0
    voices[True], words[True] = None, ()  # type: ignore[assignment]
    assert math.isnan(speaker_similarity(voice, quiet, RATE))
    assert speaker_similarity(quiet, voice, RATE) == 0.0
    assert math.isnan(word_error_rate(voice, quiet, RATE))
    assert word_error_rate(quiet, voice, RATE) == 1.0
