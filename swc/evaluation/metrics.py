"""Objective measures of a decoded signal against its original.

Every measure is `f(ref, est, sample_rate) -> float` on numpy audio of shape (samples,) or (samples,
channels), floating point, full scale 1.0. All but SI-SDR work at a rate of their own. Before any of them the
channels are averaged, the longer signal is cut to the shorter, and both are resampled by soxr (VHQ).

nan means "not defined here" (a silent reference, a clip too short to judge), never "bad"; means skip it.
An estimate of digital silence for a reference that is not silent is bad, and gets the bottom of the scale.

PESQ and STOI judge speech: do not quote them for music. ViSQOL's audio mode follows bandwidth more than
anything else: a 7 kHz low-pass that PESQ hardly notices costs 1.5 and more. No measure decides alone.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np

from swc.evaluation._extras import contained, load_extra
from swc.evaluation._signals import Audio, check, mono_pair
from swc.evaluation.spectra import Array, mel_filters, stft_blocks

SPECTRAL_RATE = 44100
"""Rate in Hz at which the mel and STFT distances are taken."""

SCALES = ((2048, 150), (512, 80))
"""(window, mel bands) of the two resolutions of the mel and STFT distances."""

_FLOOR = 1e-5  # magnitudes below are equal in the logarithm
_WORST_MOS = 1.0
_STOI_SECONDS = 0.4  # 30 frames of 256 samples, hop 128, at 10 kHz


def mel_distance(ref: Audio, est: Audio, sample_rate: int) -> float:
    """Mel distance at 44.1 kHz, in DAC's evaluation setting; 0 is identical, lower is better, no unit.

    Sum over windows of 2048 and 512 samples (150 and 80 mel bands) of
    L1(log10(max(m, 1e-5)^2)) + L1(m), where m is the STFT magnitude through mel filters and L1 the mean
    absolute difference over frames and bands.

    Source: Kumar et al. 2023 (DAC, arXiv 2306.06546), section 4.3 and its published evaluation settings.

    Raises:
        InputError: an empty, non-finite or integer signal, or more than two dimensions.
    """
    x, y = mono_pair(ref, est, sample_rate, SPECTRAL_RATE)
    return sum(_l1_pair(x, y, window, mel_filters(SPECTRAL_RATE, window, bands)) for window, bands in SCALES)


def stft_distance(ref: Audio, est: Audio, sample_rate: int) -> float:
    """STFT distance at 44.1 kHz: `mel_distance` on the magnitudes themselves, without mel filters.

    Source, range and errors: see `mel_distance`.
    """
    x, y = mono_pair(ref, est, sample_rate, SPECTRAL_RATE)
    return sum(_l1_pair(x, y, window, None) for window, _ in SCALES)


def si_sdr(ref: Audio, est: Audio, sample_rate: int | None = None) -> float:
    """Scale-invariant signal-to-distortion ratio in dB, at the source rate; inf for a scaled copy.

    With means removed and a = <est, ref> / |ref|^2: 10 log10(|a ref|^2 / |a ref - est|^2).
    A vocoder-like decoder that makes its own phases scores low here, however good it sounds.

    Source: Le Roux et al. 2019, "SDR - half-baked or well done?" (arXiv 1811.02508).

    Args:
        ref: original, shape (samples,) or (samples, channels).
        est: decoded, likewise.
        sample_rate: not used; there so that all measures are called alike.

    Returns:
        Decibels; nan if the reference is constant (as silence is), -inf if only the estimate is.

    Raises:
        InputError: as `mel_distance`.
    """
    x, y = mono_pair(ref, est, None, None)
    if np.ptp(x) == 0.0:
        return float("nan")
    if np.ptp(y) == 0.0:
        return float("-inf")
    x, y = x - x.mean(), y - y.mean()
    target = (float(y @ x) / float(x @ x)) * x
    noise = target - y
    with np.errstate(divide="ignore"):  # no noise: inf; nothing of the reference: -inf
        return 10.0 * float(np.log10(target @ target) - np.log10(noise @ noise))


def pesq_wb(ref: Audio, est: Audio, sample_rate: int) -> float:
    """Wide-band PESQ, MOS-LQO about 1.04 to 4.64 at 16 kHz; higher is better. Speech only.

    Meant for clips of some seconds; the package's C code has room for 50 utterances, so cut long recordings.

    Source: ITU-T P.862.2, by the package `pesq`.

    Returns:
        MOS-LQO; nan if the reference has no utterance or is under a quarter of a second; 1.0 if the
        estimate alone is silent.

    Raises:
        InputError: as `mel_distance`, or `pesq` is not installed.
    """
    package = load_extra("pesq", "PESQ")
    x, y = mono_pair(ref, est, sample_rate, 16000)
    if not x.any():
        return float("nan")
    if not y.any():
        return _WORST_MOS
    with contained():
        try:
            return float(package.pesq(16000, x, y, "wb"))
        except (package.NoUtterancesError, package.BufferTooShortError):
            return float("nan")


def stoi(ref: Audio, est: Audio, sample_rate: int) -> float:
    """Short-time objective intelligibility, about 0 to 1; higher is better. Speech only.

    Given to the package at 16 kHz, which works at 10 kHz.

    Source: Taal et al. 2011, by the package `pystoi` (the original measure, not the extended one).

    Returns:
        The score; nan if the reference is silent or has less than 0.4 s of sound.

    Raises:
        InputError: as `mel_distance`, or `pystoi` is not installed.
    """
    package = load_extra("pystoi", "STOI")
    x, y = mono_pair(ref, est, sample_rate, 16000)
    if not x.any() or len(x) < _STOI_SECONDS * 16000:
        return float("nan")
    with contained():
        # The package warns and returns 1e-5, which would pass for a very bad score.
        warnings.filterwarnings("error", message="Not enough STFT frames")
        try:
            return float(package.stoi(x, y, 16000))
        except RuntimeWarning:
            return float("nan")


def visqol_audio(ref: Audio, est: Audio, sample_rate: int) -> float:
    """ViSQOL in audio mode at 48 kHz: MOS-LQO, 1 to 4.73; higher is better.

    Slow: about the duration of the clip (a third of it where `numba` is installed).

    Source: Chinen et al. 2020 (ViSQOL v3, arXiv 2004.09584), by the package `visqol-python`.

    Returns:
        MOS-LQO; nan if the reference is silent or under one second; 1.0 if the estimate alone is silent.

    Raises:
        InputError: as `mel_distance`, or `visqol-python` is not installed.
    """
    return _visqol("audio", ref, est, sample_rate, 48000)


def visqol_channels(ref: Audio, est: Audio, sample_rate: int) -> float:
    """The mean of `visqol_audio` over the channels; nan for a single one."""
    check(ref, est)
    if ref.ndim < 2 or est.ndim < 2 or ref.shape[1] != est.shape[1] or ref.shape[1] < 2:
        return float("nan")
    scores = [visqol_audio(x, y, sample_rate) for x, y in zip(ref.T, est.T, strict=True)]
    return float(np.mean(scores))


def visqol_speech(ref: Audio, est: Audio, sample_rate: int) -> float:
    """ViSQOL in speech mode at 16 kHz: MOS-LQO, 1 to 5; higher is better. Speech only.

    Always with the polynomial mapping (5.0 = identical), so that the score does not depend on whether
    a TFLite runtime is installed. Scores of the lattice mapping are not comparable.

    Source, errors and special cases: see `visqol_audio`.
    """
    return _visqol("speech", ref, est, sample_rate, 16000)


def _visqol(mode: str, ref: Audio, est: Audio, sample_rate: int, rate: int) -> float:
    api = _visqol_api(mode)
    x, y = mono_pair(ref, est, sample_rate, rate)
    if not x.any() or len(x) < rate:
        return float("nan")
    if not y.any():
        return _WORST_MOS
    with contained("visqol"):
        try:
            return float(api.measure_from_arrays(x, y, rate).moslqo)
        except (ValueError, IndexError):  # nothing to compare: too short once aligned, or no active patch
            return float("nan")


@cache
def _visqol_api(mode: str) -> Any:
    package = load_extra("visqol", "ViSQOL")
    with contained("visqol"):
        api = package.VisqolApi()
        api.create(mode=mode, use_lattice_model=False)
    return api


def _l1_pair(x: Array, y: Array, window: int, filters: Array | None) -> float:
    """L1(log10(max(m, 1e-5)^2)) + L1(m) of two signals of equal length, filters (bands, bins) or None."""
    total, count = 0.0, 0
    for a, b in zip(stft_blocks(x, window), stft_blocks(y, window), strict=True):
        if filters is not None:
            a, b = a @ filters.T, b @ filters.T  # (frames, bands)
        logs = 2.0 * (np.log10(np.maximum(a, _FLOOR)) - np.log10(np.maximum(b, _FLOOR)))
        total += float(np.abs(logs).sum() + np.abs(a - b).sum())
        count += a.size
    return total / count
