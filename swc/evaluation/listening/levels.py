"""Equal loudness: otherwise the louder of two versions seems better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from swc.audio import Audio
from swc.evaluation.listening.versions import Version
from swc.evaluation.spectra import Array

SILENCE_DB = -100.0  # K-weighted; quieter versions are not matched

# The two stages of K-weighting as analogue filters, (centre in Hz, quality); the shelf's gains far above it and at it.
# Rec. ITU-R BS.1770 gives their coefficients at 48 kHz only; these follow from them.
_SHELF_HZ, _SHELF_Q = 1681.974450955533, 0.7071752369554196
_SHELF_HIGH = 10 ** (3.999843853973347 / 20)
_SHELF_MID = _SHELF_HIGH**0.4996667741545416
_HIGH_PASS_HZ, _HIGH_PASS_Q = 38.13547087602444, 0.5003270373238773


@dataclass(frozen=True)
class Playback:
    """How a version is played with levels matched, and without.

    Attributes:
        gain_db: gain to the level of the original.
        matched: factor for its samples with levels matched; no version clips with it.
        unmatched: factor for its samples without; the same for all versions.
    """

    gain_db: float
    matched: float
    unmatched: float


def k_weighted_level(audio: Audio, sample_rate: int) -> float:
    """Level in dB of the K-weighted mean square, averaged over channels; a full-scale 1 kHz sine has -2.3 dB.

    Weighted as in Rec. ITU-R BS.1770-5, annex 1, but not gated: versions of one recording pause together.

    Args:
        audio: (samples, channels).
        sample_rate: Hz.

    Returns:
        Decibels; -inf for silence.
    """
    spectrum = np.fft.rfft(audio.astype(np.float64), axis=0)
    energy = np.abs(spectrum) ** 2
    energy[1 : (len(audio) + 1) // 2] *= 2  # Parseval: every other bin stands for its conjugate, too
    weighted = energy.mean(1) @ _k_weights(np.fft.rfftfreq(len(audio), 1 / sample_rate).astype(np.float64))
    power = float(weighted) / len(audio) ** 2
    return 10 * math.log10(power) if power > 0 else -math.inf


def match_levels(versions: Sequence[Version], sample_rate: int) -> list[Playback]:
    """Match every version to the level of the first, and lower all equally if one would clip.

    A version of digital silence, or versions of such an original, keep their level.
    """
    gains = [_gain_db(versions[0], version, sample_rate) for version in versions]
    peaks = [float(np.abs(version.audio).max(initial=0)) for version in versions]
    factors = [10 ** (gain / 20) for gain in gains]
    headroom = 1 / max(1.0, *(peak * factor for peak, factor in zip(peaks, factors, strict=True)))
    unmatched = 1 / max(1.0, *peaks)
    return [Playback(gain, factor * headroom, unmatched) for gain, factor in zip(gains, factors, strict=True)]


def _gain_db(original: Version, version: Version, sample_rate: int) -> float:
    """Gain from a version's level to the original's, over their common duration."""
    levels = [k_weighted_level(one.audio[: version.samples], sample_rate) for one in (original, version)]
    return levels[0] - levels[1] if min(levels) > SILENCE_DB else 0.0


def _k_weights(
    frequencies: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Power gains of both filters at frequencies in Hz."""
    shelf, high_pass = 1j * frequencies / _SHELF_HZ, 1j * frequencies / _HIGH_PASS_HZ
    numerator = _SHELF_HIGH * shelf**2 + _SHELF_MID / _SHELF_Q * shelf + 1
    first = numerator / (shelf**2 + shelf / _SHELF_Q + 1)
    second = high_pass**2 / (high_pass**2 + high_pass / _HIGH_PASS_Q + 1)
    weights: Array = np.abs(first * second) ** 2
    return weights
