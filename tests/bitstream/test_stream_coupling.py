"""Channels that share a coded channel: their parameters as bits, and streams that have them."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from bitarray import frozenbitarray
from bitstream_samples import make_header, random_stream

from swc.bitstream import Coupling, Parameters, Stream, StreamReader
from swc.bitstream.coupling import BANDS, EQUAL, OPPOSITE, PARAMETRIC, RANGES, SLOT_BITS, slots_in
from swc.bitstream.token_files import from_tokens, to_jsonl, to_npz
from swc.errors import InputError, LimitError, SyntaxFormatError


def parameters(slots: int, seed: int, changes: float = 0.3) -> Parameters:
    rng = np.random.default_rng(seed)
    grids = []
    for low, high in RANGES.values():
        grid = rng.integers(low, high + 1, (slots, BANDS))
        keep = rng.random((slots, BANDS)) > changes
        for slot in range(1, slots):
            grid[slot, keep[slot]] = grid[slot - 1, keep[slot]]
        grids.append(grid.astype(np.int8))
    return Parameters(int(rng.integers(-64, 64)), *grids)


def coupled(total: int = 150, channels: int = 2, pairs: tuple = ((0, 1),), **changes) -> Stream:
    """A stream whose chunks are coupled in all ways in turn."""
    header = make_header(**{"channels": channels, "window": 16, **changes}).with_pairs(pairs)
    latents = header.latents_for(total)
    plain = random_stream(replace(header, channels=header.coded_channels, extensions=()), total, latents, seed=1)
    chunks = []
    for index, chunk in enumerate(plain.chunks):
        of = [Coupling.of(parameters(slots_in(chunk.latents), 10 * index + pair)) for pair in range(len(pairs))]
        if index % 2:
            of = [Coupling(index % 4) for _ in pairs]
        chunks.append(replace(chunk, couplings=tuple(of)))
    return Stream(header, tuple(chunks), total)


@pytest.mark.parametrize("changes", [0, 0.02, 0.3, 1])
@pytest.mark.parametrize("slots", [1, 2, 44])
def test_parameters_there_and_back(slots: int, changes: float) -> None:
    given = parameters(slots, slots, changes)
    coupling = Coupling.of(given)
    there = coupling.parameters(slots)
    assert there.delay == given.delay
    for name in RANGES:
        assert np.array_equal(getattr(there, name), getattr(given, name))
    assert len(coupling) <= 10 + SLOT_BITS * slots


def test_what_stays_takes_next_to_nothing() -> None:
    steady = parameters(44, 0, changes=0)
    first = Coupling.of(Parameters(steady.delay, *(grid[:1] for grid in steady[1:])))
    assert len(Coupling.of(steady)) <= len(first) + 3 * 20


@pytest.mark.parametrize(("name", "value"), [("levels", 11), ("levels", -11), ("coherences", 6), ("phases", -1)])
def test_parameters_out_of_range(name: str, value: int) -> None:
    given = parameters(3, 0)
    getattr(given, name)[1, 5] = value
    with pytest.raises(SyntaxFormatError, match=name):
        Coupling.of(given)
    with pytest.raises(SyntaxFormatError, match="delay"):
        Coupling.of(parameters(3, 0)._replace(delay=64))


def test_streams_there_and_back() -> None:
    stream = coupled()
    data = stream.to_bytes()
    there = Stream.from_bytes(data)
    assert there == stream
    assert there.header.pairs == ((0, 1),)
    assert there.header.coded_channels == 1
    assert there.header.minor == 2
    assert len(data) == stream.n_bytes
    assert stream.breakdown()["couplings"] == sum(len(one) for some in stream.couplings for one in some)


def test_streams_without_pairs_say_nothing_of_couplings() -> None:
    header = make_header(channels=2, window=16)
    stream = random_stream(header, 150, header.latents_for(150), 0)
    assert "couplings" not in stream.breakdown()
    assert header.with_pairs([]) == header
    assert header.with_pairs([(0, 1)]).with_pairs([]).extensions == ()


def test_pairs_of_several_channels() -> None:
    stream = coupled(channels=6, pairs=((0, 1), (4, 5)), window=32)
    there = Stream.from_bytes(stream.to_bytes())
    assert there == stream
    assert there.codes().shape[0] == 4
    assert all(len(some) == 2 for some in there.couplings)


@pytest.mark.parametrize("pairs", [[(1, 0)], [(0, 0)], [(0, 2)], [(0, 1), (0, 1)]])
def test_pairs_that_are_none(pairs: list) -> None:
    with pytest.raises(SyntaxFormatError, match="pairs"):
        make_header(channels=2).with_pairs(pairs)


def test_couplings_that_do_not_fit_are_not_written() -> None:
    stream = coupled()
    first = stream.chunks[0]
    other = Coupling.of(parameters(slots_in(first.latents) + 1, 0))
    for couplings in ((), (Coupling(EQUAL),) * 2, (other,), (Coupling(5),), (Coupling(EQUAL, frozenbitarray("1")),)):
        broken = replace(stream, chunks=(replace(first, couplings=couplings), *stream.chunks[1:]))
        with pytest.raises(SyntaxFormatError):
            broken.to_bytes()


def test_chunks_of_too_many_slots() -> None:
    with pytest.raises(LimitError, match="slots"):
        coupled(windows_per_chunk=32).to_bytes()


def test_codes_and_couplings_make_the_same_stream() -> None:
    stream = coupled()
    again = Stream.from_codes(stream.codes(), stream.header, stream.total_samples, stream.couplings)
    assert again.to_bytes() == stream.to_bytes()
    equal = Stream.from_codes(stream.codes(), stream.header, stream.total_samples)
    assert {one.mode for some in equal.couplings for one in some} == {EQUAL}
    with pytest.raises(InputError, match="couplings"):
        Stream.from_codes(stream.codes(), stream.header, stream.total_samples, stream.couplings[1:])


@pytest.mark.parametrize("written", [to_npz, to_jsonl])
def test_files_of_tokens(written) -> None:
    stream = coupled()
    assert from_tokens(written(stream)).to_bytes() == stream.to_bytes()


def test_cut_and_join() -> None:
    stream = coupled(total=1000)
    header = stream.header
    edge = header.samples_for(2 * header.chunk_latents) / header.source_rate
    one, two = stream.cut(0, edge), stream.cut(edge)
    assert Stream.join([one, two]).chunks == stream.chunks
    apart = replace(header, channels=header.coded_channels, extensions=(), minor=0)
    other = Stream(replace(apart, channels=1), tuple(replace(c, couplings=()) for c in two.chunks), two.total_samples)
    with pytest.raises(InputError, match="differ in channels, stereo"):
        Stream.join([one, other])
    reader = StreamReader(io.BytesIO(stream.to_bytes()))
    assert next(reader.chunks_from(2)).couplings == stream.chunks[2].couplings


def test_modes() -> None:
    stream = coupled(total=1000)
    assert {one.mode for some in stream.couplings for one in some} == {OPPOSITE, PARAMETRIC, 3}
