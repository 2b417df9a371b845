"""Coupled channels in streams of the codec: parts, batches, rates, salvage and what needs no parameters."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from tiny import tones

from swc import Codec, Stream
from swc.bitstream import SalvageReader, StreamReader
from swc.codec.options import EncodeOptions
from swc.errors import InputError

RATE = 16000
CHUNK = 40 * 256


@pytest.fixture(scope="module")
def codec(tiny_bundle: Path) -> Codec:
    return Codec.load(tiny_bundle)


def panned(seconds: float, rate: int = RATE) -> np.ndarray:
    """Three sources in different places, (samples, 2)."""
    sources = tones(seconds, rate, 5, 3)
    return sources @ np.array([[1, 0.3], [0.5, 0.5], [0.2, -0.6]], np.float32)


@pytest.fixture(scope="module", params=[RATE, 22050], ids=str)
def coded(request: pytest.FixtureRequest, codec: Codec) -> tuple[Stream, np.ndarray]:
    """A stream of 6 chunks and what it decodes to."""
    stream = codec.encode(panned(5.5 * CHUNK / RATE, request.param), request.param, 3, stereo="coupled")
    assert stream.header.pairs == ((0, 1),)
    return stream, codec.decode(stream)


def test_equal_channels_cost_a_few_bytes(codec: Codec) -> None:
    x = tones(7.0, RATE, 1)
    mono, both = codec.encode(x, RATE, 3), codec.encode(np.repeat(x, 2, 1), RATE, 3)
    assert abs(both.n_bytes - mono.n_bytes) <= 0.01 * mono.n_bytes + 6
    assert both.header.gain_q8 == mono.header.gain_q8
    decoded = codec.decode(both)
    assert np.array_equal(decoded[:, 0], decoded[:, 1])
    alike = Stream.from_codes(both.codes(), codec.header(RATE, 1, both.header.gain_q8), both.total_samples)
    assert np.array_equal(decoded[:, :1], codec.decode(alike))


def test_a_silent_channel_stays_silent(codec: Codec) -> None:
    x = tones(3.0, RATE, 2)
    decoded = codec.decode(codec.encode(np.hstack([np.zeros_like(x), x]), RATE, 3))
    assert not decoded[:, 0].any()
    assert np.square(decoded[:, 1]).mean() > 1e-5


def test_any_part_equals_the_whole(codec: Codec, coded: tuple[Stream, np.ndarray]) -> None:
    stream, whole = coded
    rate = stream.header.source_rate
    edge = CHUNK * 2 * rate // RATE
    for start, stop in ((0, 100), (9000, 9001), (edge - 5, edge + 5), (31000, None)):
        reader = StreamReader(io.BytesIO(stream.to_bytes()))
        part = np.concatenate(list(codec.decode_blocks(reader, start=start, stop=stop)))
        assert np.array_equal(part, whole[start:stop])


def test_a_lost_chunk_changes_nothing_far_from_it(codec: Codec, coded: tuple[Stream, np.ndarray]) -> None:
    stream, whole = coded
    data, rate = bytearray(stream.to_bytes()), stream.header.source_rate
    data[len(data) // 2] ^= 255
    reader = SalvageReader(io.BytesIO(bytes(data)))
    salvaged = np.concatenate(list(codec.decode_blocks(reader)))
    (loss,) = reader.losses
    before, after = codec.decoder(stream.header).overlap
    changed = np.flatnonzero((salvaged != whole).any(1)) / rate
    assert changed[0] >= loss.first * CHUNK / RATE - before
    assert changed[-1] <= loss.stop * CHUNK / RATE + after


def test_a_file_and_a_pipe_are_alike(codec: Codec, coded: tuple[Stream, np.ndarray]) -> None:
    stream, _ = coded
    audio = panned(5.5 * CHUNK / RATE, stream.header.source_rate)
    out = io.BytesIO()
    blocks = np.split(audio, range(1234, len(audio), 1234))
    codec.encode_to(out, blocks, stream.header.source_rate, 2, kbps=3, total_samples=len(audio), stereo="coupled")
    assert out.getvalue() == stream.to_bytes()
    live = io.BytesIO()
    codec.encode_to(live, blocks, stream.header.source_rate, 2, kbps=3, lookahead=0)
    assert Stream.from_bytes(live.getvalue()).header.pairs == ((0, 1),)


def test_a_batch_is_what_each_is_alone(codec: Codec) -> None:
    recordings = [panned(2.0), tones(3.0, RATE, 3), panned(1.0)]
    for stream, audio in zip(codec.encode_batch(recordings, RATE, 3), recordings, strict=True):
        assert stream.to_bytes() == codec.encode(audio, RATE, 3).to_bytes()


@pytest.mark.parametrize("kbps", [1.5, 3, 6])
def test_rates_are_kept(codec: Codec, kbps: float) -> None:
    stream = codec.encode(panned(6.0), RATE, kbps)
    assert stream.kbps <= kbps
    assert 0 < stream.breakdown()["couplings"] < 0.35 * 8 * stream.n_bytes


def test_quality_in_place_of_a_rate(codec: Codec) -> None:
    stream = codec.encode(panned(3.0), RATE, quality=3)
    assert stream.header.pairs == ((0, 1),)
    assert codec.decode(stream).shape == (3 * RATE, 2)


def test_independent_channels_stay_apart(codec: Codec) -> None:
    assert codec.encode(tones(4.0, RATE, 4, 2), RATE, 3).header.pairs == ()
    assert codec.encode(panned(1.0), RATE, 3, stereo="apart").header.minor == 0


def test_surround_is_coupled_by_its_layout(codec: Codec) -> None:
    front, back, other = panned(2.0), panned(2.0)[::-1] * 0.5, tones(2.0, RATE, 6, 2)
    stream = codec.encode(np.hstack([front, other, back]), RATE, 8)
    assert stream.header.pairs == ((0, 1), (4, 5))
    assert stream.codes().shape[0] == 4
    assert codec.decode(stream).shape == (2 * RATE, 6)


@pytest.mark.parametrize("samples", [0, 1, 300])
def test_short_recordings(codec: Codec, samples: int) -> None:
    stream = codec.encode(panned(0.1)[:samples], RATE, 6)
    assert codec.decode(Stream.from_bytes(stream.to_bytes())).shape == (samples, 2)


def test_an_unknown_way_to_couple() -> None:
    with pytest.raises(InputError, match="stereo"):
        EncodeOptions(stereo="joint").check()  # type: ignore[arg-type]
