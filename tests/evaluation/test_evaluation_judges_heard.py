"""The real judges, where their packages are installed, on the bundled recording of speech."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

import swc
from swc.evaluation import METRICS
from swc.evaluation._extras import has_extra
from swc.evaluation.judges import (
    distillmos,
    distillmos_original,
    dnsmos_p808,
    dnsmos_p808_original,
    speaker_similarity,
    word_error_rate,
)

pytestmark = pytest.mark.slow

Array = NDArray[np.float64]
Judge = Callable[[Array, Array, int], float]


def needs(name: str) -> pytest.MarkDecorator:
    module = str(METRICS[name].module).partition(".")[0]
    return pytest.mark.skipif(not has_extra(module), reason=f"{module} is not installed")


@pytest.fixture(scope="module")
def recording() -> tuple[Array, int]:
    """Four seconds of words (samples,), and the rate."""
    audio, rate = soundfile.read(Path(swc.__file__).parent / "data" / "demo.flac")
    return audio[: 4 * rate], rate


@pytest.fixture(scope="module")
def noisy(recording: tuple[Array, int]) -> Array:
    audio, _ = recording
    return audio + 0.3 * audio.std() * np.random.default_rng(0).standard_normal(len(audio))


@pytest.mark.parametrize(
    ("judge", "of_original"),
    [
        pytest.param(distillmos, distillmos_original, marks=needs("distillmos")),
        pytest.param(dnsmos_p808, dnsmos_p808_original, marks=needs("dnsmos_p808")),
    ],
)
def test_noise_is_less_natural(judge: Judge, of_original: Judge, recording: tuple[Array, int], noisy: Array) -> None:
    audio, rate = recording
    clean = judge(audio, audio, rate)
    assert 2.5 < clean < 5.0
    assert of_original(audio, noisy, rate) == clean
    assert 1.0 <= judge(audio, noisy, rate) < clean - 0.3


@needs("speaker_similarity")
def test_another_pitch_is_another_speaker(recording: tuple[Array, int]) -> None:
    audio, rate = recording
    deeper = np.interp(np.arange(0, len(audio), 0.75), np.arange(len(audio)), audio)
    assert speaker_similarity(audio, audio, rate) == pytest.approx(1.0, abs=1e-5)
    assert speaker_similarity(audio, deeper, rate) < 0.95
    hum = 0.3 * np.sin(2 * np.pi * 50 * np.arange(len(audio)) / rate)
    assert math.isnan(speaker_similarity(hum, audio, rate))  # no voice
    assert speaker_similarity(audio, hum, rate) == 0.0


@needs("word_error_rate")
def test_words_are_lost_in_noise(recording: tuple[Array, int], noisy: Array) -> None:
    audio, rate = recording
    assert word_error_rate(audio, audio, rate) == 0.0
    assert word_error_rate(audio, noisy, rate) > 0.0
    assert word_error_rate(audio, np.zeros_like(audio), rate) == 1.0


def test_every_judge_is_tested_here() -> None:
    assert {name for name, metric in METRICS.items() if metric.judge} <= set(globals())
