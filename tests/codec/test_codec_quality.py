"""Constant quality: the same residual everywhere, in fewer bits where little is to be said.

The tiny model knows tones, for which it needs more than the least size only at high qualities.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import tones

from swc.audio import CheckedBlocks
from swc.bitstream import Stream, StreamBuilder
from swc.codec.codec import Codec
from swc.codec.control import Uncoded
from swc.codec.encoder import StreamEncoder
from swc.codec.jobs import Job, run
from swc.codec.options import EncodeOptions
from swc.codec.quality import ConstantResidual, QualityScale, reference, residuals
from swc.errors import InputError

RATE = 16000
WINDOW, EXPERTS = 20, 5


@pytest.fixture(scope="module")
def codec(tiny_bundle: Path) -> Codec:
    return Codec.load(tiny_bundle)


@pytest.fixture(scope="module")
def latents(codec: Codec) -> torch.Tensor:
    audio = torch.from_numpy(tones(40 * 256 * 12 / RATE, RATE)).t()
    with torch.inference_mode():
        return codec.model.encoder.encode(audio).reshape(12, 40, -1)


def granted(codec: Codec, z: torch.Tensor, most: float) -> torch.Tensor:
    loud = torch.ones(1, -(-z.shape[1] // WINDOW))
    control = ConstantResidual(codec.model, codec.header(RATE, 1), most)
    return torch.cat(control.grants([Uncoded(part[None], loud, 0.0, False) for part in z]))


def steps(stream: Stream) -> list[int]:
    return [len(window.experts) for chunk in stream.chunks for row in chunk.windows for window in row]


def test_windows_get_the_least_steps_that_leave_at_most_the_residual(codec: Codec, latents: torch.Tensor) -> None:
    with torch.inference_mode():
        ladder = torch.stack(
            [residuals(codec.model, latents, torch.full((12, 2), k), WINDOW, 0) for k in range(EXPERTS + 1)]
        )
        most = float(ladder[2].median())
        found = granted(codec, latents, most)
        left = residuals(codec.model, latents, found, WINDOW, 0)
        assert found.shape == (12, 2)
        assert len(found.unique()) > 2
        first = found[:, 0]  # nothing that comes before depends on the other windows
        assert (left[:, 0][first < EXPERTS] <= most).all()
        fewer = ladder[first.clamp_min(1) - 1, torch.arange(12), 0]
        assert (fewer[first > 0] > most).all()
        inside = left[(found > 0) & (found < EXPERTS)]
        assert inside.log().std() < 0.5 * ladder[2].log().std()
        assert (residuals(codec.model, latents, found, WINDOW, 1).mean()) < left.mean()


def test_bounds_of_the_residual_are_the_least_size_and_the_greatest(codec: Codec, latents: torch.Tensor) -> None:
    assert (granted(codec, latents, float("inf")) == 0).all()
    assert (granted(codec, latents, 0.0) == EXPERTS).all()
    assert granted(codec, latents[:, :33], 1.0).shape == (12, 2)


def test_quality_is_relative_to_pink_noise_and_falls_by_equal_ratios(codec: Codec) -> None:
    scale, header = QualityScale(codec.model), codec.header(RATE, 1)
    most = [scale.control(header, quality).most for quality in (0, 4, 8)]
    assert most[0] == reference(codec.model)
    assert most[0] / most[1] == pytest.approx(10**0.5)
    assert most[1] / most[2] == pytest.approx(10**0.5)


def test_more_quality_takes_more_bits_and_leaves_less(codec: Codec) -> None:
    audio = tones(12.0, RATE)
    streams = [codec.encode(audio, RATE, quality=quality) for quality in (0, 7, 8, 9, 10)]
    sizes = [len(stream.to_bytes()) for stream in streams]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 5


def test_easy_passages_take_fewer_bits(codec: Codec) -> None:
    audio = tones(10.0, RATE)
    chunk = 40 * 256
    audio[3 * chunk : 6 * chunk] = 0
    used = np.array(steps(codec.encode(audio, RATE, quality=10)))
    silent = used[7:11]  # their neighbours hear the edges
    assert silent.max() == 0
    assert used[:6].max() > 0


def test_the_search_changes_codes_and_not_their_number(codec: Codec) -> None:
    audio = tones(6.0, RATE)
    quick, searched = (codec.encode(audio, RATE, quality=10, effort=effort) for effort in (0, 1))
    assert steps(quick) == steps(searched)
    assert quick.to_bytes() != searched.to_bytes()


def test_pipes_and_chunks_one_at_a_time_give_the_same_codes(codec: Codec) -> None:
    audio = tones(7.3, RATE, channels=2)
    whole, out = codec.encode(audio, RATE, quality=10), io.BytesIO()
    codec.encode_to(out, np.array_split(audio, 9), RATE, 2, quality=10)
    assert Stream.from_bytes(out.getvalue()).chunks == whole.chunks
    control = QualityScale(codec.model).control(whole.header, 10)
    encoder = StreamEncoder(codec.model, whole.header, control, 1, together=3)
    builder = StreamBuilder()
    run([Job(encoder, CheckedBlocks([audio], 2), builder.open(whole.header), len(audio), "")])
    assert builder.stream == whole


@pytest.mark.parametrize("samples", [0, 1, 255, 257])
def test_hardly_any_audio(codec: Codec, samples: int) -> None:
    audio = tones(1.0, RATE)[:samples]
    assert codec.decode(codec.encode(audio, RATE, quality=5)).shape == audio.shape


@pytest.mark.parametrize("quality", [-0.1, 10.1, float("nan"), float("inf")])
def test_qualities_out_of_bounds(codec: Codec, quality: float) -> None:
    with pytest.raises(InputError, match="`quality` must be 0 to 10"):
        codec.encode(tones(1.0, RATE), RATE, quality=quality)


def test_a_rate_and_a_quality_exclude_each_other(codec: Codec) -> None:
    with pytest.raises(InputError, match="`kbps` and `quality` exclude each other"):
        codec.encode(tones(1.0, RATE), RATE, 2.67, quality=5)
    assert EncodeOptions().target_kbps == 2.67
    assert EncodeOptions(quality=5).target_kbps == float("inf")
