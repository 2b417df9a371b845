"""Level of a recording, which the encoder normalises and the header's gain restores.

|X|^0.3 is not scale free, so every recording is brought to the same level before coding. The level is that of the
loud parts (RMS of the 0.1 s blocks within 20 dB of the loudest), so that pauses do not count.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from swc.config import GainConfig

SILENCE_DB = -60.0  # a quieter start is room tone: it says nothing about the level of the rest


def loud_level_db(audio: NDArray[np.floating], sample_rate: int) -> float:
    """RMS in dB re full scale of the loud blocks of audio (samples, channels) or (samples,); -inf for silence."""
    block = max(1, round(0.1 * sample_rate))
    if audio.size == 0:
        return -np.inf
    x = np.asarray(audio, dtype=np.float64).reshape(len(audio), -1)
    x = np.pad(x, ((0, -len(x) % block), (0, 0)))
    power = np.square(x.reshape(-1, block, x.shape[1])).mean(1)
    loud = power[power >= power.max() * 0.01]
    mean = float(loud.mean())
    return 10 * np.log10(mean) if mean > 0 else -np.inf


def gain_q8(level_db: float, config: GainConfig) -> int:
    """Gain that brings a level to the target, in 1/256 dB as the header stores it; 0 for silence."""
    if level_db < SILENCE_DB:
        return 0
    gain = float(np.clip(config.target_db - level_db, -config.max_gain_db, config.max_gain_db))
    return round(gain * 256)


def factor(gain: int) -> float:
    """Amplitude factor of a gain in 1/256 dB."""
    return float(10 ** (gain / 256 / 20))
