"""Level of a recording, and the gain that brings it to the target."""

from __future__ import annotations

import numpy as np
import pytest

from swc.codec.gain import FollowingGain, factor, gain_q8, loud_level_db
from swc.config import GainConfig


def test_level_counts_the_loud_parts() -> None:
    rate = 8000
    sine = 0.1 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    assert loud_level_db(sine, rate) == pytest.approx(-23.01, abs=0.05)
    assert loud_level_db(np.concatenate((sine, np.zeros(9 * rate))), rate) == pytest.approx(-23.01, abs=0.05)
    assert loud_level_db(np.zeros(rate), rate) == -np.inf
    assert loud_level_db(np.zeros((0, 2)), rate) == -np.inf


def test_gain_reaches_the_target_within_its_bounds() -> None:
    config = GainConfig(target_db=-20.0, max_gain_db=30.0)
    assert gain_q8(-26.0, config) == 6 * 256
    assert gain_q8(-55.0, config) == 30 * 256
    assert gain_q8(-61.0, config) == 0
    assert gain_q8(-np.inf, config) == 0
    assert factor(6 * 256) == pytest.approx(1.9953, rel=1e-4)


CONFIG = GainConfig(target_db=-20.0, max_gain_db=24.0)
STEP, RATE = 80, 2000


def noise(level_db: float, seconds: float) -> np.ndarray:
    samples = np.random.default_rng(0).standard_normal((round(seconds * RATE), 2))
    return (samples * 10 ** (level_db / 20)).astype(np.float32)


def db(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.square(audio).mean()))


@pytest.mark.parametrize("cut", [1, 79, 80, 333])
def test_a_gain_that_follows_does_not_depend_on_the_cut(cut: int) -> None:
    audio = np.concatenate((noise(-40, 1), noise(-10, 1)))
    gain = FollowingGain(CONFIG, STEP, RATE)
    parts = [gain.apply(audio[at : at + cut]) for at in range(0, len(audio), cut)]
    assert np.array_equal(np.concatenate(parts), FollowingGain(CONFIG, STEP, RATE).apply(audio))


@pytest.mark.parametrize("level", [-38, -20, -5])
def test_it_starts_at_0_db_and_reaches_the_target_in_seconds(level: float) -> None:
    levelled = FollowingGain(CONFIG, STEP, RATE).apply(noise(level, 12))
    assert db(levelled[:STEP]) == pytest.approx(level, abs=1)
    assert db(levelled[-RATE:]) == pytest.approx(-20, abs=0.7)


def test_it_changes_slowly_and_evenly() -> None:
    audio = np.concatenate((noise(-40, 3), noise(-10, 3)))
    factors = FollowingGain(CONFIG, STEP, RATE).apply(audio)[:, 0] / audio[:, 0]
    steps = np.abs(np.diff(20 * np.log10(factors)))
    assert steps.max() < 0.3
    assert steps.max() * STEP < 15  # dB a step, even for a sound that is 30 dB louder


def test_it_keeps_within_its_bounds_and_through_silence_and_pauses() -> None:
    gain = FollowingGain(CONFIG, STEP, RATE)
    gain.apply(noise(-55, 30))
    assert gain.gain_db <= 24
    gain = FollowingGain(CONFIG, STEP, RATE)
    gain.apply(noise(-30, 12))
    before = gain.gain_db
    gain.apply(np.zeros((60 * RATE, 2), np.float32))
    assert gain.gain_db == before
    gain.apply(noise(-55, 5))  # room tone between words: 2 dB in 5 s
    assert before < gain.gain_db < before + 3
