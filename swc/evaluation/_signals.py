"""The input of a measure: two mono signals of equal length at its own rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from swc.errors import InputError
from swc.evaluation.spectra import Array

Audio = NDArray[np.floating[Any]]


def mono_pair(ref: Audio, est: Audio, sample_rate: int | None, rate: int | None) -> tuple[Array, Array]:
    """Both signals mono, equally long, as float64 at `rate` (unchanged if None).

    Raises:
        InputError: an empty, non-finite or integer signal, more than two dimensions, or too few samples.
    """
    check(ref, est)
    x, y = _mono(ref), _mono(est)
    samples = min(len(x), len(y))
    return _resampled(x[:samples], sample_rate, rate), _resampled(y[:samples], sample_rate, rate)


def check(ref: Audio, est: Audio) -> None:
    """Refuse anything that is not audio.

    Raises:
        InputError: an empty, non-finite or integer signal, or more than two dimensions.
    """
    for audio, name in ((ref, "reference"), (est, "estimate")):
        _check(audio, name)


def _mono(audio: Audio) -> Array:
    mono: Array = audio.astype(np.float64)
    return mono if mono.ndim == 1 else mono.mean(axis=1)


def _check(audio: Audio, name: str) -> None:
    if audio.ndim not in (1, 2) or audio.size == 0:
        raise InputError(f"the {name} must be (samples,) or (samples, channels) and not empty: {audio.shape}")
    if not np.issubdtype(audio.dtype, np.floating):
        raise InputError(f"the {name} must be floating point with full scale 1.0, not {audio.dtype}")
    if not np.isfinite(audio).all():
        raise InputError(f"the {name} contains samples that are not finite")


def _resampled(x: Array, sample_rate: int | None, rate: int | None) -> Array:
    if rate is None or sample_rate is None or rate == sample_rate:
        return x
    if sample_rate <= 0:
        raise InputError(f"the sample rate must be positive, not {sample_rate}")
    resampled: Array = soxr.resample(x, sample_rate, rate, quality="VHQ")
    if len(resampled) == 0:
        raise InputError(f"{len(x)} samples at {sample_rate} Hz are too few to resample to {rate} Hz")
    return resampled
