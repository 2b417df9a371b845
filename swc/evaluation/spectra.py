"""STFT magnitudes and mel filters of the spectral distances.

Mel scale and area normalisation: M. Slaney, Auditory Toolbox, Interval Research report 1998-010; the
matrix equals `librosa.filters.mel` with its default arguments.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BLOCK = 512  # frames transformed at once: memory does not grow with the duration

# Slaney's scale: linear below 1 kHz (3 mel per 200 Hz), then 27 mel for each factor of 6.4.
_HZ_PER_MEL = 200.0 / 3.0
_KNEE_HZ = 1000.0
_KNEE_MEL = _KNEE_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0


def stft_blocks(x: Array, window: int, hop: int | None = None) -> Iterator[Array]:
    """Magnitudes |X| of a centred STFT with a periodic Hann window and reflected edges.

    Args:
        x: samples, shape (samples,), at least one.
        window: length of window and transform in samples, even.
        hop: samples between frames; a quarter of the window if None.

    Yields:
        Consecutive blocks of frames, shape (frames, window // 2 + 1); 1 + samples // hop frames in all.
        No gain normalisation: a full-scale sine peaks near window / 4.
    """
    hop = hop or window // 4
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    padded = np.pad(x, window // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]  # (frames, window), a view
    for start in range(0, len(frames), _BLOCK):
        yield np.abs(np.fft.rfft(frames[start : start + _BLOCK] * hann, axis=1))


def stft_magnitudes(x: Array, window: int, hop: int | None = None) -> Array:
    """The whole of `stft_blocks`, shape (frames, window // 2 + 1)."""
    return np.concatenate(list(stft_blocks(x, window, hop)))


def hz_to_mel(hz: Array) -> Array:
    """Slaney's mel scale; 1 kHz is 15 mel."""
    log_part = _KNEE_MEL + np.log(np.maximum(hz, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return np.where(hz < _KNEE_HZ, hz / _HZ_PER_MEL, log_part)


def mel_to_hz(mel: Array) -> Array:
    """Inverse of `hz_to_mel`."""
    log_part = _KNEE_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _KNEE_MEL) - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * _HZ_PER_MEL, log_part)


@cache
def mel_filters(sample_rate: int, window: int, bands: int) -> Array:
    """Triangular mel filters from 0 Hz to Nyquist, each of area 1 over hertz.

    A band narrower than the bins may be empty (a row of zeros), as in librosa's matrix; none is in the two
    scales of the distances.

    Returns:
        Weights per hertz, shape (bands, window // 2 + 1), read-only.
    """
    bins = np.arange(window // 2 + 1) * sample_rate / window
    top = hz_to_mel(np.array(sample_rate / 2.0))
    edges = mel_to_hz(np.linspace(0.0, float(top), bands + 2))  # (bands + 2,): lower, centre, upper overlap
    lower, centre, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - lower) / (centre - lower), (upper - bins) / (upper - centre)
    filters: Array = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (upper - lower))
    filters.flags.writeable = False
    return filters
