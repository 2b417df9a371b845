"""The networks of SQCodec: as large as the paper's, and parts of a recording are coded and decoded as in the whole."""

from __future__ import annotations

import copy
import math
import tomllib
from pathlib import Path

import pytest
import torch
from tiny import TINY_SQ
from torch.utils.flop_counter import FlopCounterMode

from swc.config import Config
from swc.dsp.context import segments
from swc.nn.backbones.sq.parts import LocalNorm, trend
from swc.nn.layers.local_attention import LocalTransformer
from swc.nn.layers.snake import Snake
from swc.nn.layers.upsample import upsample
from swc.nn.model import CodecModel

CONFIGS = Path(__file__).parents[2] / "configs"
TABLE_5 = {
    "sq-16k-0.75": (0.75, 15.18, 10.1),
    "sq-16k-1.5": (1.5, 15.1, 11.73),
    "sq-16k": (3.0, 11.26, 11.16),
    "sq-16k-6": (6.0, 11.21, 19.98),
}
"""Of each config: nominal kbit/s, millions of parameters, and thousand millions of multiply-accumulates."""
SECONDS = 10.0  # that those are for, rounded up to whole windows of attention


@pytest.fixture(scope="module")
def model() -> CodecModel:
    torch.manual_seed(0)
    return CodecModel(Config.from_table(tomllib.loads(TINY_SQ), "tiny").model).eval()


@pytest.mark.parametrize("name", TABLE_5)
def test_sizes_are_those_of_table_5(name: str) -> None:
    """Their multiply-accumulates are those of linear layers alone, which are the transformers and little else.

    Ours of all layers, convolutions and attention among them, are about four times as many.
    """
    kbps, millions, macs = TABLE_5[name]
    config = Config.from_toml(CONFIGS / f"{name}.toml").model
    assert config.latent_rate * math.log2(config.quantizer.layout.cardinality) / 1000 == pytest.approx(kbps, rel=0.005)
    with torch.device("meta"):
        model = CodecModel(config)
        assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, rel=0.05)
        latents = math.ceil(SECONDS * config.latent_rate / config.quantizer.window) * config.quantizer.window
        with FlopCounterMode(display=False) as counter:
            z = model.encoder.encode(torch.empty(1, latents * config.hop))
            audio = model.decoder.decode(model.quantizer.latents(model.quantizer.bounded(z)))
    assert audio.shape == (1, latents * config.hop)
    counted = {str(operator): flops / 2e9 for operator, flops in counter.get_flop_counts()["Global"].items()}
    assert counted["aten.mm"] + counted["aten.addmm"] == pytest.approx(macs, rel=0.1)
    assert counted["aten.convolution"] > 2 * macs


def test_segments_are_encoded_as_the_whole(model: CodecModel) -> None:
    hop, step = model.config.hop, 60 * model.config.hop
    audio = 0.1 * torch.randn(1, 200 * hop, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        whole = model.encoder.encode(audio)
        parts = [
            model.encoder.encode(signal)[:, before // hop : (before + length) // hop]
            for signal, before, length in segments([audio], step, model.encoder.context)
        ]
        short = model.encoder.encode(audio[:, : step + model.encoder.context.after - hop])[:, :60]
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)
    assert not torch.allclose(short, whole[:, :60], atol=1e-5)  # the context is no longer than it must be


def test_chunks_are_decoded_as_the_whole(model: CodecModel) -> None:
    z = torch.randn(1, 210, model.config.backbone.latent_dim, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        whole = model.decoder.decode(z)
        parts = list(model.decoder.synthesise(z.split(80, 1), 80, 40))
    assert [part.shape[1] for part in parts] == [80 * model.config.hop, 80 * model.config.hop, 50 * model.config.hop]
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)


def test_audio_depends_on_a_chunk_as_far_as_is_said(model: CodecModel) -> None:
    hop, overlap = model.config.hop, model.decoder.overlap(40)
    z = torch.randn(1, 200, model.config.backbone.latent_dim, generator=torch.Generator().manual_seed(1))
    other = z.clone()
    other[:, 80:120] += 1
    with torch.inference_mode():
        changed = (model.decoder.decode(z) - model.decoder.decode(other)).abs()[0] > 1e-5
    first, last = changed.nonzero().min(), changed.nonzero().max()
    assert 80 * hop - overlap.before <= first < 80 * hop - hop
    assert 120 * hop + hop <= last < 120 * hop + overlap.after


def test_latents_become_codes_and_codes_the_nearest_levels(model: CodecModel) -> None:
    quantizer, codes = model.quantizer, torch.arange(105).reshape(1, 1, 105)
    seen = []
    quantizer.latents, kept = lambda numbers: seen.append(numbers) or numbers, quantizer.latents
    quantizer.decode(codes)
    quantizer.latents = kept
    (numbers,) = seen
    assert sorted(set(numbers[0, :, 0].tolist())) == pytest.approx([-1, -2 / 3, -1 / 3, 0, 1 / 3, 2 / 3, 1])
    assert numbers[0, 1].tolist() == pytest.approx([-2 / 3, -1, -1])  # the first number counts ones
    assert len({tuple(row) for row in numbers[0].tolist()}) == 105
    quantizer.bounded, kept = lambda z: numbers + 0.1, quantizer.bounded
    again = quantizer.encode(torch.zeros(1, 105, 32), torch.zeros(1, 3), 40, 1)
    quantizer.bounded = kept
    assert torch.equal(again, codes)


def test_runs_are_coded_alike_alone_and_beside_others(model: CodecModel) -> None:
    z = torch.randn(3, 77, 32, generator=torch.Generator().manual_seed(2))
    grants = torch.zeros(3, 2, dtype=torch.long)
    codes = model.quantizer.encode(z, grants, 40, 1)
    assert codes.shape == (3, 1, 77)
    assert 0 <= codes.min() < codes.max() < 105
    assert torch.equal(codes[1:2], model.quantizer.encode(z[1:2], grants[1:2], 40, 0))
    latents = model.quantizer.decode(codes)
    assert latents.shape == z.shape
    assert torch.equal(latents[2:], model.quantizer.decode(codes[2:]))


def test_training_rounds_half_of_the_numbers_and_has_gradients(model: CodecModel) -> None:
    z = torch.randn(1, 80, 32, generator=torch.Generator().manual_seed(3), requires_grad=True)
    rounded = torch.stack([torch.ones(1, 80, 3), torch.full((1, 80, 3), 0.5)])
    model = copy.deepcopy(model)
    for _ in range(30):  # until what training normalises by is part of the last layer
        model.quantizer(z, rounded)
        model.quantizer.fold_statistics()
    exact = model.quantizer.decode(model.quantizer.encode(z, torch.zeros(1, 2), 40, 1))
    assert torch.allclose(model.quantizer(z, rounded), exact, atol=1e-5)
    unchanged = model.quantizer(z, rounded * torch.tensor([0.0, 1.0])[:, None, None, None])  # noise of no size
    assert torch.allclose(unchanged, model.quantizer.latents(model.quantizer.bounded(z)), atol=1e-5)
    assert not torch.allclose(unchanged, exact, atol=1e-3)
    model.quantizer(z, rounded).sum().backward()
    assert float(z.grad.abs().max()) > 0


def test_attention_sees_its_window_and_the_one_before() -> None:
    torch.manual_seed(0)
    transformer = LocalTransformer(8, 1, 2, 4, window=10).eval()
    x = torch.randn(1, 50, 8)
    base = transformer(x)
    for at, seen in ((12, range(12, 30)), (29, range(29, 40)), (9, range(9, 20))):
        other = x.clone()
        other[:, at] = other[:, at].flip(1)
        changed = ((transformer(other) - base).abs().amax(2)[0] > 1e-6).nonzero().flatten().tolist()
        assert changed == list(seen)


@pytest.mark.parametrize("rate", [1, 2, 3, 5])
def test_upsampling_is_linear_and_the_same_at_all_times(rate: int) -> None:
    x = torch.randn(1, 2, 40, generator=torch.Generator().manual_seed(0))
    wanted = torch.nn.functional.interpolate(x.double(), scale_factor=float(rate), mode="linear").float()
    assert torch.allclose(upsample(x, rate), wanted, atol=1e-6)
    late = upsample(torch.cat((torch.zeros(1, 2, 10**5), x), 2), rate)
    assert torch.equal(late[..., rate * (10**5 + 1) :], upsample(x, rate)[..., rate:])


def test_a_trend_is_the_envelope() -> None:
    x = torch.zeros(1, 1, 21)
    x[..., 10] = -3
    assert torch.equal(trend(x, 1), x)
    assert trend(x, 3)[0, 0, 7:14].tolist() == pytest.approx([0, 1, 2, 3, 2, 1, 0])


def test_a_local_norm_of_a_steady_signal_is_an_instance_norm() -> None:
    period = torch.randn(2, 3, 42, generator=torch.Generator().manual_seed(0)) * 4 + 70
    x = period.repeat(1, 1, 20)
    norm, inside = LocalNorm(3, steps=2, span=21), slice(42, -42)
    assert torch.allclose(norm(x)[..., inside], torch.nn.functional.instance_norm(x)[..., inside], atol=1e-3)
    changing = norm(torch.cat((x, 100 * x), 2))
    assert torch.allclose(changing[..., 42:84], changing[..., -84:-42], atol=1e-3)


def test_snake_adds_squared_sines() -> None:
    snake = Snake(2)
    snake.frequency.data = torch.tensor([[1.0], [4.0]])
    x = torch.linspace(-2, 2, 9).expand(1, 2, 9)
    wanted = torch.stack((x[0, 0] + x[0, 0].sin() ** 2, x[0, 1] + (4 * x[0, 1]).sin() ** 2 / 4))
    assert torch.allclose(snake(x)[0], wanted, atol=1e-6)
