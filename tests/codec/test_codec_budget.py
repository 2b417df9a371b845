"""The bit budget: no stream measures more than was asked for, tags included."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from swc.bitstream import (
    CHUNK_OVERHEAD,
    END_SIZE,
    LIMITS,
    Header,
    RevqLayout,
    Tags,
    header_size,
    latents_for,
    window_lengths,
)
from swc.codec.budget import MET, SPREAD, Budget, fit_tags, least_kbps
from swc.codec.control import ConstantRate, Uncoded
from swc.errors import BitrateError

RATE = 44100
HEADER = Header(RATE, RATE, 1, 1024, 0, 43, 4, RevqLayout(1, 17, 10), bytes(8))


def measured(header: Header, kbps: float, seconds: float) -> float:
    """kbit/s of a stream whose every window takes all the experts that the budget grants."""
    control, samples = ConstantRate(header, Budget(header, kbps)), round(seconds * RATE)
    left, latents, size = latents_for(samples, RATE, RATE, header.hop), 0, header_size(header) + END_SIZE
    while left:
        chunk = min(left, header.chunk_latents)
        left, latents = left - chunk, latents + chunk
        lengths, until = window_lengths(chunk, header.window), min(latents * header.hop / RATE, samples / RATE)
        z, loud = torch.zeros(header.channels, chunk, 1), torch.ones(header.channels, len(lengths))
        rows = control.grants([Uncoded(z, loud, until, not left)])[0].tolist()
        bits = sum(header.layout.sizes(n)[step] for row in rows for n, step in zip(lengths, row, strict=True))
        control.settle(bits)
        size += CHUNK_OVERHEAD + -(-bits // 8)
    return size * 8 / seconds / 1000


@settings(max_examples=200, deadline=None)
@given(
    tags=st.lists(st.tuples(st.sampled_from(["TITLE", "X"]), st.text("x", max_size=400)), max_size=3),
    samples=st.integers(round(SPREAD * RATE) + 1, 60 * RATE),
    kbps=st.floats(0.3, 8),
    channels=st.integers(1, 2),
    known=st.booleans(),
)
def test_the_rate_holds_with_tags(
    tags: list[tuple[str, str]], samples: int, kbps: float, channels: int, known: bool
) -> None:
    header = dataclasses.replace(HEADER, channels=channels, total_samples=samples if known else None).with_tags(tags)
    of_known_length = dataclasses.replace(header, total_samples=samples)
    if kbps < least_kbps(header):
        with pytest.raises(BitrateError, match="with these tags" if tags else "of this length"):
            Budget(header, kbps)
    elif known or kbps >= least_kbps(of_known_length):  # what nobody could know cannot be refused
        assert measured(header, kbps, samples / RATE) <= kbps


@settings(max_examples=200, deadline=None)
@given(
    seconds=st.floats(20, 60),
    kbps=st.floats(0.6, 7.7),
    channels=st.integers(1, 2),
    known=st.booleans(),
    tags=st.sampled_from([(), (("TITLE", "x" * 40),)]),
)
@example(seconds=21.3, kbps=0.6, channels=1, known=True, tags=())  # .976 where nothing is given back
@example(seconds=22.4, kbps=0.6, channels=2, known=False, tags=())  # .975
def test_the_rate_is_met_from_20_seconds_on(
    seconds: float, kbps: float, channels: int, known: bool, tags: Tags
) -> None:
    samples = round(seconds * RATE)
    header = dataclasses.replace(
        HEADER,
        channels=channels,
        hop=2048,
        window=22,
        layout=RevqLayout(1, 35, 10),
        total_samples=samples if known else None,
    ).with_tags(tags)
    assume(kbps >= least_kbps(dataclasses.replace(header, total_samples=samples)))
    assume(kbps >= least_kbps(header))
    assert MET <= measured(header, kbps, samples / RATE) / kbps <= 1


def test_tags_are_paid_by_the_whole_recording() -> None:
    """The first chunks of a long recording are hardly poorer with tags than without."""
    header = dataclasses.replace(HEADER, total_samples=600 * RATE)
    seconds = 172 * 1024 / RATE
    without = Budget(header, 2.67).grant(seconds)
    with_tags = Budget(header.with_tags([("COMMENT", "x" * 1000)]), 2.67).grant(seconds)
    assert 0.99 * without < with_tags < without


@settings(max_examples=200, deadline=None)
@given(
    copied=st.dictionaries(st.sampled_from("ABCDEFGHI"), st.text("x\u96ea", max_size=300), max_size=9),
    own=st.sampled_from([(), (("TITLE", "x"),), (("COMMENT", "x" * 400),)]),
    long=st.booleans(),
    samples=st.none() | st.integers(0, 3600 * RATE),
    kbps=st.floats(0.3, 8),
)
def test_copied_tags_fit(copied: dict[str, str], own: Tags, long: bool, samples: int | None, kbps: float) -> None:
    header = dataclasses.replace(HEADER, total_samples=samples).with_tags(own)
    tags = (*copied.items(), *([("LONG", "x" * 9000)] if long else []))
    kept, left_out = fit_tags(header, kbps, tags)
    assert sorted(kept + left_out) == sorted(tags)
    assert kept == tuple(tag for tag in tags if tag in kept)
    whole = header.with_tags(kept + own)
    size = header_size(whole) - header_size(header)
    assert header_size(whole) <= LIMITS["header_length"][1]
    seconds = SPREAD if samples is None else max(SPREAD, samples / RATE)
    assert size <= (256 if samples is None else kbps * 1000 * seconds / 20 / 8)
    if kbps >= least_kbps(header) and kept:
        assert kbps >= least_kbps(whole)  # copied tags are never why a rate cannot be met
    if kept and left_out:
        assert max(len(v.encode()) for _, v in kept) <= min(len(v.encode()) for _, v in left_out)


@pytest.mark.parametrize("samples", [None, 1000 * RATE])
def test_without_a_rate_all_tags_are_copied_that_a_header_can_hold(samples: int | None) -> None:
    header = dataclasses.replace(HEADER, total_samples=samples)
    tags = tuple((key, "x" * 1500) for key in "ABC")
    assert fit_tags(header, math.inf, tags) == (tags, ())
    kept, left_out = fit_tags(header, math.inf, (*tags, ("LONG", "x" * 100_000)))
    assert (kept, len(left_out)) == (tags, 1)


def test_what_was_reserved_is_settled_by_what_was_packed() -> None:
    saving, spending = (Budget(HEADER, 2.67) for _ in range(2))
    for budget, packed in ((saving, 4000), (spending, 5000)):
        budget.reserve(5000)
        budget.settle(5000, packed)
    assert saving.grant(8.0) == spending.grant(8.0) + 1000
