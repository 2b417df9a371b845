"""Measures of what tells two channels apart, on signals whose differences are known."""

from __future__ import annotations

import numpy as np
import pytest

from swc.errors import InputError
from swc.evaluation import METRICS
from swc.evaluation.stereo import coherence_error, differences, level_error, mono_loss, time_error

RATE = 44100
MEASURES = (level_error, coherence_error, time_error, mono_loss)


def noise(seed: int, seconds: float = 2.0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))


def pair(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.stack([first, second], 1).astype(np.float32)


X = noise(0)
SAME = pair(X, X)


@pytest.mark.parametrize("measure", MEASURES)
def test_nothing_is_wrong_with_a_copy(measure) -> None:
    assert measure(SAME, SAME, RATE) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("audio", [X[:, None], X, np.zeros((RATE, 2)), np.stack([X, X, X], 1)])
def test_what_is_no_pair_of_channels_has_no_score(measure, audio: np.ndarray) -> None:
    assert np.isnan(measure(audio, audio, RATE))


@pytest.mark.parametrize("level", [-6, 3, 12])
def test_levels(level: float) -> None:
    louder = pair(X * 10 ** (level / 20), X)
    assert level_error(SAME, louder, RATE) == pytest.approx(abs(level), abs=0.2)
    assert differences(louder, RATE).level.mean() == pytest.approx(level, abs=0.2)
    assert coherence_error(SAME, louder, RATE) < 0.001
    assert time_error(SAME, louder, RATE) < 0.001


def test_levels_of_a_silent_channel_are_bounded() -> None:
    assert level_error(SAME, pair(X, np.zeros_like(X)), RATE) == pytest.approx(30, abs=0.1)


def test_coherence() -> None:
    assert coherence_error(SAME, pair(X, noise(1)), RATE) > 0.8
    half = pair(X, (X + noise(1)) / 2**0.5)
    assert coherence_error(SAME, half, RATE) == pytest.approx(1 - 0.5**0.5, abs=0.05)
    assert level_error(SAME, half, RATE) < 1.0


@pytest.mark.parametrize("samples", [-10, 5, 13])
def test_time(samples: int) -> None:
    later = pair(X, np.roll(X, samples))
    assert time_error(SAME, later, RATE) == pytest.approx(1000 * abs(samples) / RATE, rel=0.15)
    assert np.median(differences(later, RATE).time[:, :8]) == pytest.approx(samples / RATE, rel=0.05)


def test_sum() -> None:
    assert mono_loss(SAME, pair(X, -0.5 * X), RATE) == pytest.approx(10 * np.log10(2 * 1.25 / 0.25), abs=0.01)
    assert mono_loss(SAME, pair(X, noise(3)), RATE) == pytest.approx(3, abs=0.2)
    assert mono_loss(pair(X, noise(3)), SAME, RATE) == pytest.approx(-3, abs=0.2)


def test_quiet_bands_do_not_count() -> None:
    hiss = noise(4) * 1e-4
    n = np.arange(len(X))
    tone = np.sin(2 * np.pi * 1000 * n / RATE)
    assert coherence_error(pair(tone + hiss, tone + hiss), pair(tone + hiss, tone - hiss), RATE) < 0.01


def test_channels_of_another_shape() -> None:
    with pytest.raises(InputError, match="samples, 2"):
        differences(X[:, None], RATE)


def test_mono_has_no_score_by_channel() -> None:
    assert np.isnan(METRICS["visqol_channels"].function(X[:, None], X[:, None], RATE))
