"""Signals made for the tests: no recordings, no network."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

RATE = 44100


def make_voice(seconds: float, sample_rate: int, seed: int = 0) -> NDArray[np.float64]:
    """Syllable-like bursts: gliding harmonics, hisses, pauses. Shape (samples,)."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * sample_rate)) / sample_rate
    phase = 2 * np.pi * np.cumsum(130 + 30 * np.sin(2 * np.pi * 0.7 * t)) / sample_rate
    voice = sum(np.sin(k * phase + k * k) / k**0.8 for k in range(1, 30))
    voiced = np.clip(np.sin(2 * np.pi * 2.3 * t), 0, None) ** 0.5
    hissing = np.clip(np.sin(2 * np.pi * 2.3 * t + 2.5), 0, None) ** 4
    x = voice * voiced + 0.8 * hissing * rng.standard_normal(len(t))
    return 0.3 * x / np.abs(x).max()


@pytest.fixture(scope="session")
def voice() -> NDArray[np.float64]:
    """Two seconds at 44.1 kHz, shape (samples,), read-only."""
    x = make_voice(2.0, RATE)
    x.flags.writeable = False
    return x


@pytest.fixture(scope="session")
def noise(voice: NDArray[np.float64]) -> NDArray[np.float64]:
    """White noise as long as `voice`, of unit variance."""
    x = np.random.default_rng(1).standard_normal(len(voice))
    x.flags.writeable = False
    return x
