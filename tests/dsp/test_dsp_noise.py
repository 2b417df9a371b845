"""Random numbers by counter."""

from __future__ import annotations

import numpy as np

from swc.dsp.noise import uniform


def test_a_number_depends_on_its_index_alone() -> None:
    whole = uniform(np.arange(10_000))
    assert np.array_equal(uniform(np.arange(4_000, 5_000)), whole[4_000:5_000])
    some = np.array([[7, 3], [9_999, 0]])
    assert np.array_equal(uniform(some), whole[some])


def test_numbers_are_uniform_and_neighbours_unrelated() -> None:
    x = uniform(np.arange(1 << 18))
    assert x.dtype == np.float32
    assert x.min() >= 0
    assert x.max() < 1
    counts = np.histogram(x, 64, (0, 1))[0]
    expected = len(x) / 64
    assert ((counts - expected) ** 2 / expected).sum() < 120  # chi-squared of 63 degrees, p < 2e-5
    for lag in (1, 2, 64, 1025):
        one, other = x[lag:] - 0.5, x[:-lag] - 0.5
        assert abs((one * other).mean() * 12) < 0.01


def test_streams_and_far_indices_differ() -> None:
    index = np.arange(1 << 14)
    for other in (uniform(index, 1), uniform(index + (1 << 32))):
        assert abs(((uniform(index) - 0.5) * (other - 0.5)).mean() * 12) < 0.04


def test_the_numbers_stay_what_they_are() -> None:
    found = (uniform(np.array([0, 1, 1025, 1 << 40])) * 2**24).astype(int).tolist()
    assert found == [11431808, 9320271, 1728203, 1539156]
