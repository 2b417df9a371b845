"""Measures: identities, known values, order under growing damage, and what they refuse."""

from __future__ import annotations

import logging
import math
import sys
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from swc.errors import InputError
from swc.evaluation import metrics
from swc.evaluation._extras import contained
from swc.evaluation.metrics import (
    mel_distance,
    pesq_wb,
    si_sdr,
    stft_distance,
    stoi,
    visqol_audio,
    visqol_speech,
)
from swc.evaluation.registry import METRICS, check_metrics

Array = NDArray[np.float64]
RATE = 44100
FAST = ["mel_distance", "stft_distance", "si_sdr", "pesq_wb", "stoi"]
SILENCE = np.zeros(2 * RATE)


# --- independent computation -------------------------------------------------------------------------


def slow_magnitudes(x: Array, window: int) -> Array:
    """Frame by frame with an explicit DFT matrix, shape (bins, frames)."""
    n, k = np.arange(window), np.arange(window // 2 + 1)
    dft = np.exp(-2j * np.pi * np.outer(k, n) / window)
    hann = np.sin(np.pi * n / window) ** 2
    half = window // 2
    padded = np.concatenate([x[half:0:-1], x, x[-2 : -half - 2 : -1]])
    frames = [padded[i * window // 4 :][:window] for i in range(1 + len(x) // (window // 4))]
    return np.stack([np.abs(dft @ (hann * frame)) for frame in frames], axis=1)


def slow_mel(window: int, bands: int) -> Array:
    """Slaney's filters band by band and bin by bin, shape (bands, bins)."""

    def hz(mel: float) -> float:
        return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    top = 15 + 27 * math.log(22.05) / math.log(6.4)
    out = np.zeros((bands, window // 2 + 1))
    for band in range(bands):
        low, mid, high = (hz(top * (band + i) / (bands + 1)) for i in range(3))
        for k in range(window // 2 + 1):
            f = k * RATE / window
            if low < f <= mid:
                out[band, k] = 2 / (high - low) * (f - low) / (mid - low)
            elif mid < f < high:
                out[band, k] = 2 / (high - low) * (high - f) / (high - mid)
    return out


def slow_distance(a: Array, b: Array) -> float:
    logs = np.log10(np.clip(a, 1e-5, None) ** 2) - np.log10(np.clip(b, 1e-5, None) ** 2)
    return float(np.mean(np.abs(logs)) + np.mean(np.abs(a - b)))


def test_spectral_distances_equal_a_direct_computation(voice: Array, noise: Array) -> None:
    x = voice[:12000].copy()
    x[5000:9000] = 0.0  # the floor of the logarithm matters here
    y = 0.8 * x + 0.01 * noise[:12000] * (np.arange(12000) < 7000)
    mags = {w: (slow_magnitudes(x, w), slow_magnitudes(y, w)) for w in (2048, 512)}
    stft = sum(slow_distance(a, b) for a, b in mags.values())
    bands = {2048: 150, 512: 80}
    mel = sum(slow_distance(slow_mel(w, bands[w]) @ a, slow_mel(w, bands[w]) @ b) for w, (a, b) in mags.items())
    assert stft_distance(x, y, RATE) == pytest.approx(stft, rel=1e-9)
    assert mel_distance(x, y, RATE) == pytest.approx(mel, rel=1e-9)


def test_stft_distance_of_a_halved_signal(noise: Array) -> None:
    # Each bin differs by a factor of two: log10(2^2) in the logarithm, half its magnitude besides.
    magnitudes = [np.mean(slow_magnitudes(noise[:9000], w)) for w in (2048, 512)]
    expected = sum(2 * math.log10(2) + m / 2 for m in magnitudes)
    assert stft_distance(noise[:9000], noise[:9000] / 2, RATE) == pytest.approx(expected, rel=1e-6)


# --- identities and known values ---------------------------------------------------------------------


def test_a_signal_equals_itself(voice: Array) -> None:
    assert mel_distance(voice, voice, RATE) == 0.0
    assert stft_distance(voice, voice, RATE) == 0.0
    assert si_sdr(voice, voice, RATE) == math.inf
    assert pesq_wb(voice, voice, RATE) == pytest.approx(4.644, abs=1e-3)
    assert stoi(voice, voice, RATE) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("decibels", [-10.0, 0.0, 20.0, 60.0])
def test_si_sdr_of_orthogonal_noise_is_its_level(voice: Array, noise: Array, decibels: float) -> None:
    x = voice - voice.mean()
    n = noise - noise.mean()
    n = n - (n @ x) / (x @ x) * x
    n *= np.sqrt((x @ x) / (n @ n)) * 10 ** (-decibels / 20)
    assert si_sdr(x, x + n) == pytest.approx(decibels, abs=1e-6)
    assert si_sdr(x + 0.3, -7 * (x + n) + 0.1) == pytest.approx(decibels, abs=1e-6)  # gain, sign, offset


def test_si_sdr_counts_noise_in_line_with_the_signal_as_signal(voice: Array) -> None:
    assert si_sdr(voice, 0.5 * voice) > 250


def test_si_sdr_of_constants(voice: Array) -> None:
    assert math.isnan(si_sdr(np.full(100, 0.1), voice[:100]))
    assert si_sdr(voice, np.full(len(voice), 0.1)) == -math.inf


def test_visqol_audio_and_speech(voice: Array, noise: Array) -> None:
    x, y = voice[: RATE * 11 // 10], (voice + 0.005 * noise)[: RATE * 11 // 10]
    assert visqol_audio(x, x, RATE) == pytest.approx(4.732, abs=1e-3)
    assert 1.0 <= visqol_audio(x, y, RATE) < 4.0
    assert visqol_speech(x, x, RATE) == pytest.approx(5.0, abs=1e-3)
    assert 1.0 <= visqol_speech(x, y, RATE) < 4.9


@pytest.mark.parametrize("name", FAST)
def test_more_noise_is_worse(name: str, voice: Array, noise: Array) -> None:
    scores = [METRICS[name].function(voice, voice + g * noise, RATE) for g in (1e-4, 1e-3, 1e-2, 1e-1)]
    better_first = sorted(scores, reverse=METRICS[name].higher_is_better)
    assert scores == better_first
    assert len(set(scores)) == 4


def test_a_low_pass_hardly_shows_in_pesq_but_does_in_the_mel_distance(voice: Array) -> None:
    narrow = soxr.resample(soxr.resample(voice, RATE, 14000, quality="VHQ"), 14000, RATE, quality="VHQ")
    assert pesq_wb(voice, narrow, RATE) > 4.0
    assert stoi(voice, narrow, RATE) > 0.99
    assert mel_distance(voice, narrow, RATE) > 0.5


# --- preparation: length, channels, rate -------------------------------------------------------------


@pytest.mark.parametrize("name", FAST)
def test_the_longer_signal_is_cut(name: str, voice: Array, noise: Array) -> None:
    measure = METRICS[name].function
    short = (voice + 0.01 * noise)[:60000]
    assert measure(voice, short, RATE) == measure(voice[:60000], short, RATE)
    assert measure(short, voice, RATE) == measure(short, voice[:60000], RATE)


@pytest.mark.parametrize("name", FAST)
def test_channels_are_averaged(name: str, voice: Array, noise: Array) -> None:
    measure = METRICS[name].function
    damaged = voice + 0.01 * noise
    stereo = np.stack([damaged + 0.05, damaged - 0.05], axis=1)
    expected = pytest.approx(measure(voice, damaged, RATE), rel=1e-6)
    assert measure(voice, stereo, RATE) == expected
    assert measure(voice[:, None].astype(np.float32), stereo, RATE) == pytest.approx(
        measure(voice, damaged, RATE), rel=1e-3
    )


@pytest.mark.parametrize("name", ["mel_distance", "stft_distance", "pesq_wb", "stoi"])
def test_the_rate_of_the_source_hardly_matters(name: str, voice: Array, noise: Array) -> None:
    measure = METRICS[name].function

    def band_limited(x: Array, rate: int) -> Array:
        y = soxr.resample(soxr.resample(x, RATE, 32000, quality="VHQ"), 32000, rate, quality="VHQ")
        return np.asarray(y, np.float64)

    damaged = voice + 0.01 * noise
    at_44, at_48 = (measure(band_limited(voice, rate), band_limited(damaged, rate), rate) for rate in (RATE, 48000))
    assert at_48 == pytest.approx(at_44, rel=0.02)


def test_half_the_spectrum_of_a_source_at_half_the_rate_is_empty(noise: Array) -> None:
    # White noise against its half: every bin with content counts log10(2^2), the empty ones nothing.
    quiet = 1e-3 * noise
    assert stft_distance(quiet, quiet / 2, RATE) == pytest.approx(2 * 2 * math.log10(2), rel=0.05)
    assert stft_distance(quiet, quiet / 2, RATE // 2) == pytest.approx(2 * math.log10(2), rel=0.05)


# --- the undefined and the worst ---------------------------------------------------------------------


@pytest.mark.parametrize("measure", [pesq_wb, stoi, visqol_audio, visqol_speech])
def test_a_silent_reference_is_undefined(measure: Callable[..., float], voice: Array) -> None:
    assert math.isnan(measure(SILENCE, voice, RATE))
    assert math.isnan(measure(SILENCE, SILENCE, RATE))


@pytest.mark.parametrize("measure", [pesq_wb, visqol_audio, visqol_speech])
def test_a_silent_estimate_is_the_worst(measure: Callable[..., float], voice: Array) -> None:
    assert measure(voice, SILENCE, RATE) == 1.0


def test_a_silent_estimate_is_unintelligible(voice: Array) -> None:
    assert stoi(voice, SILENCE, RATE) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("seconds", [0.001, 0.1, 0.2, 0.24])
@pytest.mark.parametrize("measure", [pesq_wb, stoi, visqol_audio, visqol_speech])
def test_too_short_to_judge(measure: Callable[..., float], seconds: float, voice: Array) -> None:
    x = voice[RATE // 10 :][: int(seconds * RATE)]
    assert math.isnan(measure(x, x, RATE))


def test_stoi_of_little_sound_is_undefined(voice: Array) -> None:
    x = np.where(np.arange(len(voice)) < RATE // 5, voice, 0.0)
    assert math.isnan(stoi(x, x, RATE))


def test_single_samples_have_spectral_distances() -> None:
    assert mel_distance(np.array([0.5]), np.array([0.5]), RATE) == 0.0
    assert stft_distance(np.array([0.5]), np.array([0.2]), RATE) > 0.0


# --- refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros(0), "not empty"),
        (np.zeros((4, 2, 2)), "channels"),
        (np.zeros(100, np.int16), "floating point"),
        (np.array([0.0, np.nan, 0.0]), "not finite"),
        (np.array([0.0, np.inf, 0.0]), "not finite"),
    ],
)
@pytest.mark.parametrize("name", METRICS)
def test_unusable_signals(name: str, bad: Array, message: str, voice: Array) -> None:
    with pytest.raises(InputError, match=message):
        METRICS[name].function(bad, voice, RATE)
    with pytest.raises(InputError, match=message):
        METRICS[name].function(voice, bad, RATE)


def test_a_rate_of_zero(voice: Array) -> None:
    with pytest.raises(InputError, match="sample rate"):
        mel_distance(voice, voice, 0)


@pytest.mark.parametrize(("module", "name"), [("pesq", "pesq_wb"), ("pystoi", "stoi"), ("visqol", "visqol_audio")])
def test_a_missing_extra_says_how_to_install_it(
    module: str, name: str, voice: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics._visqol_api.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=r"swc-codec\[eval\]"):
        METRICS[name].function(voice, voice, RATE)
    with pytest.raises(InputError, match=r"swc-codec\[eval\]"):
        check_metrics([name])
    assert check_metrics(["mel_distance"]) == ("mel_distance",)


def test_check_metrics_orders_and_refuses() -> None:
    assert check_metrics(["stoi", "mel_distance", "stoi"]) == ("mel_distance", "stoi")
    with pytest.raises(InputError, match=r"unknown metric 'pesq'; .*pesq_wb"):
        check_metrics(["pesq"])


def test_silencing_ends_with_the_block() -> None:
    log = logging.getLogger("some.package")
    with contained("some.package"):
        warnings.warn("lost", UserWarning, stacklevel=1)
        assert not log.isEnabledFor(logging.WARNING)
    assert log.isEnabledFor(logging.WARNING)
    with pytest.warns(UserWarning, match="kept"):
        warnings.warn("kept", UserWarning, stacklevel=1)
