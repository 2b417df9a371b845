"""Stream -> bytes -> Stream, through every kind of file."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bitstream_samples import Trickle, example, make_header, random_stream, raw_stream
from hypothesis import given, settings
from hypothesis import strategies as st

import swc.bitstream as bitstream
from swc.bitstream import (
    CHUNK_OVERHEAD,
    END_SIZE,
    Extension,
    Stream,
    StreamReader,
    StreamWriter,
    header_size,
    latents_for,
)

ROOT = Path(bitstream.__file__).parents[2]


@st.composite
def streams(draw) -> Stream:
    changes = {"windows_per_chunk": 1, "channels": 2} if draw(st.booleans()) else {"window": 1, "n_shared": 32}
    fields = dict(
        model_rate=draw(st.sampled_from([1, 8000, 44100, 384_000])),
        source_rate=draw(st.sampled_from([8000, 44100, 384_000])),
        channels=draw(st.integers(1, 8)),
        hop=draw(st.sampled_from([1, 320, 65535])),
        gain_q8=draw(st.integers(-32768, 32767)),
        window=draw(st.integers(1, 9)),
        windows_per_chunk=draw(st.integers(1, 4)),
        n_shared=draw(st.integers(0, 3)),
        n_routed=draw(st.integers(1, 20)),
        codebook_bits=draw(st.integers(2, 16)),
        fingerprint=draw(st.binary(min_size=8, max_size=8)),
    )
    header = make_header(**(fields | changes))  # either way the limit of bare_windows is kept
    wanted = draw(st.integers(0, 60))
    total = wanted * header.hop * header.source_rate // header.model_rate
    latents = header.latents_for(total)
    if draw(st.booleans()):
        header = replace(header, total_samples=total)
    return random_stream(header, total, latents, draw(st.integers(0, 2**32)))


extensions = st.dictionaries(st.integers(2, 32767), st.binary(max_size=40), max_size=5).map(
    lambda pairs: tuple(Extension(number, pairs[number], critical=False) for number in sorted(pairs))
)


@settings(deadline=None, max_examples=150)
@given(streams())
def test_round_trip_agrees_with_a_naive_writer(stream: Stream) -> None:
    data = stream.to_bytes()
    assert data == raw_stream(stream)
    again = Stream.from_bytes(data)
    assert again == stream
    assert again.to_bytes() == data


@settings(deadline=None, max_examples=60)
@given(streams(), extensions, st.integers(0, 15))
def test_measures(stream: Stream, tags: tuple[Extension, ...], minor: int) -> None:
    stream = replace(stream, header=replace(stream.header, extensions=tags, minor=minor))
    data = stream.to_bytes()
    assert Stream.from_bytes(data) == stream
    bits = stream.breakdown()
    assert list(bits) == ["header", "tags", "framing", "masks", "codes", "padding"]
    assert sum(bits.values()) == len(data) * 8 == stream.n_bytes * 8
    assert bits["header"] == header_size(stream.header) * 8
    assert bits["framing"] == (len(stream.chunks) * CHUNK_OVERHEAD + END_SIZE) * 8
    assert 0 <= bits["padding"] <= 7 * len(stream.chunks)
    if stream.total_samples:
        assert stream.kbps == pytest.approx(len(data) * 8 / stream.duration / 1000)
    else:
        assert stream.kbps == 0.0
        assert len(data) == header_size(stream.header) + END_SIZE


def test_trickling_files_that_cannot_seek() -> None:
    stream = example()
    pipe = Trickle()
    writer = StreamWriter(pipe, stream.header)
    assert writer.bytes_written == header_size(stream.header) == len(pipe.data)
    for chunk in stream.chunks:
        writer.write_chunk(chunk)
        assert writer.bytes_written == len(pipe.data)
    writer.finish(stream.total_samples)
    assert writer.bytes_written == len(pipe.data)
    assert pipe.data == stream.to_bytes()
    reader = StreamReader(Trickle(pipe.data))
    assert reader.header == stream.header
    assert reader.total_samples is None
    assert tuple(reader) == stream.chunks
    assert (reader.total_samples, reader.n_chunks, reader.bytes_read) == (35, 2, len(pipe.data))
    assert list(reader) == []


def test_files_without_data_yet_raise_an_oserror() -> None:
    class Idle(Trickle):
        def readinto(self, buffer) -> None:
            return None

        def write(self, data) -> None:
            return None

    with pytest.raises(BlockingIOError):
        StreamReader(Idle())
    with pytest.raises(BlockingIOError):
        StreamWriter(Idle(), make_header())


def test_chunks_come_before_the_stream_is_complete() -> None:
    stream = example()
    data = stream.to_bytes()
    first = header_size(stream.header) + CHUNK_OVERHEAD + 6
    reader = iter(StreamReader(io.BytesIO(data[:first])))
    assert next(reader) == stream.chunks[0]


def test_load(tmp_path: Path) -> None:
    path = tmp_path / "example.swc"
    path.write_bytes(example().to_bytes())
    assert Stream.load(path) == Stream.load(str(path)) == example()


def test_header_is_small() -> None:
    assert header_size(make_header()) == len(Stream(make_header(), (), 0).to_bytes()) - END_SIZE == 48
    assert (CHUNK_OVERHEAD, END_SIZE) == (10, 18)


def test_windows_equal_by_value() -> None:
    one, other = example().chunks[0].windows[0][0], example().chunks[0].windows[0][0]
    assert one == other
    assert one != replace(other, codes=other.codes + np.uint16(1))
    assert one != replace(other, experts=(0, 1))
    assert one != (0, 2)


@pytest.mark.parametrize(
    ("total", "source", "model", "hop", "latents"),
    [
        (0, 44100, 44100, 1024, 0),
        (1, 44100, 44100, 1024, 1),
        (1024, 44100, 44100, 1024, 1),
        (1025, 44100, 44100, 1024, 2),
        (1, 384_000, 1, 65535, 1),
        (160 * 2**40, 16000, 44100, 441, 2**40),
        (160 * 2**40 + 1, 16000, 44100, 441, 2**40 + 1),
    ],
)
def test_latents_for_is_exact(total: int, source: int, model: int, hop: int, latents: int) -> None:
    assert latents_for(total, source, model, hop) == latents


def test_import_brings_no_torch() -> None:
    code = "import sys, swc.bitstream; sys.exit(sorted(m for m in sys.modules if 'torch' in m) != [])"
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, check=False)
    assert done.returncode == 0


def test_bits_of_tags_are_listed_apart_and_are_no_overhead() -> None:
    plain = random_stream(make_header(total_samples=259), 259, 33, seed=1)
    tagged = replace(plain, header=plain.header.with_tags([("TITLE", "a title")]))
    assert tagged.breakdown() == plain.breakdown() | {"tags": 8 * (4 + 1 + 5 + 2 + 7)}
    bits = plain.breakdown()
    assert plain.overhead == pytest.approx(1 - (bits["masks"] + bits["codes"]) / sum(bits.values()))
    assert tagged.overhead < plain.overhead
