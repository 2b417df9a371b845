"""Live audio: streaming equals files at any cut, parts equal the whole, and what is lost is concealed and forgotten."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny import tones

from swc import Codec, Stream
from swc.audio import Audio
from swc.bitstream import CHUNK_OVERHEAD, SalvageReader, StreamReader
from swc.errors import BitrateError, InputError, ModelError, SwcError

RATE, CHUNK, LAG = 16000, 2 * 256, 256  # of the tiny model, and of its live streams
SECONDS = 2.51


@pytest.fixture(scope="module")
def codec(live_bundle: Path) -> Codec:
    return Codec.load(live_bundle)


@pytest.fixture(scope="module")
def data(codec: Codec) -> bytes:
    return codec.encode(tones(SECONDS, RATE), RATE, live=True).to_bytes()


@pytest.fixture(scope="module")
def whole(codec: Codec, data: bytes) -> Audio:
    return codec.decode(data)


def cut(length: int, most: int, seed: int = 0) -> Iterator[slice]:
    rng, at = np.random.default_rng(seed), 0
    while at < length:
        size = int(rng.integers(1, most + 1))
        yield slice(at, at + size)
        at += size


def encoded(codec: Codec, audio: Audio, rate: int, most: int, **options: float) -> bytes:
    encoder = codec.encode_stream(rate, audio.shape[1], **options)
    return b"".join([*(encoder.push(audio[part]) for part in cut(len(audio), most)), encoder.flush()])


def decoded(codec: Codec, data: bytes, most: int) -> Audio:
    decoder = codec.decode_stream()
    parts = [*(decoder.push(data[part]) for part in cut(len(data), most)), decoder.flush()]
    return np.concatenate([part for part in parts if len(part)])


def chunks(data: bytes) -> list[bytes]:
    """The header, each chunk, and the end."""
    parts, at = [data[:48]], 48
    while data[at : at + 2] == b"\xc5\x5c":
        size = int.from_bytes(data[at + 4 : at + 6], "little") + CHUNK_OVERHEAD
        parts.append(data[at : at + size])
        at += size
    return [*parts, data[at:]]


@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (16000, 2), (44100, 1), (8000, 2)])
def test_streaming_equals_files_at_any_cut(codec: Codec, rate: int, channels: int) -> None:
    audio = tones(1.01, rate, 1, channels)
    data = encoded(codec, audio, rate, rate // 20)
    assert data == codec.encode(audio, rate, live=True).to_bytes()
    file = io.BytesIO()
    codec.encode_to(file, [audio], rate, channels, total_samples=len(audio), live=True)
    assert file.getvalue() == data
    whole, streamed = codec.decode(data), decoded(codec, data, 40)
    assert whole.shape == streamed.shape == audio.shape
    assert np.abs(whole - streamed).max() < 1e-5 < 1e-2 < np.abs(whole).max()


@pytest.mark.parametrize("most", [7, 10**6])
def test_the_cut_of_the_input_never_matters(codec: Codec, data: bytes, most: int) -> None:
    audio = tones(SECONDS, RATE)[: RATE // (4 if most < 100 else 1)]
    assert encoded(codec, audio, RATE, most) == codec.encode(audio, RATE, live=True).to_bytes()


@pytest.mark.parametrize("samples", [0, 1, 255, 256, 257, CHUNK, CHUNK + 128, 2 * CHUNK])
def test_short_streams(codec: Codec, samples: int) -> None:
    audio = tones(1.0, RATE)[:samples]
    data = encoded(codec, audio, RATE, 100)
    assert decoded(codec, data, 20).shape if samples else codec.decode_stream().push(data).shape == (0, 1)
    assert codec.decode(data).shape == audio.shape


def test_a_chunk_comes_as_soon_as_its_samples_and_is_heard_at_once(codec: Codec) -> None:
    encoder, decoder, audio = codec.encode_stream(RATE), codec.decode_stream(), tones(0.5, RATE)[:, 0]
    ahead = 128  # samples after a chunk that the encoder hears
    delay = codec.config.live_latency
    assert delay is not None
    assert round(delay * RATE) == CHUNK + ahead + LAG
    header = encoder.push(audio[: CHUNK + ahead - 1])
    assert len(header) == 48
    assert decoder.push(header).shape == (0, 1)
    given = CHUNK + ahead - 1
    for number in range(1, 8):
        sound = decoder.push(encoder.push(audio[given : given + 1]))
        assert decoder.samples == number * CHUNK - LAG
        assert len(sound) == CHUNK - (LAG if number == 1 else 0)
        assert encoder.push(audio[given + 1 : given + CHUNK]) == b""
        given += CHUNK


def test_later_audio_changes_nothing(codec: Codec) -> None:
    audio = tones(1.0, RATE)
    other = audio.copy()
    other[8000:] = tones(1.0, RATE, 5)[8000:]
    one, two = (chunks(encoded(codec, some, RATE, 999)) for some in (audio, other))
    same = (8000 - 128) // CHUNK
    assert one[: same + 1] == two[: same + 1] != one[: same + 2]


def test_parts_equal_the_whole(codec: Codec, data: bytes, whole: Audio) -> None:
    files = codec.encode(tones(SECONDS, RATE), RATE, kbps=3)
    assert files.header.windows_per_chunk == 2
    for stream, expected in ((data, whole), (files.to_bytes(), codec.decode(files))):
        for start, stop in ((0, 500), (39000, 40000), (38000, None)):
            reader = StreamReader(io.BytesIO(stream))
            part = np.concatenate(list(codec.decode_blocks(reader, start=start, stop=stop)))
            assert np.array_equal(part, expected[start:stop])


def test_holes_are_salvaged(codec: Codec, data: bytes, whole: Audio) -> None:
    parts = chunks(data)
    reader = SalvageReader(io.BytesIO(b"".join([*parts[:10], *parts[11:20], *parts[22:]])))
    audio = np.concatenate(list(codec.decode_blocks(reader)))
    assert audio.shape == whole.shape
    assert reader.n_chunks == len(parts) - 2
    before, after = (round(seconds * RATE) for seconds in codec.decoder(reader.header).overlap)
    assert np.array_equal(audio[: 9 * CHUNK - before], whole[: 9 * CHUNK - before])
    assert np.array_equal(audio[21 * CHUNK + after :], whole[21 * CHUNK + after :])
    assert 21 * CHUNK + after < len(whole)
    assert not np.array_equal(audio[9 * CHUNK : 10 * CHUNK], whole[9 * CHUNK : 10 * CHUNK])


def test_a_lost_packet_is_concealed_at_once_or_with_the_next(codec: Codec, data: bytes, whole: Audio) -> None:
    parts = chunks(data)
    told, found = codec.decode_stream(), codec.decode_stream()
    for part in parts[:11]:
        told.push(part)
        found.push(part)
    hole = told.lost(2)
    assert len(hole) == 2 * CHUNK
    assert 0 < np.abs(hole[-CHUNK:]).max() < np.abs(hole).max()
    assert found.push(b"").shape == (0, 1)
    after = [told.push(part) for part in parts[13:]] + [told.flush()]
    both = found.push(parts[13])
    assert np.array_equal(both, np.concatenate([hole, after[0]]))
    rest = [found.push(part) for part in parts[14:]] + [found.flush()]
    assert np.array_equal(np.concatenate(rest), np.concatenate(after[1:]))
    assert told.samples == found.samples == len(whole)
    late = round(codec.decoder(Stream.from_bytes(data).header).overlap[1] * RATE)
    assert np.array_equal(np.concatenate(after)[-(len(whole) - 12 * CHUNK - late) :], whole[12 * CHUNK + late :])


def test_what_comes_after_it_was_concealed_is_left_out(codec: Codec, data: bytes) -> None:
    parts, decoder = chunks(data), codec.decode_stream()
    decoder.push(b"".join(parts[:5]))
    decoder.lost(3)
    assert decoder.push(b"".join(parts[5:8])).shape == (0, 1)
    assert len(decoder.push(parts[8])) == CHUNK


def test_a_long_loss_fades_to_silence_and_sound_fades_in(codec: Codec, data: bytes) -> None:
    parts, decoder = chunks(data), codec.decode_stream()
    decoder.push(b"".join(parts[:20]))
    hole = decoder.lost(12)
    assert np.abs(hole[LAG + round(0.12 * RATE) :]).max() == 0
    back = decoder.push(b"".join(parts[32:36]))
    assert np.abs(back[:LAG]).max() == 0
    assert np.abs(back[-CHUNK:]).max() > 0.01


def test_a_gap_without_end_is_shortened(codec: Codec, data: bytes) -> None:
    decoder = codec.decode_stream()
    decoder.push(data[:48])
    assert len(decoder.lost(1000)) < 11 * RATE
    assert decoder.chunks == 1000


def test_bytes_cut_anywhere_lose_no_sound_around_damage(codec: Codec, data: bytes, whole: Audio) -> None:
    bad = bytearray(data)
    bad[len(bad) // 2] ^= 1
    for most in (1, 50):
        audio = decoded(codec, bytes(bad), most)
        assert audio.shape == whole.shape
        assert np.array_equal(audio[: len(whole) // 3], whole[: len(whole) // 3])


def test_a_fixed_gain_is_undone_and_a_gain_that_follows_evens_levels(codec: Codec) -> None:
    audio = tones(1.0, RATE) / 8
    fixed = codec.encode(audio, RATE, gain_db=18, live=True)
    assert (fixed.header.gain_db, codec.encode(audio, RATE, live=True).header.gain_db) == (18, 0)
    assert np.array_equal(fixed.codes(), codec.encode(audio * 10 ** (18 / 20), RATE, gain_db=0, live=True).codes())


def test_rates_count_every_byte(codec: Codec) -> None:
    usual = codec.encode(tones(1.0, RATE), RATE, live=True)
    assert {len(window.experts) for chunk in usual.chunks[:-1] for (window,) in chunk.windows} <= {3, 4}
    asked = codec.encode(tones(5.2, RATE), RATE, kbps=4.0, live=True, effort=0)
    assert 3.8 < asked.kbps <= 4.0
    with pytest.raises(BitrateError, match=r"ask for at least 3\.\d\d"):
        codec.encode_stream(RATE, kbps=2)


def test_errors_say_what_to_do(codec: Codec, tiny_bundle: Path) -> None:
    other = Codec.load(tiny_bundle)
    for refused in (other.encode_stream, lambda _: other.decode_stream()):
        with pytest.raises(InputError, match="tiny cannot code live audio"):
            refused(RATE)
    with pytest.raises(ModelError, match="made with a model of fingerprint"):
        codec.decode_stream().push(other.encode(tones(0.5, RATE), RATE, kbps=4).to_bytes())
    both = np.repeat(tones(0.5, RATE), 2, 1)
    for options in ({"lookahead": 1.0}, {"stereo": "coupled"}, {"level": 1.0}):
        with pytest.raises(SwcError):
            codec.encode(both, RATE, live=True, **options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="decode it as a file"):
        codec.decode_stream().push(codec.encode(both, RATE, kbps=4).to_bytes())
    with pytest.raises(InputError, match="cannot code 8 channels of live audio"):
        codec.encode_stream(RATE, 8)


def test_streams_end_once(codec: Codec) -> None:
    encoder, decoder = codec.encode_stream(RATE), codec.decode_stream()
    with pytest.raises(InputError, match="before the header"):
        decoder.lost()
    decoder.push(encoder.flush())
    assert decoder.flush().shape == (0, 1)
    for ended in (lambda: encoder.push(np.zeros(5)), encoder.flush, lambda: decoder.push(b""), decoder.flush):
        with pytest.raises(InputError, match="was ended"):
            ended()
    with pytest.raises(InputError, match="audio must be"):
        codec.encode_stream(RATE, 2).push(np.zeros(5))
