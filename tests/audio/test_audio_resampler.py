"""Resampling: exact lengths, streaming equal to whole, and the right sound."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swc.audio import Resampler, resample
from swc.audio.resample import AlignedResampler
from swc.errors import InputError

RATES = st.sampled_from([7919, 8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 96000, 192000])


def sine(samples: int, rate: int, channels: int = 1) -> np.ndarray:
    time = np.arange(samples) / rate
    return np.stack([np.sin(2 * np.pi * 440 * (c + 1) * time) for c in range(channels)], 1).astype(np.float32)


@settings(max_examples=150, deadline=None)
@given(
    in_rate=RATES,
    out_rate=RATES,
    samples=st.one_of(st.integers(0, 3), st.integers(0, 20000)),
    channels=st.integers(1, 3),
    cuts=st.lists(st.integers(0, 20000), max_size=6),
)
def test_any_blocks_give_the_exact_length_and_the_same_samples(
    in_rate: int, out_rate: int, samples: int, channels: int, cuts: list[int]
) -> None:
    audio = np.random.default_rng(samples).standard_normal((samples, channels)).astype(np.float32)
    whole = resample(audio, in_rate, out_rate)
    assert whole.shape == (-(-samples * out_rate // in_rate), channels)
    assert whole.dtype == np.float32
    resampler = Resampler(in_rate, out_rate, channels)
    pieces = [resampler.process(part) for part in np.split(audio, sorted(min(c, samples) for c in cuts))]
    np.testing.assert_array_equal(np.concatenate([*pieces, resampler.flush()]), whole)


def test_equal_rates_pass_through() -> None:
    audio = sine(1000, 44100, 2)
    resampler = Resampler(44100, 44100, 2)
    np.testing.assert_array_equal(resampler.process(audio), audio)
    assert len(resampler.flush()) == 0


@pytest.mark.parametrize(("in_rate", "out_rate"), [(8000, 44100), (44100, 16000), (48000, 44100)])
def test_sine_stays_the_same_sine(in_rate: int, out_rate: int) -> None:
    audio = resample(sine(in_rate, in_rate, 2), in_rate, out_rate)
    middle = slice(out_rate // 10, -out_rate // 10)
    np.testing.assert_allclose(audio[middle], sine(out_rate, out_rate, 2)[middle], atol=2e-5)


def test_what_lies_above_half_the_rate_is_removed() -> None:
    high = np.sin(2 * np.pi * 7000 * np.arange(44100) / 44100).astype(np.float32)[:, None]
    assert np.abs(resample(high, 44100, 8000)[400:-400]).max() < 1e-4


def test_memory_stays_bounded() -> None:
    """Output comes out as input goes in; no more than a fraction of a second is held back."""
    resampler = Resampler(48000, 44100, 1)
    given_out = sum(len(resampler.process(np.zeros((4800, 1), np.float32))) for _ in range(100))
    assert given_out > 441000 - 4410


def test_bad_arguments() -> None:
    with pytest.raises(InputError, match="cannot resample"):
        Resampler(0, 44100, 1)
    with pytest.raises(ValueError, match="expected shape"):
        Resampler(8000, 16000, 2).process(np.zeros((10, 1), np.float32))


@settings(max_examples=40, deadline=None)
@given(
    in_rate=RATES,
    out_rate=RATES,
    samples=st.one_of(st.integers(1, 3), st.integers(1, 20000)),
    step=st.integers(1, 4),
    data=st.data(),
)
def test_a_part_is_resampled_to_what_it_is_in_the_whole(
    in_rate: int, out_rate: int, samples: int, step: int, data: st.DataObject
) -> None:
    audio = np.random.default_rng(samples).standard_normal((samples, 2)).astype(np.float32)
    step *= 1000 * (in_rate // math.gcd(in_rate, out_rate)) // math.gcd(1000, in_rate)  # many segments, or one
    resampler = AlignedResampler(in_rate, out_rate, step)

    def part(start: int, stop: int | None) -> np.ndarray:
        segment, begin, end = resampler.needed(start, stop)
        cuts = sorted(data.draw(st.lists(st.integers(0, samples), max_size=3)))
        blocks = list(resampler.blocks(np.split(audio[begin:end], [max(0, c - begin) for c in cuts]), segment, begin))
        assert all(at + len(one) == after for (at, one), (after, _) in pairwise(blocks))
        first = blocks[0][0]
        joined = np.concatenate([block for _, block in blocks])
        return joined[start - first : None if stop is None else stop - first]

    whole = part(0, None)
    assert len(whole) == round(Fraction(samples * out_rate, in_rate)) == resampler.length(samples)
    start = data.draw(st.integers(0, max(0, len(whole) - 1)))
    stop = data.draw(st.one_of(st.none(), st.integers(start + 1, len(whole) + 100)))
    np.testing.assert_array_equal(part(start, stop), whole[start:stop])
    np.testing.assert_allclose(whole, resample(audio, in_rate, out_rate)[: len(whole)], atol=3e-4)
