"""Sharing the bits of a chunk among its windows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from swc.bitstream import RevqLayout
from swc.codec.allocation import share_evenly


@given(
    heard=st.lists(st.booleans(), min_size=1, max_size=8),
    experts=st.integers(0, 17),
    bits=st.integers(0, 70000),
)
def test_allocation_fits_is_even_and_leaves_no_room_unused(heard: list[bool], experts: int, bits: int) -> None:
    sizes = [RevqLayout(1, experts, 10).sizes(43)] * len(heard)
    counts = share_evenly(heard, sizes, bits + sum(size[0] for size in sizes))
    spent = 430 * sum(counts)
    assert spent <= bits
    assert max(counts) <= experts
    assert spent + 430 > bits or min(counts) == experts
    for kind in (True, False):
        mine = [c for c, h in zip(counts, heard, strict=True) if h is kind]
        assert not mine or max(mine) - min(mine) <= 1
    if any(c and not h for c, h in zip(counts, heard, strict=True)):
        assert all(c == experts for c, h in zip(counts, heard, strict=True) if h)


def test_a_budget_that_is_overdrawn_leaves_the_least_sizes() -> None:
    assert share_evenly([True, False], [RevqLayout(1, 9, 10).sizes(43)] * 2, -5) == [0, 0]


def test_windows_that_have_one_size_get_it() -> None:
    assert share_evenly([True, True], [range(7, 8), range(7, 20, 4)], 100) == [0, 3]
