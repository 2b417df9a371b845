"""LiveReader: a stream in pieces gives its chunks as soon as they are complete, however it is cut or damaged."""

from __future__ import annotations

import random

import pytest
from bitstream_samples import make_header, random_stream

from swc.bitstream import CHUNK_OVERHEAD, END_SIZE, Chunk, LiveReader, SalvageReader
from swc.errors import FormatError

STREAM = random_stream(make_header(n_routed=9, windows_per_chunk=1), 259, 33, seed=8)
DATA = STREAM.to_bytes()


def ends() -> list[int]:
    """Where each chunk ends."""
    found = [48]
    while DATA[found[-1] : found[-1] + 2] == b"\xc5\x5c":
        size = int.from_bytes(DATA[found[-1] + 4 : found[-1] + 6], "little")
        found.append(found[-1] + size + CHUNK_OVERHEAD)
    return found[1:]


def read(data: bytes, seed: int, most: int = 30) -> tuple[list[Chunk | None], LiveReader]:
    """What comes out of pieces of 1 to `most` bytes."""
    generator, early, reader, found, at = random.Random(seed), b"", None, list[Chunk | None](), 0
    while at < len(data):
        piece = data[at : at + generator.randint(1, most)]
        at += len(piece)
        if reader is not None:
            found += reader.push(piece)
            continue
        early += piece
        if (reader := LiveReader.begun(early)) is not None:
            found += reader.push(b"")
    assert reader is not None
    return found + reader.close(), reader


@pytest.mark.parametrize("most", [1, 30, 10**6])
def test_any_cut_gives_the_chunks(most: int) -> None:
    found, reader = read(DATA, 0, most)
    assert tuple(found) == STREAM.chunks
    assert reader.ended
    assert reader.total_samples == 259
    assert not reader.damaged


def test_a_chunk_comes_with_its_last_byte() -> None:
    reader = LiveReader(DATA[:48])
    assert reader.push(b"") == []
    at = 48
    for chunk, end in zip(STREAM.chunks, ends(), strict=True):
        assert reader.push(DATA[at : end - 1]) == []
        assert reader.push(DATA[end - 1 : end]) == [chunk]
        at = end


@pytest.mark.parametrize("seed", range(12))
def test_damage_is_found_as_in_files(seed: int) -> None:
    generator, data = random.Random(seed), bytearray(DATA)
    for _ in range(3):
        kind, at = generator.randrange(3), generator.randrange(48, len(data) - END_SIZE)
        if kind == 0:
            data[at] ^= 1 << generator.randrange(8)
        elif kind == 1:
            del data[at : at + generator.randint(1, 40)]
        else:
            data[at:at] = generator.randbytes(generator.randint(1, 40))
    import io

    found, reader = read(bytes(data), seed)
    salvage = SalvageReader(io.BytesIO(bytes(data)))
    assert found == list(salvage)
    assert (reader.losses, reader.total_samples) == (salvage.losses, salvage.total_samples)


def test_a_lost_chunk_shows_with_the_next() -> None:
    first, second, third = ends()[:3]
    reader = LiveReader(DATA[:first])
    assert reader.push(b"") == [STREAM.chunks[0]]
    assert reader.push(bytes(second - first)) == []
    assert reader.push(DATA[second:third]) == [None, STREAM.chunks[2]]


def test_a_bit_of_the_header_is_corrected_and_other_bytes_are_refused_in_time() -> None:
    damaged = bytearray(DATA)
    damaged[20] ^= 4
    found, reader = read(bytes(damaged), 1)
    assert tuple(found) == STREAM.chunks
    assert reader.repaired_bit == 8 * 20 + 2
    assert LiveReader.begun(DATA[:30]) is None
    with pytest.raises(FormatError):
        LiveReader.begun(DATA[:30], ended=True)
    with pytest.raises(FormatError):
        LiveReader.begun(bytes(20))
