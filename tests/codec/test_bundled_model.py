"""The bundle that comes with swc: real weights, real recording."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from swc.bundle import find_bundle, list_bundles
from swc.codec.codec import Codec
from swc.evaluation import mel_distance, stoi

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recording() -> tuple[np.ndarray, int]:
    audio, rate = soundfile.read(ROOT / "swc" / "data" / "demo.flac", dtype="float32")
    return audio, rate


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec.load()


def test_it_is_listed_and_small_enough() -> None:
    assert "swc-44k" in [b.name for b in list_bundles()]
    assert find_bundle("swc-44k").weights.stat().st_size <= 36e6


def test_its_card_states_its_fingerprint() -> None:
    bundle = find_bundle("swc-44k")
    assert bundle.fingerprint.hex() in (bundle.path / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_more_bits_sound_better_within_every_rate(codec: Codec, recording: tuple[np.ndarray, int]) -> None:
    audio, rate = recording
    scores = []
    for kbps in (0.89, 1.78, 2.67, 5.33, 8.0):
        stream = codec.encode(audio, rate, kbps=kbps)
        assert 0.95 * kbps < stream.kbps <= kbps
        decoded = codec.decode(stream)[:, 0]
        scores.append((mel_distance(audio, decoded, rate), stoi(audio, decoded, rate)))
    mel, intelligible = zip(*scores, strict=True)
    assert list(mel) == sorted(mel, reverse=True)
    assert list(intelligible[::2]) == sorted(intelligible[::2])
    assert mel[2] < 1.1
    assert intelligible[2] > 0.8


def test_audio_is_the_same_for_any_number_of_threads(codec: Codec, recording: tuple[np.ndarray, int]) -> None:
    stream, before, decoded = codec.encode(*recording, effort=0), torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        decoded.append(codec.decode(stream).tobytes())
    torch.set_num_threads(before)
    assert len(set(decoded)) == 1


@pytest.fixture(scope="module")
def long_recording(recording: tuple[np.ndarray, int]) -> tuple[np.ndarray, int]:
    """21.3 s of speech with a pause, and where it is soft."""
    audio, rate = recording
    parts = (audio, np.zeros(2 * rate, np.float32), audio[::-1] * 0.1, audio[: round(3.3 * rate)])
    return np.concatenate(parts), rate


@pytest.mark.parametrize(
    ("channels", "kbps", "known"),
    [(1, 0.6, True), (1, 0.6, False), (1, 2.67, True), (1, 7.0, False), (2, 2.67, False), (2, 7.0, True)],
)
def test_rates_are_met_within_2_percent_from_below(
    codec: Codec, long_recording: tuple[np.ndarray, int], channels: int, kbps: float, known: bool
) -> None:
    audio, rate = long_recording
    audio = np.stack([audio, audio[::-1]][:channels], 1)
    out, samples = io.BytesIO(), len(audio) if known else None
    codec.encode_to(out, [audio], rate, channels, kbps=kbps, total_samples=samples, effort=0)
    assert 0.98 * kbps <= out.tell() * 8 * rate / len(audio) / 1000 <= kbps


def test_a_quality_leaves_the_same_everywhere(codec: Codec, long_recording: tuple[np.ndarray, int]) -> None:
    """Within .5 dB, where a constant rate does not; pauses take the least size."""
    audio, rate = long_recording
    quality = codec.encode(audio, rate, quality=5, effort=0)
    constant = codec.encode(audio, rate, kbps=quality.kbps, effort=0)
    spread = []
    for stream in (quality, constant):
        x = torch.from_numpy(audio * np.float32(10 ** (stream.header.gain_db / 20)))
        x = torch.nn.functional.pad(x[None], (0, -len(audio) % codec.config.hop))
        with torch.inference_mode():
            z = codec.model.encoder.encode(x)
            zq = torch.cat([codec.decoder(stream.header).latents(chunk) for chunk in stream.chunks], 1)
        left = torch.stack([part.mean() for part in (z - zq).square().sum(2)[0].split(stream.header.window)])
        experts = torch.tensor([len(row[0].experts) for chunk in stream.chunks for row in chunk.windows])
        spread.append((10 * left.log10())[(experts > 0) & (experts < 35)].std())
    assert spread[0] < 0.5
    assert spread[1] > 1.0
    first = [len(row[0].experts) for chunk in quality.chunks for row in chunk.windows]
    assert first[9] == 0  # 9.2 to 10.2 s: nearly all of it silence
    assert min(first[:7]) > 4


def test_silence_is_inaudible(codec: Codec) -> None:
    decoded = codec.decode(codec.encode(np.zeros(60000, np.float32), 44100))
    assert np.abs(decoded).max() < 10 ** (-60 / 20)


def test_every_second_of_a_stereo_file_stays_on_its_side(codec: Codec, recording: tuple[np.ndarray, int]) -> None:
    audio, rate = recording
    stereo = np.stack((audio, np.zeros_like(audio)), 1)
    decoded = codec.decode(codec.encode(stereo, rate, kbps=2.67))
    power = np.square(decoded).mean(0)
    assert power[1] < 1e-4 * power[0]


def test_pauses_leave_their_bits_to_the_sound(codec: Codec, recording: tuple[np.ndarray, int]) -> None:
    audio, rate = recording
    gap = np.concatenate((audio[:rate], np.zeros(2 * rate, np.float32), audio[rate : 4 * rate]))
    stream = codec.encode(gap, rate, kbps=2.67)
    used = [len(row[0].experts) for row in stream.chunks[0].windows]
    assert min(used) < 2
    assert max(used) > 6
