"""Cutting and joining between chunks, and hopping over them."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from bitstream_samples import Trickle, make_header, random_stream
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from swc.bitstream import Stream, StreamReader, StreamWriter, chunk_at, cut, join, latents_for
from swc.errors import FormatError, InputError, SyntaxFormatError, TruncatedError


def stream_of(total: int, known: bool, model_rate: int, source_rate: int, seed: int = 1) -> Stream:
    header = make_header(hop=8, model_rate=model_rate, source_rate=source_rate, total_samples=total if known else None)
    return random_stream(header, total, latents_for(total, source_rate, model_rate, header.hop), seed)


rates = st.sampled_from([(8000, 8000), (8000, 16000), (44100, 48000), (44100, 8000), (44100, 22051), (16000, 44100)])


@settings(deadline=None, max_examples=200)
@given(rates, st.integers(1, 900), st.integers(0, 999), st.integers(1, 999), st.booleans())
def test_pieces_hold_what_was_asked_for(
    rate: tuple[int, int], total: int, start: int, length: int, known: bool
) -> None:
    stream = stream_of(total, known, *rate)
    header = stream.header
    fp = io.BytesIO()
    if start >= total:
        return
    piece = cut(StreamReader(io.BytesIO(stream.to_bytes())), partial(StreamWriter, fp), start, start + length)
    part = Stream.from_bytes(fp.getvalue())
    assert part.chunks == stream.chunks[piece.chunks.start : piece.chunks.stop]
    assert piece.samples.start <= start
    assert piece.samples.stop >= min(total, start + length) - 1  # a cut between samples rounds down
    chunk = header.samples_for(header.chunk_latents) + 2
    assert start - piece.samples.start < chunk
    assert piece.samples.stop - min(total, start + length) < chunk
    assert part.total_samples == len(piece.samples)
    assert (part.header.total_samples is None) == (not known)


@settings(deadline=None, max_examples=200)
@given(rates, st.integers(2, 900), st.lists(st.integers(1, 60), max_size=4), st.booleans())
def test_joined_pieces_are_the_stream(rate: tuple[int, int], total: int, at: list[int], known: bool) -> None:
    stream = stream_of(total, known, *rate)
    count = len(stream.chunks)
    bounds = sorted({0, *(a for a in at if a < count), count})
    size = stream.header.chunk_latents
    data = stream.to_bytes()
    parts = []
    for low, high in pairwise(bounds):
        fp = io.BytesIO()
        first = stream.header.samples_for(low * size) + 1
        stop = None if high == count else stream.header.samples_for(high * size)
        assume(first < total)
        cut(StreamReader(io.BytesIO(data)), partial(StreamWriter, fp), first, stop)
        parts.append(fp.getvalue())
    fp = io.BytesIO()
    samples = join([StreamReader(io.BytesIO(part)) for part in parts], partial(StreamWriter, fp))
    joined = Stream.from_bytes(fp.getvalue())
    assert joined.chunks == stream.chunks
    assert abs(samples - total) <= 1
    if samples == total:
        assert fp.getvalue() == data


@settings(deadline=None)
@given(rates, st.integers(0, 5000))
def test_chunk_of_a_sample(rate: tuple[int, int], sample: int) -> None:
    header = make_header(hop=8, model_rate=rate[0], source_rate=rate[1])
    index = chunk_at(header, sample)
    size = header.chunk_latents
    assert header.samples_for(index * size) - 1 <= sample < header.samples_for((index + 1) * size) + 1


def test_slices_by_seconds() -> None:
    stream = stream_of(900, True, 8000, 16000)  # chunks of 4 ms
    assert stream[0.01:0.02].chunks == stream.chunks[2:5]
    assert stream[0.011:0.0191].chunks == stream.chunks[2:5]
    assert stream[0.05:].chunks == stream.chunks[12:]
    assert stream[:].to_bytes() == stream.to_bytes()
    assert Stream.join([stream[:0.012], stream[0.012:0.032], stream[0.032:]]).to_bytes() == stream.to_bytes()
    for wrong in (slice(0, 1, 2), 1.0):
        with pytest.raises(TypeError):
            stream[wrong]


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (5, 5), (5, 4), (900, None), (10**9, 10**9 + 1)])
def test_nothing_to_cut(start: int, stop: int | None) -> None:
    fp = io.BytesIO()
    with pytest.raises(InputError, match="nothing to cut"):
        cut(
            StreamReader(io.BytesIO(stream_of(900, True, 8000, 16000).to_bytes())),
            partial(StreamWriter, fp),
            start,
            stop,
        )
    assert fp.getvalue() == b""


def test_tags_stay_with_a_piece_and_the_first_of_several() -> None:
    stream = stream_of(900, True, 8000, 16000)
    stream = replace(stream, header=stream.header.with_tags([("TITLE", "one")]))
    assert stream[0.01:].header.tags == (("TITLE", "one"),)
    other = replace(stream, header=stream.header.with_tags([("TITLE", "two")]))
    assert Stream.join([stream[:0.01], other[0.01:]]).header.tags == (("TITLE", "one"),)


def test_what_cannot_be_joined() -> None:
    short = random_stream(make_header(model_rate=44100, source_rate=8000), 10, 14, seed=1)
    for call in (lambda: short[0:], lambda: Stream.join([short])):
        with pytest.raises(InputError, match="shorter than a sample"):
            call()
    stream = stream_of(900, True, 8000, 16000)
    with pytest.raises(InputError, match="stream 1 ends within a chunk"):
        Stream.join([stream, stream])
    other = replace(stream, header=replace(stream.header, gain_q8=1))
    with pytest.raises(InputError, match="differ in gain_q8"):
        Stream.join([stream[:0.01], other])
    with pytest.raises(InputError, match="at least one"):
        Stream.join([])


@pytest.mark.parametrize("pipe", [False, True])
def test_hopping_reads_only_what_it_needs(pipe: bool) -> None:
    stream = random_stream(make_header(window=50, n_routed=0, n_shared=60), 16 * 500 * 8, 16 * 500, seed=2)

    class Counting(Trickle if pipe else io.BytesIO):  # type: ignore[misc]
        taken = 0

        def read(self, size: int = -1) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    fp = Counting(stream.to_bytes())
    reader = StreamReader(fp)
    assert next(reader.chunks_from(70)) == stream.chunks[70]
    assert reader.n_chunks == 71
    size = len(stream.to_bytes())
    assert fp.taken > 0.85 * size if pipe else fp.taken < 0.05 * size
    assert list(reader) == list(stream.chunks[71:])
    assert reader.total_samples == stream.total_samples


def test_hopping_behind_the_end() -> None:
    stream = stream_of(900, False, 8000, 16000)
    reader = StreamReader(io.BytesIO(stream.to_bytes()))
    assert list(reader.chunks_from(10**6)) == []
    assert reader.total_samples == 900


def test_hopping_notices_what_is_no_chunk() -> None:
    data = stream_of(900, True, 8000, 16000).to_bytes()
    for broken, error in (
        (data[:60] + b"?" + data[60:], SyntaxFormatError),
        (data[: len(data) // 2], TruncatedError),
        (data[:-18], TruncatedError),
    ):
        with pytest.raises(error):
            list(StreamReader(io.BytesIO(broken)).chunks_from(27))
    flipped = bytearray(data)
    flipped[-30] ^= 1  # in the last chunk, which isn't hopped over
    with pytest.raises(FormatError):
        list(StreamReader(io.BytesIO(bytes(flipped))).chunks_from(27))


def test_save_writes_whole_files(tmp_path: Path) -> None:
    stream = stream_of(900, True, 8000, 16000)
    stream.save(tmp_path / "a.swc")
    assert Stream.load(tmp_path / "a.swc") == stream
    assert [path.name for path in tmp_path.iterdir()] == ["a.swc"]
