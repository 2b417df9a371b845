"""Bytes that are not a valid stream give a FormatError and nothing else."""

from __future__ import annotations

import io
import tracemalloc
from dataclasses import replace

import pytest
from bitstream_samples import (
    example,
    make_header,
    random_stream,
    raw_chunk,
    raw_end,
    raw_header,
    raw_payload,
)
from hypothesis import example as given_example
from hypothesis import given, settings
from hypothesis import strategies as st

from swc.bitstream import CHUNK_OVERHEAD, END_SIZE, Extension, Stream, StreamReader
from swc.errors import (
    ChecksumError,
    FormatError,
    LimitError,
    NotSwcError,
    SyntaxFormatError,
    TruncatedError,
)


def small_streams() -> list[bytes]:
    stereo = random_stream(make_header(channels=2, codebook_bits=16, total_samples=99), 99, 13, seed=1)
    tagged = replace(example(), header=make_header(extensions=(Extension(5, b"five", critical=False),)))
    return [stream.to_bytes() for stream in (example(), stereo, tagged, Stream(make_header(), (), 0))]


def split(data: bytes, n_chunks: int) -> tuple[bytes, list[bytes], bytes]:
    """Header, chunks and end chunk of a stream without extensions."""
    header, position, chunks = data[:48], 48, []
    for _ in range(n_chunks):
        size = int.from_bytes(data[position + 4 : position + 6], "little") + CHUNK_OVERHEAD
        chunks.append(data[position : position + size])
        position += size
    assert len(data) == position + END_SIZE
    return header, chunks, data[position:]


@pytest.mark.parametrize("data", small_streams())
def test_truncation_at_every_byte(data: bytes) -> None:
    for size in range(len(data)):
        with pytest.raises(FormatError) as caught:
            Stream.from_bytes(data[:size])
        assert isinstance(caught.value, TruncatedError if size else NotSwcError)


@pytest.mark.parametrize("data", small_streams())
def test_every_single_bit_flip(data: bytes) -> None:
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            Stream.from_bytes(bytes(flipped))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_random_damage(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from(small_streams())))
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    piece = data.draw(st.binary(max_size=20))
    damaged = bytes(whole[:start] + piece + whole[end:])
    if damaged != whole:
        with pytest.raises(FormatError):
            Stream.from_bytes(damaged)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=80), st.integers(0, 65535))
@given_example(b"\xff" * 80, 1)
def test_any_payload_with_a_right_crc(payload: bytes, latents: int) -> None:
    header = raw_header(make_header())
    data = header + raw_chunk(header, 0, latents, payload) + raw_end(header, [payload], latents * 8, 1)
    try:
        stream = Stream.from_bytes(data)
    except FormatError:
        return
    assert stream.to_bytes() == data


def test_chunks_out_of_place() -> None:
    stream = random_stream(make_header(), 99, 13, seed=3)
    header, chunks, end = split(stream.to_bytes(), 4)
    a, b, c, d = chunks
    for wrong in ([b, a, c, d], [a, c, d], [a, b, d], [a, b, b, c, d], [a, b, c], [b, c, d], [a, a, c, d]):
        with pytest.raises(ChecksumError):
            Stream.from_bytes(header + b"".join(wrong) + end)


def test_chunk_of_another_stream_is_noticed_at_once() -> None:
    one = random_stream(make_header(), 99, 13, seed=3)
    other = replace(one, header=make_header(fingerprint=b"another!"))
    header, chunks, _ = split(one.to_bytes(), 4)
    foreign = split(other.to_bytes(), 4)[1][1]
    reader = iter(StreamReader(io.BytesIO(header + chunks[0] + foreign)))
    assert next(reader) == one.chunks[0]
    with pytest.raises(ChecksumError) as caught:
        next(reader)
    assert caught.value.offset == len(header) + len(chunks[0])


def test_chunk_of_a_stream_with_the_same_header_is_noticed_at_the_end() -> None:
    header, chunks, end = split(random_stream(make_header(), 99, 13, seed=3).to_bytes(), 4)
    foreign = split(random_stream(make_header(), 99, 13, seed=4).to_bytes(), 4)[1][2]
    reader = StreamReader(io.BytesIO(header + chunks[0] + chunks[1] + foreign + chunks[3] + end))
    with pytest.raises(ChecksumError, match="end chunk"):
        list(reader)
    assert reader.n_chunks == 4


@pytest.mark.parametrize("garbage", [b"\0", b"\xc5\x5c", example().to_bytes()])
def test_bytes_after_the_end(garbage: bytes) -> None:
    data = example().to_bytes()
    with pytest.raises(SyntaxFormatError, match="after the end chunk") as caught:
        Stream.from_bytes(data + garbage)
    assert caught.value.offset == len(data)


def test_damaged_chunk_is_never_handed_out() -> None:
    data = bytearray(example().to_bytes())
    data[60] ^= 1
    reader = StreamReader(io.BytesIO(bytes(data)))
    with pytest.raises(ChecksumError):
        next(iter(reader))
    assert reader.n_chunks == 0


def build(total: int = 35, n_chunks: int | None = None, chunks: list[tuple[int, bytes]] | None = None) -> bytes:
    """The example with other claims, all CRCs right."""
    stream = example()
    header = raw_header(stream.header)
    if chunks is None:
        chunks = [(chunk.latents, raw_payload(stream.header, chunk)) for chunk in stream.chunks]
    data = header + b"".join(raw_chunk(header, at, *chunk) for at, chunk in enumerate(chunks))
    payloads = [payload for _, payload in chunks]
    return data + raw_end(header, payloads, total, len(chunks) if n_chunks is None else n_chunks)


PAYLOAD = raw_payload(example().header, example().chunks[0])
TAIL = raw_payload(example().header, example().chunks[1])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (build(total=40 + 1), "take 6 latents"),
        (build(total=32), "take 4 latents"),
        (build(n_chunks=3), "counts 3 chunks"),
        (build(n_chunks=1), "counts 1 chunks"),
        (build(total=48, chunks=[(1, TAIL), (4, PAYLOAD)]), "not full"),
        (build(chunks=[(4, PAYLOAD), (0, b"")]), "0 latents"),
        (build(chunks=[(5, PAYLOAD)]), "5 latents"),
        (build(chunks=[(65535, PAYLOAD)]), "65535 latents"),
        (build(chunks=[(4, PAYLOAD), (1, TAIL + b"\0")]), "longer"),
        (build(chunks=[(4, PAYLOAD[:-1]), (1, TAIL)]), "shorter"),
        (build(chunks=[(4, PAYLOAD), (1, b"")]), "shorter"),
        (build(chunks=[(4, PAYLOAD), (2, TAIL)]), "shorter"),
        (build(chunks=[(4, PAYLOAD), (1, bytes([TAIL[0] | 1]))]), "padding"),
        (build(chunks=[(4, PAYLOAD[:-1] + bytes([PAYLOAD[-1] | 2])), (1, TAIL)]), "padding"),
    ],
)
def test_lies_with_right_crcs(data: bytes, message: str) -> None:
    with pytest.raises(SyntaxFormatError, match=message) as caught:
        Stream.from_bytes(data)
    assert caught.value.offset is not None


def test_the_lies_start_from_a_valid_stream() -> None:
    assert build() == example().to_bytes()


def test_header_and_end_must_agree_on_the_total() -> None:
    header = raw_header(make_header(total_samples=34))
    chunks = [(4, PAYLOAD), (1, TAIL)]
    body = b"".join(raw_chunk(header, at, *chunk) for at, chunk in enumerate(chunks))
    data = header + body
    assert Stream.from_bytes(data + raw_end(header, [PAYLOAD, TAIL], 34, 2)).total_samples == 34
    with pytest.raises(SyntaxFormatError, match="34 in the header"):
        Stream.from_bytes(data + raw_end(header, [PAYLOAD, TAIL], 35, 2))


def test_total_beyond_the_limit_in_the_end_chunk() -> None:
    with pytest.raises(LimitError):
        Stream.from_bytes(build(total=2**44))


def test_memory_follows_the_input_not_the_counts() -> None:
    greatest = make_header(
        channels=8,
        window=26,
        windows_per_chunk=255,
        n_shared=0,
        n_routed=6,
        codebook_bits=2,
        total_samples=2**44 - 1,
    )
    header = raw_header(greatest)
    for data in (
        header,
        header + b"\xc5\x5c\xff\xff\xff\xff",
        header + raw_chunk(header, 0, 6630, bytes(1530)),
        header + raw_end(header, [], 2**44 - 1, 2**32 - 1),
        raw_header(make_header())[:9] + b"\xff\x3f",
    ):
        tracemalloc.start()
        try:
            with pytest.raises(FormatError):
                list(StreamReader(io.BytesIO(data)))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < len(data) + 2**20


def test_memory_of_the_reader_is_a_chunk() -> None:
    header = make_header(window=8, windows_per_chunk=8, n_shared=16, n_routed=0, codebook_bits=16)
    data = random_stream(header, 64 * 8 * 400, 64 * 400, seed=0).to_bytes()
    tracemalloc.start()
    for _ in StreamReader(io.BytesIO(data)):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(data) / 4
