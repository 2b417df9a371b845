"""What SalvageReader finds in damaged streams: every chunk that is left, at its place, and nothing else."""

from __future__ import annotations

import io
import random
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from types import FrameType

import pytest
from bitstream_samples import Trickle, crc, make_header, random_stream, raw_chunk, raw_end, raw_header
from hypothesis import given, settings
from hypothesis import strategies as st

from swc.bitstream import CHUNK_OVERHEAD, END_SIZE, Chunk, SalvageReader, Stream
from swc.bitstream.crc import solve_word, unwind
from swc.errors import FormatError

KNOWN = random_stream(make_header(total_samples=259, n_routed=9), 259, 33, seed=7)  # 8 full chunks and 1 latent
UNKNOWN = random_stream(make_header(n_routed=9), 259, 33, seed=8)
STREAMS = pytest.mark.parametrize("stream", [KNOWN, UNKNOWN], ids=["known", "unknown"])


def pieces(stream: Stream) -> list[bytes]:
    """Header, chunks, end chunk."""
    data = stream.to_bytes()
    parts, position = [data[:48]], 48
    for _ in stream.chunks:
        size = int.from_bytes(data[position + 4 : position + 6], "little") + CHUNK_OVERHEAD
        parts.append(data[position : position + size])
        position += size
    assert len(data) - position == END_SIZE
    return [*parts, data[position:]]


def salvage(data: bytes) -> tuple[SalvageReader, list[Chunk | None]]:
    reader = SalvageReader(io.BytesIO(data))
    chunks = list(reader)
    assert reader.n_chunks == len(chunks)
    return reader, chunks


def without(stream: Stream, *lost: int) -> list[Chunk | None]:
    return [None if i in lost else chunk for i, chunk in enumerate(stream.chunks)]


@settings(deadline=None)
@given(st.binary(max_size=30), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_crc_run_backwards(data: bytes, start: int, word: int) -> None:
    assert unwind(zlib.crc32(data, start), data) == start
    assert solve_word(start, zlib.crc32(struct.pack("<I", word), start)) == word


@STREAMS
def test_sound_streams(stream: Stream) -> None:
    for fp in (io.BytesIO(stream.to_bytes()), Trickle(stream.to_bytes())):
        reader = SalvageReader(fp)
        assert tuple(reader) == stream.chunks
        assert not reader.damaged
        assert reader.total_samples == stream.total_samples


def test_chunks_longer_than_the_gap_that_needs_no_reason() -> None:
    header = make_header(model_rate=1, source_rate=1, hop=1, window=65535, windows_per_chunk=1, codebook_bits=2)
    stream = random_stream(replace(header, layout=replace(header.layout, n_routed=1)), 65536, 65536, seed=4)
    reader = SalvageReader(io.BytesIO(stream.to_bytes()))
    assert tuple(reader) == stream.chunks
    assert not reader.damaged


def test_stream_without_audio() -> None:
    reader, chunks = salvage(Stream(make_header(), (), 0).to_bytes())
    assert (chunks, reader.damaged, reader.total_samples) == ([], False, 0)


@STREAMS
@pytest.mark.parametrize("lost", [0, 3, 8])
def test_any_flipped_bit_costs_one_chunk(stream: Stream, lost: int) -> None:
    parts = pieces(stream)
    offset = sum(map(len, parts[: lost + 1]))
    for bit in range(8 * len(parts[lost + 1])):
        damaged = bytearray(b"".join(parts))
        damaged[offset + bit // 8] ^= 1 << bit % 8
        reader, chunks = salvage(bytes(damaged))
        assert chunks == without(stream, lost)
        assert reader.total_samples == stream.total_samples
        (loss,) = reader.losses
        assert (loss.first, loss.stop, loss.offset, loss.size) == (lost, lost + 1, offset, len(parts[lost + 1]))
        assert not reader.cut_off


@STREAMS
def test_deletion_insertion_repetition_and_order(stream: Stream) -> None:
    header, *chunks, end = pieces(stream)
    a, b, c, d, *rest = chunks
    garbage = b"\xc5\x5c\x04\0\x08\0 not a chunk \x3a\xa3"
    for parts, lost in (
        ([b, c, d], (0,)),
        ([a, d], (1, 2)),
        ([a, garbage, b, c, d], ()),
        ([a, b, b, c, d], ()),
        ([a, c, b, d], (1,)),
        ([a, b, a, garbage, d], (2,)),
        ([a, b[:7], garbage, c[5:], d], (1, 2)),
        ([a, bytes(len(b + c)), d], (1, 2)),
    ):
        reader, found = salvage(header + b"".join([*parts, *rest, end]))
        assert found == without(stream, *lost)
        assert reader.total_samples == stream.total_samples
        assert reader.damaged
        assert reader.losses


def test_chunks_of_another_stream_are_no_chunks() -> None:
    header, *chunks, end = pieces(KNOWN)
    foreign = pieces(replace(KNOWN, header=replace(KNOWN.header, fingerprint=b"another!")))
    _, found = salvage(header + b"".join([*chunks[:2], *foreign[3:5], *chunks[4:], end]))
    assert found == without(KNOWN, 2, 3)


def test_chunk_of_a_stream_with_the_same_header_shows_at_the_end() -> None:
    header, *chunks, end = pieces(KNOWN)
    chunks[2] = pieces(random_stream(KNOWN.header, 259, 33, seed=9))[3]
    reader, found = salvage(header + b"".join([*chunks, end]))
    assert reader.end_mismatch
    assert None not in found


@STREAMS
def test_cut_anywhere(stream: Stream) -> None:
    parts = pieces(stream)
    ends = [sum(map(len, parts[: n + 1])) for n in range(len(parts))]
    data = b"".join(parts)
    for size in range(48, len(data)):
        reader, chunks = salvage(data[:size])
        whole = sum(end <= size for end in ends) - 1
        assert chunks == list(stream.chunks[:whole])
        assert reader.cut_off
        assert reader.damaged
        assert reader.total_samples == (min(259, whole * 32) if stream is KNOWN or whole < 9 else 264)
        if stream is KNOWN and whole < 9:
            assert reader.losses[-1].stop == 9


@pytest.mark.slow
@STREAMS
def test_a_wrong_bit_in_the_header_is_put_right(stream: Stream) -> None:
    data = stream.to_bytes()
    for bit in range(8 * 48):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        reader, chunks = salvage(bytes(damaged))
        assert reader.repaired_bit == bit
        assert reader.header == stream.header
        assert tuple(chunks) == stream.chunks


@pytest.mark.parametrize("data", [b"", b"\xf5SWC", b"RIFF....WAVE", bytes(100), KNOWN.to_bytes()[:47]])
def test_without_a_header_there_is_nothing(data: bytes) -> None:
    with pytest.raises(FormatError):
        SalvageReader(io.BytesIO(data))


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(st.data())
def test_random_damage_never_moves_a_chunk(data: st.DataObject) -> None:
    stream = data.draw(st.sampled_from([KNOWN, UNKNOWN]))
    damaged = bytearray(stream.to_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(48, len(damaged)))
        end = min(len(damaged), start + data.draw(st.integers(0, 60)))
        damaged[start:end] = data.draw(st.binary(max_size=60))
    reader, chunks = salvage(bytes(damaged))
    assert len(chunks) <= len(stream.chunks)
    assert all(found in (None, chunk) for found, chunk in zip(chunks, stream.chunks, strict=False))
    assert reader.total_samples is not None
    assert reader.total_samples <= 264
    assert reader.damaged or bytes(damaged) == stream.to_bytes()


def test_end_chunk_that_is_damaged() -> None:
    for stream in (KNOWN, UNKNOWN):
        data = bytearray(stream.to_bytes())
        data[-10] ^= 1
        reader, chunks = salvage(bytes(data))
        assert tuple(chunks) == stream.chunks
        assert reader.cut_off or reader.end_mismatch
        assert reader.total_samples in (259, 264)


def hostile_header(**changes: int) -> bytes:
    return raw_header(make_header(window=32640, windows_per_chunk=2, n_shared=0, n_routed=2, **changes))


def test_claims_of_endless_losses_are_not_believed() -> None:
    """An index or an end chunk may lie with right CRCs; what is filled in stays within the hour."""
    for total in (None, 2**36):
        header = raw_header(make_header(total_samples=total))
        far = raw_chunk(header, 2**31, 4, bytes([0x0F, 0xF0, 0x01]))  # two windows without experts
        for tail in (far, raw_end(header, [], 2**36, 2**31), far * 50):
            _, chunks = salvage(header + tail)
            assert chunks == []


def steps(data: bytes) -> int:
    """Lines of Python that salvaging `data` takes: some millions a second."""
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Callable[..., object]:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for chunk in SalvageReader(io.BytesIO(data)):
            assert chunk is None
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("unit", [b"\xc5\x5c", b"\xc5\x5c\x20\x00", b"\xc5\x5c\xff\xff\x80\x10", b"\x3a\xa3", b"\0"])
def test_a_hostile_megabyte_takes_bounded_work(unit: bytes) -> None:
    data = hostile_header()
    assert steps(data + unit * ((2**20 - len(data)) // len(unit))) < 2**22


def test_hostile_chunks_that_pass_their_crc_but_not_their_masks() -> None:
    header = hostile_header()
    rng = random.Random(1)
    body = b"\xc5\x5c" + struct.pack("<HH", 65280, 20000) + rng.randbytes(20000)
    bad = body + crc(header[-4:] + struct.pack("<I", 5) + body)
    few, many = (steps(header + bad * count) for count in (25, 50))
    assert many < 2**22
    assert many < 2.2 * few


def test_seekless_files_and_indices() -> None:
    reader = SalvageReader(Trickle(KNOWN.to_bytes()))
    assert list(reader.chunks_from(6)) == list(KNOWN.chunks[6:])
