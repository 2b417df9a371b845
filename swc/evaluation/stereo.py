"""Measures of the differences between two channels, of a decoded stereo signal against its original.

Level difference, coherence and time difference are taken in bands of one ERB (Glasberg and Moore 1990) up to 16 kHz
and in windows of half a second. Only bands and windows within 40 dB of the loudest count. Every measure is nan without
two channels, or with nothing to compare, and raises InputError for anything but audio.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from swc.errors import InputError
from swc.evaluation._signals import Audio, check
from swc.evaluation.spectra import Array

WINDOW_SECONDS = 0.5
AUDIBLE_DB = 40.0  # below the loudest band and window
FLOOR_DB = 30.0  # greater level differences sound like a single channel
LOWEST, HIGHEST = 50.0, 16000.0  # Hz
TIME_LIMIT = 1500.0  # Hz above which the ear does not follow the phase
COHERENT = 0.5  # below which two channels have no time difference
_FRAME_SECONDS = 0.046
_NAN = float("nan")


class Differences(NamedTuple):
    """Two channels, by window and band (windows, bands).

    Attributes:
        energy: of both.
        level: dB of the first over the second, within FLOOR_DB.
        coherence: 0 to 1.
        time: seconds by which the second is later than the first.
        centres: of the bands, in Hz (bands,).
    """

    energy: Array
    level: Array
    coherence: Array
    time: Array
    centres: Array


def level_error(ref: Audio, est: Audio, sample_rate: int) -> float:
    """Mean error of the level difference, in dB; lower is better."""
    return _mean_error(ref, est, sample_rate, "level")


def coherence_error(ref: Audio, est: Audio, sample_rate: int) -> float:
    """Mean error of the coherence, 0 to 1; lower is better."""
    return _mean_error(ref, est, sample_rate, "coherence")


def time_error(ref: Audio, est: Audio, sample_rate: int) -> float:
    """Mean error of the time difference, in ms, below 1.5 kHz where the original is coherent; lower is better.

    A difference is known up to a period of the band's centre, and the shortest is taken. Bands in which the decoded
    channels are incoherent count unchanged.
    """
    return _mean_error(ref, est, sample_rate, "time")


def mono_loss(ref: Audio, est: Audio, sample_rate: int) -> float:
    """Decibels by which the sum of the channels loses more level than the original's sum; best is 0."""
    if not _is_pair(ref, est):
        return _NAN
    sums = [_power(audio.sum(1)) for audio in _cut(ref, est)]
    both = [_power(audio[:, 0]) + _power(audio[:, 1]) for audio in _cut(ref, est)]
    return 10 * float(np.log10(sums[0] / both[0] * both[1] / sums[1])) if min(sums) > 0 else _NAN


def differences(audio: Audio, sample_rate: int) -> Differences:
    """The differences between the two channels of audio (samples, 2).

    Raises:
        InputError: not two channels.
    """
    if audio.ndim != 2 or audio.shape[1] != 2:
        raise InputError(f"differences between channels take (samples, 2), not {audio.shape}")
    size = 2 ** round(np.log2(_FRAME_SECONDS * sample_rate))
    first, second = (_frames(channel, size) for channel in audio.T.astype(np.float64))
    frequencies = np.arange(size // 2 + 1) * (sample_rate / size)
    bands = _bands(frequencies)
    per = max(1, round(WINDOW_SECONDS * sample_rate / (size // 4)))
    one, two = (_summed(np.abs(x) ** 2, bands, per) for x in (first, second))
    cross = _summed(first * second.conj(), bands, per)
    centres = (bands @ frequencies) / bands.sum(1)
    energy, floor = one + two, 10 ** (-FLOOR_DB / 10)
    with np.errstate(divide="ignore", invalid="ignore"):
        level = 10 * np.log10((one + floor * energy) / (two + floor * energy))
        coherence = np.abs(cross) / np.sqrt(one * two)
    return Differences(energy, level, np.nan_to_num(coherence), np.angle(cross) / (2 * np.pi * centres), centres)


def _mean_error(ref: Audio, est: Audio, sample_rate: int, name: str) -> float:
    if not _is_pair(ref, est) or min(len(ref), len(est)) < _FRAME_SECONDS * sample_rate:
        return _NAN
    before, after = (differences(audio, sample_rate) for audio in _cut(ref, est))
    counts = (before.energy > 0) & (before.energy >= before.energy.max() * 10 ** (-AUDIBLE_DB / 10))
    error = np.abs(getattr(before, name) - getattr(after, name))
    if name == "time":
        error = 1000 * np.minimum(error, np.abs(1 / before.centres - error))
        counts &= (before.coherence >= COHERENT) & (before.centres < TIME_LIMIT)
    return float(error[counts].mean()) if counts.any() else _NAN


def _is_pair(ref: Audio, est: Audio) -> bool:
    check(ref, est)
    return all(audio.ndim == 2 and audio.shape[1] == 2 for audio in (ref, est))


def _cut(ref: Audio, est: Audio) -> tuple[Audio, Audio]:
    """Both, cut to the shorter."""
    samples = min(len(ref), len(est))
    return ref[:samples], est[:samples]


def _power(x: Audio) -> float:
    return float(np.square(x, dtype=np.float64).mean())


def _frames(x: Array, size: int) -> NDArray[np.complex128]:
    """Short-time transform (frames, bins), periodic Hann window, hop a quarter of it."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    padded = np.pad(x, size // 2)
    spectrum: NDArray[np.complex128] = np.fft.rfft(
        np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 4] * window
    )
    return spectrum


def _bands(frequencies: Array) -> Array:
    """Ones where a bin lies in a band (bands, bins); bands without a bin are left out."""
    top = min(HIGHEST, float(frequencies[-1]))
    low, high = (21.4 * np.log10(1 + 0.00437 * f) for f in (LOWEST, top))
    edges = (10 ** (np.linspace(low, high, max(2, round(high - low) + 1)) / 21.4) - 1) / 0.00437
    bands = ((frequencies >= edges[:-1, None]) & (frequencies < edges[1:, None])).astype(np.float64)
    return bands[bands.any(1)]


def _summed(values: NDArray[Any], bands: Array, frames: int) -> NDArray[Any]:
    """Sums of the values of frames (T, bins) by windows of so many frames and by bands."""
    by_band = values @ bands.T
    return np.add.reduceat(by_band, np.arange(0, len(by_band), frames), axis=0)
