"""Random numbers by counter."""

from __future__ import annotations

import torch

from swc.nn.layers.noise import uniform


def test_a_number_depends_on_its_index_alone() -> None:
    whole = uniform(torch.arange(10_000))
    assert torch.equal(uniform(torch.arange(4_000, 5_000)), whole[4_000:5_000])
    assert torch.equal(uniform(torch.tensor([[7, 3], [9_999, 0]])), whole[torch.tensor([[7, 3], [9_999, 0]])])


def test_numbers_are_uniform_and_neighbours_unrelated() -> None:
    x = uniform(torch.arange(1 << 18))
    assert float(x.min()) >= 0
    assert float(x.max()) < 1
    counts = torch.histc(x, 64, 0, 1)
    expected = len(x) / 64
    assert float(((counts - expected).square() / expected).sum()) < 120  # chi-squared of 63 degrees, p < 2e-5
    for lag in (1, 2, 64, 1025):
        one, other = x[lag:] - 0.5, x[:-lag] - 0.5
        assert abs(float((one * other).mean()) * 12) < 0.01


def test_streams_and_far_indices_differ() -> None:
    index = torch.arange(1 << 14)
    for other in (uniform(index, 1), uniform(index + (1 << 32))):
        assert abs(float(((uniform(index) - 0.5) * (other - 0.5)).mean()) * 12) < 0.04


def test_the_numbers_stay_what_they_are() -> None:
    found = (uniform(torch.tensor([0, 1, 1025, 1 << 40])) * 2**24).long().tolist()
    assert found == [11431808, 9320271, 1728203, 1539156]
