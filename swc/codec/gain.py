"""Level of a recording, which the encoder normalises and the header's gain restores.

|X|^0.3 is not scale free, so every recording is brought to the same level before coding. The level is that of the
loud parts (RMS of the 0.1 s blocks within 20 dB of the loudest), so that pauses do not count.

Live audio cannot be heard in advance, so there the gain follows it slowly. The decoder does not undo that: a stream has
one gain, 0 dB in this case, and levels come out evened.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from swc.audio import Audio
from swc.config import GainConfig

SILENCE_DB = -60.0  # a quieter start is room tone: it says nothing about the level of the rest
LOUD = 0.01  # of the power of the loudest parts: quieter ones are pauses
FOLLOWED = 3.0  # seconds of loud parts over which a gain that follows the audio averages
TRUSTED = 0.1  # seconds of audio at the target that it seems to have heard at the start
FORGETTING = 10.0  # seconds of pauses in which it takes the level for 4 dB less


def loud_level_db(audio: NDArray[np.floating], sample_rate: int) -> float:
    """RMS in dB re full scale of the loud blocks of audio (samples, channels) or (samples,); -inf for silence."""
    block = max(1, round(0.1 * sample_rate))
    if audio.size == 0:
        return -np.inf
    x = np.asarray(audio, dtype=np.float64).reshape(len(audio), -1)
    x = np.pad(x, ((0, -len(x) % block), (0, 0)))
    power = np.square(x.reshape(-1, block, x.shape[1])).mean(1)
    loud = power[power >= power.max() * LOUD]
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


class Gain(Protocol):
    """Brings audio to the level of coding, block after block."""

    def apply(self, block: Audio) -> Audio:
        """The next samples (n, channels) of a recording; how it is cut into blocks never matters."""


class FixedGain:
    """A Gain that the decoder undoes, in 1/256 dB."""

    def __init__(self, gain_q8: int) -> None:
        self.factor = np.float32(factor(gain_q8))

    def apply(self, block: Audio) -> Audio:
        return block * self.factor


class FollowingGain:
    """A Gain that follows the level of the loud parts, from 0 dB on.

    It is decided for a step of samples at a time by what was heard before, and changes evenly within it.

    Args:
        config: of the model.
        step: samples.
        sample_rate: of the audio.

    Attributes:
        gain_db: at the end of the present step.
        power: mean square of the loud parts.
        heard: seconds of loud parts that `power` is the mean of.
    """

    def __init__(self, config: GainConfig, step: int, sample_rate: int) -> None:
        self.config, self.step, self.seconds = config, step, step / sample_rate
        self.gain_db, self.power, self.heard = 0.0, float(10 ** (config.target_db / 10)), TRUSTED
        self._ramp = np.ones((step, 1), np.float32)  # factors of the present step
        self._parts: list[Audio] = []  # of the present step
        self._place = 0  # samples of it so far

    def apply(self, block: Audio) -> Audio:
        levelled = np.empty_like(block)
        at = 0
        while at < len(block):
            part = block[at : at + self.step - self._place]
            levelled[at : at + len(part)] = part * self._ramp[self._place : self._place + len(part)]
            self._parts.append(part)
            self._place += len(part)
            at += len(part)
            if self._place == self.step:
                self._next_step()
        return levelled

    def _next_step(self) -> None:
        self._follow(float(np.square(np.concatenate(self._parts), dtype=np.float64).mean()))
        most = self.config.max_gain_db
        before, wanted = self.gain_db, self.config.target_db - 10 * np.log10(self.power)
        self.gain_db = float(np.clip(wanted, -most, most))
        low, high = (float(10 ** (gain / 20)) for gain in (before, self.gain_db))
        self._ramp = np.linspace(low, high, self.step + 1, dtype=np.float32)[1:, None]
        self._parts, self._place = [], 0

    def _follow(self, power: float) -> None:
        """Take a step of this mean square into account, unless it is silent."""
        if power >= self.power * LOUD:
            self.heard = min(self.heard + self.seconds, FOLLOWED)
            self.power += (power - self.power) * self.seconds / self.heard
        elif power >= 10 ** (SILENCE_DB / 10):
            self.power *= float(np.exp(-self.seconds / FORGETTING))
