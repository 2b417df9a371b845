"""Level of a recording, and the gain that brings it to the target."""

from __future__ import annotations

import numpy as np
import pytest

from swc.codec.gain import factor, gain_q8, loud_level_db
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
