"""Seeking and salvage: a part decodes to what it is in the whole, and a lost chunk changes nothing far from it."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tones

from swc import Codec, Stream
from swc.audio import Audio
from swc.bitstream import CHUNK_OVERHEAD, SalvageReader, StreamReader
from swc.dsp.phase import integrate_phase
from swc.errors import InputError

pytestmark = pytest.mark.slow

CHUNK = 40 * 256 / 16000  # seconds of the tiny model's chunks


@pytest.fixture(scope="module")
def codec(refined_bundle: Path) -> Codec:
    """With all that reaches from one chunk into another."""
    return Codec.load(refined_bundle)


class Coded:
    """A stream of 10 chunks and what it decodes to."""

    def __init__(self, codec: Codec, rate: int, known: bool = True) -> None:
        audio = tones(9.4 * CHUNK, rate, 3, 2)
        out = io.BytesIO()
        codec.encode_to(out, [audio], rate, 2, kbps=4, total_samples=len(audio) if known else None)
        self.rate, self.data = rate, out.getvalue()
        self.whole = codec.decode(Stream.from_bytes(self.data))
        assert len(self.whole) == len(audio)

    def chunk_bytes(self) -> list[slice]:
        position, slices = 48, []
        while self.data[position : position + 2] == b"\xc5\x5c":
            size = int.from_bytes(self.data[position + 4 : position + 6], "little") + CHUNK_OVERHEAD
            slices.append(slice(position, position + size))
            position += size
        return slices


coded_once = cache(Coded)


@pytest.fixture(scope="module", params=[16000, 44100, 8000, 16001], ids=str)
def coded(request: pytest.FixtureRequest, codec: Codec) -> Coded:
    return coded_once(codec, request.param, True)


def part(codec: Codec, data: bytes, start: int, stop: int | None) -> Audio:
    reader = StreamReader(io.BytesIO(data))
    return np.concatenate([np.zeros((0, 2), np.float32), *codec.decode_blocks(reader, start=start, stop=stop)])


@settings(deadline=None, max_examples=5)
@given(st.floats(0, 0.999), st.floats(0, 1))
def test_any_part_equals_the_whole(codec: Codec, coded: Coded, start: float, length: float) -> None:
    n = len(coded.whole)
    first = int(start * n)
    for stop in (first + 1 + int(length * (n - first)), first + 1, None):
        assert np.array_equal(part(codec, coded.data, first, stop), coded.whole[first:stop])


def test_parts_on_the_edges_of_chunks(codec: Codec, coded: Coded) -> None:
    header = Stream.from_bytes(coded.data).header
    for index in (1, 5, 9):
        edge = header.samples_for(index * header.chunk_latents)
        for start, stop in ((edge - 1, edge + 1), (edge, edge + 1), (edge - 1, edge)):
            assert np.array_equal(part(codec, coded.data, start, stop), coded.whole[start:stop])


def test_parts_of_a_stream_that_does_not_know_its_length(codec: Codec) -> None:
    coded = coded_once(codec, 16000, False)
    n = len(coded.whole)
    for start, stop in ((0, None), (70000, None), (n - 1, None), (70000, 80000), (n - 5, n + 999)):
        assert np.array_equal(part(codec, coded.data, start, stop), coded.whole[start:stop])


def test_what_a_part_needs_is_all_that_is_read(codec: Codec) -> None:
    data = bytearray(coded_once(codec, 44100, True).data)
    data[-100:] = bytes(100)  # the last chunk and the end
    assert part(codec, bytes(data), 44100, 44100 + 500).shape == (500, 2)


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (5, 5), (5, 1), (10**8, None), (10**8, 10**8 + 1)])
def test_parts_that_do_not_exist(codec: Codec, start: int, stop: int | None) -> None:
    for known in (True, False):
        data = coded_once(codec, 8000, known).data
        with pytest.raises(InputError, match=r"nothing to decode|the stream ends after"):
            part(codec, data, start, stop)


def salvaged(codec: Codec, data: bytes) -> tuple[SalvageReader, Audio]:
    reader = SalvageReader(io.BytesIO(data))
    return reader, np.concatenate([np.zeros((0, 2), np.float32), *codec.decode_blocks(reader)])


def test_salvage_of_a_sound_stream_is_decoding(codec: Codec, coded: Coded) -> None:
    reader, audio = salvaged(codec, coded.data)
    assert np.array_equal(audio, coded.whole)
    assert not reader.damaged


@pytest.mark.parametrize("lost", [[0], [4], [9], [3, 4], [2, 3, 4, 5, 6], [1, 3, 5], list(range(9))], ids=str)
def test_damage_stays_where_it_is(codec: Codec, coded: Coded, lost: list[int]) -> None:
    data = bytearray(coded.data)
    for index in lost:
        where = coded.chunk_bytes()[index]
        data[(where.start + where.stop) // 2] ^= 0x40
    reader, audio = salvaged(codec, bytes(data))
    before, after = codec.decoder(reader.header).overlap
    assert audio.shape == coded.whole.shape
    seconds = np.arange(len(audio)) / coded.rate
    touched = np.zeros(len(audio), bool)
    inside = np.zeros(len(audio), bool)
    for index in lost:
        touched |= (seconds >= index * CHUNK - before) & (seconds < (index + 1) * CHUNK + after)
        inside |= (seconds >= index * CHUNK + 0.06) & (seconds < (index + 1) * CHUNK - 0.06)
    assert not touched.all() or len(lost) == 9 or coded.rate == 16001  # rates that meet but once a second
    assert np.array_equal(audio[~touched], coded.whole[~touched])
    assert np.abs(audio[inside]).max() < 1e-3
    assert reader.losses[0].first == lost[0]
    assert sum(loss.stop - loss.first for loss in reader.losses) == len(lost)


def test_the_overlap_holds_a_pause_that_damage_moves(codec: Codec, coded: Coded) -> None:
    b, decoder = codec.config.backbone, codec.decoder(StreamReader(io.BytesIO(coded.data)).header)
    window = decoder.header.window * b.frames_per_latent
    magnitude = torch.rand(1, window, b.n_fft // 2 + 1, generator=torch.Generator().manual_seed(0)) + 1
    magnitude[:, window // 2] *= 0.5  # the quietest frame of the second half, before the networks' reach
    damaged = magnitude.clone()
    damaged[:, -1] *= 0.1
    a, b_ = (integrate_phase(m, b.n_fft, b.frame_hop, pause=window) for m in (magnitude, damaged))
    changed = (a - b_).abs().amax(-1)[0].gt(1e-3).nonzero().flatten()
    assert int(changed[0]) == window // 2
    before, _ = decoder.overlap
    assert before * decoder.header.model_rate >= (window - int(changed[0])) * b.frame_hop


def test_concealment_makes_no_clicks(codec: Codec) -> None:
    coded = coded_once(codec, 16000, True)
    data = bytearray(coded.data)
    for index in (3, 6, 7):
        data[coded.chunk_bytes()[index].start + 20] ^= 1
    _, audio = salvaged(codec, bytes(data))
    jumps = np.abs(np.diff(audio, axis=0)).max()
    assert jumps <= 1.1 * np.abs(np.diff(coded.whole, axis=0)).max()
    for edge in (3, 4, 6, 8):
        at = round(edge * CHUNK * 16000)
        assert np.abs(np.diff(audio[at - 400 : at + 400], axis=0)).max() < jumps + 1e-6


@pytest.mark.parametrize("known", [True, False])
def test_streams_that_were_cut_off(codec: Codec, known: bool) -> None:
    coded = coded_once(codec, 44100, known)
    for end in (4, 7):
        cut = coded.chunk_bytes()[end].stop - 3
        reader, audio = salvaged(codec, coded.data[:cut])
        samples = reader.header.samples_for(end * 40)
        assert len(audio) == samples
        before, _ = codec.decoder(reader.header).overlap
        sure = samples - round(before * 44100) - 1
        assert np.array_equal(audio[:sure], coded.whole[:sure])
        assert reader.cut_off


def test_salvage_of_a_part(codec: Codec, coded: Coded) -> None:
    data = bytearray(coded.data)
    data[coded.chunk_bytes()[3].start + 20] ^= 1
    _, whole = salvaged(codec, bytes(data))
    for start, stop in ((0.2, 0.5), (0.33, 0.34), (0.8, 1.0)):
        first, last = int(start * len(whole)), int(stop * len(whole))
        blocks = codec.decode_blocks(SalvageReader(io.BytesIO(bytes(data))), start=first, stop=last)
        assert np.array_equal(np.concatenate(list(blocks)), whole[first:last])
