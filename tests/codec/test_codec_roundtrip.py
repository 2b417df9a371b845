"""Codec: lengths, rates, channels, chunks, budgets, models, odd signals."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tones
from torch.overrides import TorchFunctionMode

from swc.audio import CheckedBlocks
from swc.bitstream import Stream, StreamBuilder, StreamReader
from swc.codec.budget import Budget
from swc.codec.codec import Codec
from swc.codec.control import ConstantRate
from swc.codec.encoder import StreamEncoder
from swc.codec.jobs import Job, run
from swc.errors import BitrateError, InputError, ModelError
from swc.nn.backbones.spectral import SpectralDecoder

RATE = 16000
CHUNK = 40 * 256  # samples of the tiny model's chunk


@pytest.fixture(scope="module")
def codec(tiny_bundle: Path) -> Codec:
    return Codec.load(tiny_bundle)


@pytest.mark.parametrize("samples", [0, 1, 2, 255, 256, 257, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 77])
@pytest.mark.parametrize("rate", [16000, 44100, 8000])
def test_every_length_comes_back(codec: Codec, samples: int, rate: int) -> None:
    audio = tones(samples / rate, rate)[:samples]
    stream = codec.encode(audio, rate, kbps=3)
    decoded = codec.decode(Stream.from_bytes(stream.to_bytes()))
    assert decoded.shape == (samples, 1)
    assert decoded.dtype == np.float32
    assert np.isfinite(decoded).all()


@settings(max_examples=25, deadline=None)
@given(samples=st.integers(0, 30000), rate=st.sampled_from([8000, 11025, 16000, 48000]), channels=st.integers(1, 3))
def test_shape_round_trip(tiny_bundle: Path, samples: int, rate: int, channels: int) -> None:
    codec = shared(tiny_bundle)
    audio = tones(samples / rate, rate, channels=channels)[:samples]
    decoded = codec.decode(codec.encode(audio, rate, kbps=6))
    assert decoded.shape == audio.shape


shared = cache(Codec.load)


def test_chunked_equals_whole(codec: Codec) -> None:
    audio = tones(3.7 * CHUNK / RATE, RATE, channels=2)
    stream = codec.encode(audio, RATE, kbps=8)
    model, b = codec.model, codec.config.backbone
    gained = audio.T * 10 ** (stream.header.gain_db / 20)
    padded = torch.from_numpy(np.pad(gained, ((0, 0), (0, -len(audio) % 256))).astype(np.float32))
    header, decoder = stream.header, model.decoder
    assert isinstance(decoder, SpectralDecoder)
    with torch.inference_mode():
        z = model.encoder.encode(padded)
        decoded, position = [], 0
        for chunk in stream.chunks:
            k = torch.tensor([[len(window.experts) for window in row] for row in chunk.windows]).t()
            part = z[:, position : position + chunk.latents]
            codes = model.quantizer.encode(part, k, header.window, effort=1)
            for row, expected in zip(chunk.windows, codes.split(header.window, 2), strict=True):
                for channel, window in enumerate(row):
                    assert np.array_equal(expected[channel].numpy(), header.layout.codes(window))
            decoded.append(model.quantizer.decode(codes))
            position += chunk.latents
        frames, pause = header.chunk_latents * b.frames_per_latent, header.window * b.frames_per_latent
        magnitudes = decoder.compressed(torch.cat(decoded, 1)).split(frames, 1)
        spectrum = torch.cat([decoder.textured(part, pause) for part in magnitudes], 1)
        whole = decoder.refined(spectrum)[:, : len(audio)].T.numpy() / 10 ** (header.gain_db / 20)
    assert np.abs(codec.decode(stream) - whole).max() < 1e-4


def test_blocks_never_matter(codec: Codec) -> None:
    audio = tones(5.0, 22050, channels=2)
    expected = codec.encode(audio, 22050, kbps=6).to_bytes()
    for size in (997, 20000):
        out = io.BytesIO()
        blocks = (audio[i : i + size] for i in range(0, len(audio), size))
        assert codec.encode_to(out, blocks, 22050, 2, kbps=6, total_samples=len(audio)) == len(audio)
        assert out.getvalue() == expected


def test_chunks_searched_together_equal_single_ones(codec: Codec) -> None:
    audio = tones(7.3 * CHUNK / RATE, RATE, channels=2)
    whole = codec.encode(audio, RATE, kbps=6)
    assert len(whole.chunks) == 8
    for some in (1, 3):
        control = ConstantRate(whole.header, Budget(whole.header, 6))
        encoder = StreamEncoder(codec.model, whole.header, control, 1, together=some)
        builder = StreamBuilder()
        run([Job(encoder, CheckedBlocks([audio], 2), builder.open(whole.header), len(audio), "")])
        assert builder.stream == whole


def test_a_stream_of_unknown_length_waits_for_no_chunk(codec: Codec) -> None:
    out, written = io.BytesIO(), []

    def live() -> Iterator[np.ndarray]:
        for block in np.split(tones(6.4, RATE), 10):
            yield block
            written.append(out.tell())

    codec.encode_to(out, live(), RATE, 1, kbps=3, lookahead=0.0)
    assert len(set(written)) > 6  # a block is as long as a chunk


def test_streaming_decode_equals_decode(codec: Codec) -> None:
    audio = tones(6.0, 22050)
    data = codec.encode(audio, 22050, kbps=6).to_bytes()
    blocks = list(codec.decode_blocks(StreamReader(io.BytesIO(data))))
    assert len(blocks) > 3
    assert np.array_equal(np.concatenate(blocks), codec.decode(Stream.from_bytes(data)))


def test_unknown_length_streams(codec: Codec) -> None:
    audio, out = tones(3.0, RATE), io.BytesIO()
    codec.encode_to(out, [audio], RATE, 1, kbps=3)
    stream = Stream.from_bytes(out.getvalue())
    assert stream.header.total_samples is None
    assert codec.decode(stream).shape == audio.shape
    with pytest.raises(InputError, match="announced"):
        codec.encode_to(io.BytesIO(), [audio], RATE, 1, kbps=3, total_samples=len(audio) + 1)


@pytest.mark.parametrize("seconds", [5.01, 6.3, 11.0, 17.77])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kbps", [1.1, 1.5, 2.0, 2.67, 5.0])
def test_measured_rate_never_passes_the_target(codec: Codec, seconds: float, channels: int, kbps: float) -> None:
    audio = tones(seconds, RATE, channels=channels)
    try:
        stream = codec.encode(audio, RATE, kbps=kbps)
    except BitrateError as e:
        least = float(str(e).rsplit(" ", 1)[1])
        assert kbps < least
        assert codec.encode(audio, RATE, kbps=least).kbps <= least
        return
    measured = len(stream.to_bytes()) * 8 / seconds / 1000
    assert measured <= kbps
    window = codec.config.quantizer.window
    sizes = codec.config.quantizer.layout.sizes(window)
    most = channels * (sizes[-1] - sizes[0] + sizes.step) / window * codec.config.latent_rate / 1000  # of the codes
    assert measured > 0.9 * min(kbps, most)


@pytest.mark.parametrize("kbps", [0, -1, 0.01, 8.01, float("nan"), float("inf")])
def test_impossible_rates(codec: Codec, kbps: float) -> None:
    with pytest.raises(BitrateError):
        codec.encode(tones(6.0, RATE), RATE, kbps=kbps)


def test_silence_stays_silent_and_dc_and_clipping_behave(codec: Codec) -> None:
    n = 3 * CHUNK
    silence = codec.decode(codec.encode(np.zeros((n, 1), np.float32), RATE, kbps=3))
    assert np.abs(silence).max() < 1e-2
    for odd in (np.full((n, 1), 0.5), np.sign(tones(n / RATE, RATE).astype(float)), np.full((n, 1), 1e-8)):
        decoded = codec.decode(codec.encode(odd, RATE, kbps=3))
        assert np.isfinite(decoded).all()
        # energy, since peaks depend on phases, which are not coded: those of a square wave are far above its level
        assert np.sqrt(np.square(decoded).mean()) < max(1e-2, 2 * np.sqrt(np.square(odd).mean()))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(codec: Codec, bad: float) -> None:
    audio = tones(1.0, RATE)
    audio[500] = bad
    with pytest.raises(InputError, match="NaN or infinite"):
        codec.encode(audio, RATE)


def test_numbers_that_float32_cannot_hold(codec: Codec) -> None:
    with pytest.raises(InputError, match="NaN or infinite"):
        codec.encode(np.full((100, 1), 1e39), RATE)


@pytest.mark.parametrize("rate", [0, -5, 44100.5, 400_000])
def test_impossible_sample_rates(codec: Codec, rate: float) -> None:
    with pytest.raises(InputError, match="sample rate"):
        codec.encode(tones(1.0, RATE), rate)  # type: ignore[arg-type]


def test_a_quiet_opening_does_not_ruin_what_follows(codec: Codec) -> None:
    loud = tones(2.0, RATE, seed=3)
    room = 1e-4 * np.random.default_rng(0).standard_normal((31 * RATE, 1)).astype(np.float32)
    stream = codec.encode(np.concatenate((room, loud)), RATE, kbps=2)
    assert stream.header.gain_db == 0
    alone = codec.decode(codec.encode(loud, RATE, kbps=2))[RATE // 2 :]
    after = codec.decode(stream)[-len(alone) :]
    assert 0.5 < np.sqrt(np.mean(after**2)) / np.sqrt(np.mean(alone**2)) < 2


class Copied(TorchFunctionMode):
    """Counts the numbers that torch.cat copies."""

    count = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if function is torch.cat:
            self.count += result.numel()
        return result


def test_one_long_array_takes_work_in_proportion(codec: Codec) -> None:
    """The array is cut into blocks first: audio that waits for its chunk is never copied again and again."""

    def work(minutes: float) -> int:
        audio = np.resize(tones(5.0, RATE), (round(minutes * 60 * RATE), 1))
        with Copied() as copied:
            codec.encode(audio, RATE, kbps=1.5, effort=0)
        return copied.count

    assert 0 < work(2.0) < 4.5 * work(0.5)


def test_shapes_that_are_not_audio(codec: Codec) -> None:
    for audio in (np.zeros((10, 9), np.float32), np.zeros((2, 2, 2)), np.zeros(10, np.int64), np.zeros((5, 0))):
        with pytest.raises(InputError):
            codec.encode(audio, RATE)


def test_level_does_not_matter(codec: Codec) -> None:
    audio = tones(3.0, RATE)
    loud, quiet = (codec.encode(audio * g, RATE, kbps=3) for g in (1.0, 2.0**-3))
    same = [
        np.mean(a.codes[0] == b.codes[0])
        for x, y in zip(loud.chunks, quiet.chunks, strict=True)
        for (a,), (b,) in zip(x.windows, y.windows, strict=True)
    ]
    assert np.mean(same) > 0.9  # the gain is stored in steps of 1/256 dB, so a few codes may differ
    rms = [np.sqrt(np.mean(np.square(codec.decode(s)))) for s in (loud, quiet)]
    assert rms[0] / rms[1] == pytest.approx(8, rel=0.05)


def test_another_models_stream_is_refused(codec: Codec, tiny_bundle: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    stream = codec.encode(tones(1.0, RATE), RATE, kbps=3)
    tensors = load_file(tiny_bundle / "weights.safetensors")
    (tmp_path / "config.toml").write_text((tiny_bundle / "config.toml").read_text())
    tensors["decoder.project.bias"] += 1
    save_file(tensors, tmp_path / "weights.safetensors")
    improved = Codec.load(tmp_path)
    assert improved.fingerprint == codec.fingerprint
    assert improved.decode(stream).shape == (RATE, 1)  # another decoder still decodes
    tensors["quantizer.shared.0.code"][0, 0] += 1
    save_file(tensors, tmp_path / "weights.safetensors")
    other = Codec.load(tmp_path)
    with pytest.raises(ModelError) as e:
        other.decode(stream)
    assert codec.fingerprint.hex() in str(e.value)
    assert other.fingerprint.hex() in str(e.value)


def test_models_whose_windows_the_format_cannot_hold(tiny_bundle: Path, tmp_path: Path) -> None:
    text = (tiny_bundle / "config.toml").read_text().replace("window = 20", "window = 1")
    (tmp_path / "config.toml").write_text(text.replace("windows_per_chunk = 2", "windows_per_chunk = 9"))
    (tmp_path / "weights.safetensors").symlink_to(tiny_bundle / "weights.safetensors")
    with pytest.raises(ModelError, match="bare_windows"):
        Codec.load(tmp_path).encode(tones(1.0, RATE), RATE, kbps=8)


def test_effort_buys_quality_at_the_same_rate(codec: Codec) -> None:
    audio = tones(6.0, RATE)
    plain, searched = (codec.encode(audio, RATE, kbps=2, effort=e) for e in (0, 1))
    assert plain.kbps == searched.kbps

    def residual(stream: Stream) -> float:
        x = torch.from_numpy((audio * 10 ** (stream.header.gain_db / 20)).T.copy())
        z = codec.model.encoder.encode(torch.nn.functional.pad(x, (0, -len(audio) % 256)))
        zq = torch.cat([codec.decoder(stream.header).latents(c) for c in stream.chunks], 1)
        return float((z - zq).square().mean())

    with torch.inference_mode():
        assert residual(searched) < 0.95 * residual(plain)
    with pytest.raises(InputError, match="effort"):
        codec.encode(audio, RATE, effort=7)


def test_devices_that_do_not_exist(tiny_bundle: Path) -> None:
    with pytest.raises(InputError, match="no device"):
        Codec.load(tiny_bundle, device="abacus")
