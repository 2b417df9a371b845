"""The `fsq` family in the container: a code a latent, 16 codes as one number."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest
from bitstream_samples import FINGERPRINT
from hypothesis import given, settings
from hypothesis import strategies as st

from swc.bitstream import Chunk, FsqLayout, Header, SalvageReader, Stream, StreamWriter, cut, join
from swc.bitstream.stream import StreamBuilder
from swc.bitstream.timeline import bits_by_window, routing_map
from swc.bitstream.token_files import from_tokens, to_jsonl, to_npz
from swc.errors import FormatError, InputError, LimitError, SyntaxFormatError, VersionError

HOP, WINDOW = 4, 20
SQ = FsqLayout(7**6 - 1)


def header(layout: FsqLayout = SQ, **changes: object) -> Header:
    fields = {"model_rate": 8000, "source_rate": 8000, "channels": 1, "hop": HOP, "gain_q8": 0, "window": WINDOW}
    return Header(
        **fields | {"windows_per_chunk": 2, "layout": layout, "fingerprint": FINGERPRINT, "minor": 3} | changes
    )


def stream_of(latents: int, layout: FsqLayout = SQ, **changes: object) -> Stream:
    head = header(layout, **changes)
    codes = np.random.default_rng(0).integers(0, layout.cardinality, (head.channels, 1, latents))
    return Stream.from_codes(codes, head)


@settings(deadline=None, max_examples=80)
@given(
    greatest=st.integers(1, 2**24 - 1),
    latents=st.integers(0, 90),
    window=st.integers(32, 40),
    channels=st.integers(1, 2),
)
def test_every_stream_comes_back(greatest: int, latents: int, window: int, channels: int) -> None:
    stream = stream_of(latents, FsqLayout(greatest), window=window, channels=channels)
    parsed = Stream.from_bytes(stream.to_bytes())
    assert parsed == stream
    assert parsed.to_bytes() == stream.to_bytes()
    assert np.array_equal(parsed.codes(), stream.codes())
    assert sum(stream.breakdown().values()) == 8 * len(stream.to_bytes())
    for write in (to_npz, to_jsonl):
        assert from_tokens(write(stream)).to_bytes() == stream.to_bytes()


@pytest.mark.parametrize(("latents", "bits"), [(1, 17), (2, 34), (15, 253), (16, 270), (17, 287), (400, 6750)])
def test_a_window_takes_so_many_bits(latents: int, bits: int) -> None:
    assert list(SQ.sizes(latents)) == [bits]
    assert bits - 1 < math.log2(7**6) * latents + 2 * math.ceil(latents / 16)


@pytest.mark.parametrize("bits", [1, 3, 10, 24])
def test_powers_of_two_are_codes_one_after_the_other(bits: int) -> None:
    layout = FsqLayout(2**bits - 1)
    codes = tuple(np.random.default_rng(bits).integers(0, 2**bits, 37).tolist())
    assert layout.pack([codes], [37]).to01() == "".join(f"{code:0{bits}b}" for code in codes)


def test_it_has_one_stream_of_tokens() -> None:
    stream = stream_of(100, channels=2)
    facts, *lines = map(json.loads, to_jsonl(stream).splitlines())
    assert facts["codebook_sizes"] == [117649]
    assert all(line["stages"] == [0] and len(line["codes"]) == 1 for line in lines)
    tokens = [code for line in lines if line["channel"] == 1 for code in line["codes"][0]]
    assert tokens == stream.codes()[1, 0].tolist()


def test_wrong_codes_are_refused() -> None:
    codes = np.zeros((1, 1, 30), np.int64)
    codes[0, 0, 25] = -1
    with pytest.raises(InputError, match="channel 0, latents 20 to 29: every latent has a code"):
        Stream.from_codes(codes, header())
    codes[0, 0, 25] = 117649
    with pytest.raises(InputError, match="code 117649 of channel 0, stage 0, latent 25: allowed are 0 to 117648"):
        Stream.from_codes(codes, header())
    for window, error in (((1, 2), SyntaxFormatError), ((1, 117649, 3), LimitError), ((1, -1, 3), LimitError)):
        writer = StreamWriter(io.BytesIO(), header())
        with pytest.raises(error):
            writer.write_chunk(Chunk(3, ((window,),)))


def test_an_older_minor_version_does_not_have_it() -> None:
    with pytest.raises(VersionError, match=r"comes with version 1\.3, and the stream is of 1\.2"):
        StreamWriter(io.BytesIO(), header(minor=2))


def test_pieces_are_cut_and_joined_again() -> None:
    stream, parts = stream_of(130), []
    for start, stop in ((0, 160), (160, 320), (320, None)):
        builder = StreamBuilder()
        cut(stream, builder.open, start, stop)
        parts.append(builder.stream)
    builder = StreamBuilder()
    join(parts, builder.open)
    assert builder.stream.to_bytes() == stream.to_bytes()


def test_what_is_left_of_a_damaged_stream_is_found() -> None:
    stream = stream_of(130)
    data = bytearray(stream.to_bytes())
    data[len(data) // 2] ^= 4
    with pytest.raises(FormatError):
        Stream.from_bytes(bytes(data))
    reader = SalvageReader(io.BytesIO(bytes(data)))
    found = list(reader)
    (loss,) = reader.losses
    assert found[loss.first : loss.stop] == [None]
    assert [chunk for chunk in found if chunk is not None] == [
        chunk for index, chunk in enumerate(stream.chunks) if not loss.first <= index < loss.stop
    ]


def test_its_bits_are_codes_and_there_are_no_experts() -> None:
    stream = stream_of(100)
    assert list(stream.breakdown()) == ["header", "tags", "framing", "codes", "padding"]
    assert bits_by_window(stream)["codes"].tolist() == [270 + 68] * 5
    assert routing_map(stream, 2).shape == (0, 2)
