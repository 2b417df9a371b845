"""Levels of the `vrvq` family: bits go where the importance is, a rate is met by the level that it takes."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import tones

from swc.bitstream import CHUNK_OVERHEAD, SalvageReader, Stream
from swc.codec.budget import SPREAD
from swc.codec.codec import Codec
from swc.errors import BitrateError, InputError, ModelError
from swc.nn.quantizers.vrvq import Vrvq

pytestmark = pytest.mark.slow

RATE, HOP = 16000, 256
PAUSE = slice(7 * RATE, 12 * RATE)


@pytest.fixture
def codec(vrvq_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Codec:
    """Its importance is how loud latents are, which the tiny model has had no time to learn."""
    monkeypatch.setenv("SWC_MODELS", str(vrvq_bundle.parent))
    codec = Codec.load(vrvq_bundle)
    quiet = codec.model.encoder.encode(torch.zeros(1, 4 * HOP))[0, 1].detach()

    def importance(z: torch.Tensor) -> torch.Tensor:
        return (0.02 + (z - quiet).square().mean(-1) / 8).clamp_max(0.98)

    monkeypatch.setattr(codec.model.quantizer.importance, "forward", importance)
    return codec


@pytest.fixture(scope="module")
def paused() -> np.ndarray:
    audio = tones(21, RATE, 5)
    audio[PAUSE] = 0
    return audio


def depths(stream: Stream) -> np.ndarray:
    return (stream.codes() >= 0).sum(1)


def in_pause(stream: Stream) -> np.ndarray:
    """Depths within the pause, away from its edges."""
    return depths(stream)[:, PAUSE.start // HOP + 8 : PAUSE.stop // HOP - 8]


def test_a_higher_level_has_greater_depths(codec: Codec, paused: np.ndarray) -> None:
    streams = [codec.encode(paused, RATE, level=level) for level in (0, 0.3, 1, 3, 10)]
    for stream in streams:
        assert Stream.from_bytes(stream.to_bytes()) == stream
        assert codec.decode(stream).shape == paused.shape
    every = [depths(stream) for stream in streams]
    assert (every[0] == 1).all()
    assert all((low <= high).all() for low, high in pairwise(every))
    assert every[1].sum() < every[2].sum() < every[3].sum()
    assert streams[0].kbps < 0.8 * streams[2].kbps


def test_depths_are_those_of_the_importance(codec: Codec, paused: np.ndarray) -> None:
    stream = codec.encode(paused, RATE, level=1.5)
    quantizer, audio = codec.model.quantizer, paused[:, 0] * 10 ** (stream.header.gain_db / 20)
    assert isinstance(quantizer, Vrvq)
    with torch.inference_mode():
        padded = np.pad(audio, (0, -len(audio) % HOP)).astype(np.float32)
        z = codec.model.encoder.encode(torch.from_numpy(padded)[None])
        wanted = (1 + (quantizer.thresholds(z) <= 1.5).sum(2)).numpy()
    assert (wanted != depths(stream)).mean() < 0.01  # rounding


@pytest.mark.parametrize("kbps", [0.6, 1.0, 1.6])
def test_a_rate_is_met_and_pauses_get_the_least(codec: Codec, paused: np.ndarray, kbps: float) -> None:
    stream = codec.encode(paused, RATE, kbps=kbps)
    assert 0.98 * kbps <= stream.kbps <= kbps
    assert (in_pause(stream) == 1).all()
    assert depths(stream).mean() > 1.2 if kbps > 0.6 else depths(stream).max() > 1


def test_silence_costs_next_to_nothing(codec: Codec, paused: np.ndarray) -> None:
    silent = codec.encode(np.zeros(60 * RATE, np.float32), RATE, level=1)
    bits = silent.breakdown()
    assert (depths(silent) == 1).all()
    assert bits["depths"] / len(depths(silent)[0]) < 0.2  # bits a latent
    active = codec.encode(paused[: PAUSE.start], RATE, level=3).breakdown()["codes"] / PAUSE.start
    assert bits["codes"] / (60 * RATE) < 0.5 * active


def test_live_pauses_get_the_least_too_and_what_they_save_is_spent_slowly(codec: Codec, paused: np.ndarray) -> None:
    kbps, written = 1.0, io.BytesIO()
    codec.encode_to(written, [paused], RATE, 1, kbps=kbps)
    stream = Stream.from_bytes(written.getvalue())
    bits, latents = 0, 0
    for chunk in stream.chunks:
        windows = [window for row in chunk.windows for window in row]
        bits += 8 * CHUNK_OVERHEAD + -(-sum(map(stream.header.layout.size, windows)) // 8) * 8
        latents += chunk.latents
        assert latents * HOP < SPREAD * RATE or bits <= 1000 * kbps * latents * HOP / RATE
    found = depths(stream)[0]
    assert (in_pause(stream) == 1).all()
    before, after = found[: PAUSE.start // HOP], found[PAUSE.stop // HOP :]
    assert after[:120].mean() < 1.3 * before.mean()
    assert after[120:-40].mean() > before.mean()


def test_couplings_and_other_channels_are_counted(codec: Codec, paused: np.ndarray) -> None:
    stereo = np.concatenate((paused, 0.5 * paused), 1)
    for mode, kbps in (("coupled", 1.2), ("apart", 1.8)):
        stream = codec.encode(stereo, RATE, kbps=kbps, stereo=mode)
        assert 0.98 * kbps <= stream.kbps <= kbps
        assert stream.header.minor == 3
        assert codec.decode(stream).shape == stereo.shape


def test_a_batch_equals_its_singles_and_parts_equal_the_whole(codec: Codec, paused: np.ndarray) -> None:
    given = [paused, paused[:20000], paused[3000:3001], paused[5000:100000]]
    for how in ({"kbps": 1.0}, {"level": 1.2}):
        batch = codec.encode_batch(given, RATE, **how)
        assert [s.to_bytes() for s in batch] == [codec.encode(x, RATE, **how).to_bytes() for x in given]
    whole, decoded = batch[0], codec.decode(batch[0])
    part = np.concatenate(list(codec.decode_blocks(whole, start=40000, stop=90000)))
    assert np.array_equal(part, decoded[40000:90000])


def test_a_quality_works_as_for_every_family(codec: Codec, paused: np.ndarray) -> None:
    low, high = (codec.encode(paused, RATE, quality=q) for q in (2, 10))
    assert low.kbps < high.kbps
    assert (in_pause(low) == 1).all()


def test_damage_is_salvaged(codec: Codec, paused: np.ndarray) -> None:
    stream = codec.encode(paused, RATE, level=1)
    data = bytearray(stream.to_bytes())
    data[len(data) // 2] ^= 16
    reader = SalvageReader(io.BytesIO(bytes(data)))
    saved = np.concatenate(list(codec.decode_blocks(reader)))
    (loss,) = reader.losses
    assert loss.stop - loss.first == 1
    assert saved.shape == paused.shape


def test_what_cannot_be_is_an_error_that_says_what_to_do(
    codec: Codec, tiny_bundle: Path, paused: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Codec.load(tiny_bundle)
    with pytest.raises(InputError, match=r"tiny has no `level`, which takes a model of family vrvq .* give `kbps`"):
        other.encode(paused, RATE, level=1)
    with pytest.raises(InputError, match="`kbps` and `level` exclude each other"):
        codec.encode(paused, RATE, 1.0, level=1)
    for level in (-0.1, 10.1, float("nan")):
        with pytest.raises(InputError, match="`level` must be 0 to 10"):
            codec.encode(paused, RATE, level=level)
    with pytest.raises(BitrateError, match="at least"):
        codec.encode(paused, RATE, kbps=0.2)
    stream = codec.encode(paused, RATE, level=0)
    with pytest.raises(ModelError, match="this is tiny"):
        other.decode(stream)
