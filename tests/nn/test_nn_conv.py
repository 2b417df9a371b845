"""The conv backbone: DAC's sizes, exact lengths, what depends on what, and parts that equal the whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from swc.config import Config, ConvConfig, ModelConfig, RevqConfig
from swc.dsp.context import segments
from swc.nn.backbones.conv import ConvDecoder, ConvEncoder
from swc.nn.backbones.conv.parts import needed
from swc.nn.layers.lapped import Analysis, Synthesis, basis
from swc.nn.layers.weight_norm import LENGTH, folded, normalise_weights, unfolded
from swc.nn.model import CodecModel

CONFIGS = Path("configs")
SMALL = ConvConfig(6, (2, 3), (4, 6, 8), (8, 6, 4), (1, 3))
STEM = dataclasses.replace(SMALL, stem=8)


def model(backbone: ConvConfig) -> ModelConfig:
    return ModelConfig("test", backbone, RevqConfig(routed=3, codebook_bits=4, window=10))


def networks(backbone: ConvConfig) -> tuple[ConvEncoder, ConvDecoder]:
    torch.manual_seed(0)
    return ConvEncoder(model(backbone)).eval(), ConvDecoder(model(backbone)).eval()


def noise(*shape: int) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def dac_layers() -> Iterator[tuple[int, int, int, float]]:
    """Inputs, outputs, kernel and positions a second of the convolutions of DAC at 44.1 kHz, from its paper."""
    rate = 44100.0
    yield 1, 64, 7, rate
    for width, stride in ((64, 2), (128, 4), (256, 8), (512, 8)):
        for _ in range(3):
            yield width, width, 7, rate
            yield width, width, 1, rate
        rate /= stride
        yield width, 2 * width, 2 * stride, rate
    yield 1024, 1024, 3, rate
    for _ in range(9):  # codebooks
        yield 1024, 8, 1, rate
        yield 8, 1024, 1, rate
    yield 1024, 1536, 7, rate
    for width, stride in ((1536, 8), (768, 8), (384, 4), (192, 2)):
        yield width, width // 2, 2 * stride, rate
        rate *= stride
        for _ in range(3):
            yield width // 2, width // 2, 7, rate
            yield width // 2, width // 2, 1, rate
    yield 96, 1, 7, rate


def test_switchcodec_has_the_sizes_and_the_work_of_dac() -> None:
    config = Config.from_toml(CONFIGS / "switchcodec-44k.toml").model
    with torch.device("meta"):
        codec = CodecModel(config)
        audio = torch.zeros(1, 1, 86 * 512)  # a second but for 68 samples
        with FlopCounterMode(display=False) as counter:
            encoder, decoder = codec.encoder, codec.decoder
            decoded = decoder.head(decoder.network(encoder.network(audio)))
    assert decoded.shape == audio.shape
    numbers = sum(p.numel() for p in codec.parameters())
    assert numbers == pytest.approx(sum(i * o * k + o for i, o, k, _ in dac_layers()) + 9 * 1024 * 8, rel=0.05)
    assert 74e6 <= numbers <= 77e6
    work = counter.get_total_flops() / 2 * 44100 / audio.numel()
    assert work == pytest.approx(sum(i * o * k * rate for i, o, k, rate in dac_layers()), rel=0.05)
    assert work == pytest.approx(100e9, rel=0.05)
    assert (config.hop, config.quantizer.window, round(config.latent_rate)) == (512, 86, 86)
    assert str(config.quantizer.layout) == "1 shared + 8 routed, 10 bits a code"


def test_slim_switchcodec_is_the_same_with_narrower_layers() -> None:
    whole, slim, teacher = (
        Config.from_toml(CONFIGS / f"{name}.toml").model
        for name in ("switchcodec-44k", "switchcodec-44k-slim", "teacher-44k-slim")
    )
    with torch.device("meta"):
        numbers = sum(t.numel() for t in CodecModel(slim).state_dict().values())
    assert numbers <= 8e6
    assert slim.hop == teacher.hop == whole.hop
    assert slim.quantizer.layout == whole.quantizer.layout
    assert slim.quantizer == teacher.quantizer


@pytest.mark.parametrize("backbone", [SMALL, STEM])
@pytest.mark.parametrize("latents", [1, 2, 7])
@torch.no_grad()
def test_lengths_are_exact_for_odd_strides_too(backbone: ConvConfig, latents: int) -> None:
    encoder, decoder = networks(backbone)
    audio = noise(2, latents * backbone.hop)
    z = encoder.encode(audio)
    assert z.shape == (2, latents, 6)
    assert decoder.decode(z).shape == audio.shape


@pytest.mark.parametrize("backbone", [SMALL, STEM])
def test_latents_depend_on_their_context_and_no_more(backbone: ConvConfig) -> None:
    encoder, hop, at = networks(backbone)[0], backbone.hop, 40
    audio = noise(1, 80 * hop).requires_grad_()
    encoder.encode(audio)[0, at].sum().backward()
    touched = audio.grad[0].nonzero().flatten()
    first, last = needed(encoder, at, at)
    assert (int(touched.min()), int(touched.max())) == (first, last)
    assert at * hop - encoder.context.before <= first < at * hop - encoder.context.before + hop
    assert (at + 1) * hop + encoder.context.after - hop <= last < (at + 1) * hop + encoder.context.after


@pytest.mark.parametrize("backbone", [SMALL, STEM])
def test_samples_depend_on_latents_within_the_overlap(backbone: ConvConfig) -> None:
    decoder, hop, at = networks(backbone)[1], backbone.hop, 40
    z = noise(1, 80, 6).requires_grad_()
    decoder.decode(z)[0, at * hop : (at + 1) * hop].abs().sum().backward()
    touched = z.grad[0].abs().sum(1).nonzero().flatten()
    assert (int(touched.min()), int(touched.max())) == needed(decoder, at * hop, (at + 1) * hop - 1)
    before, after = decoder.overlap(10)
    assert (at - int(touched.min()), int(touched.max()) - at) == (after // hop, before // hop)


@pytest.mark.parametrize("backbone", [SMALL, STEM])
@torch.no_grad()
def test_parts_equal_the_whole(backbone: ConvConfig) -> None:
    encoder, decoder = networks(backbone)
    hop, audio = backbone.hop, noise(2, 143 * backbone.hop)
    whole = encoder.encode(audio)
    parts = [
        encoder.encode(part.signal)[:, part.before // hop : (part.before + part.length) // hop]
        for part in segments(audio.split(1000, 1), 40 * hop, encoder.context)
    ]
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)
    decoded = decoder.decode(whole)
    pieces = list(decoder.synthesise(whole.split(40, 1), 40, 20))
    assert [piece.shape[1] // hop for piece in pieces] == [40, 40, 40, 23]
    assert torch.allclose(torch.cat(pieces, 1), decoded, atol=1e-4 * float(decoded.std()))


@pytest.mark.parametrize("backbone", [SMALL, STEM])
def test_gradients_reach_all_of_it(backbone: ConvConfig) -> None:
    encoder, decoder = networks(backbone)
    decoder.decode(encoder.encode(noise(2, 20 * backbone.hop))).square().sum().backward()
    parameters = [*encoder.named_parameters(), *decoder.named_parameters()]
    assert not [name for name, p in parameters if p.grad is None or not bool(p.grad.abs().max() > 0)]


@torch.no_grad()
def test_the_lapped_transform_takes_apart_and_puts_together() -> None:
    flat = basis(16)[:, 0]
    assert torch.allclose(flat @ flat.t(), torch.eye(16), atol=1e-6)
    audio = noise(1, 1, 16 * 30)
    coefficients = Analysis(16, 0.3)(audio)
    assert coefficients.shape == (1, 16, 30)
    assert torch.allclose(Synthesis(16, 0.3)(coefficients)[..., 16:-16], audio[..., 16:-16], atol=1e-3)
    tone = torch.sin(torch.pi / 16 * 4.5 * torch.arange(16 * 30))[None, None]
    assert int(Analysis(16, 0.3)(tone).abs().mean(2).argmax()) == 4


@torch.no_grad()
def test_weights_that_are_normalised_fold_to_the_same_network() -> None:
    plain, twin = networks(STEM)[0], networks(STEM)[0]
    normalise_weights(twin)
    audio = noise(1, 20 * STEM.hop)
    assert torch.allclose(twin.encode(audio), plain.encode(audio), atol=1e-5)
    for name, parameter in twin.named_parameters():
        parameter.mul_(1.1 if name.endswith(LENGTH) else 1.3)
    state = twin.state_dict()
    assert state.keys() != plain.state_dict().keys()
    plain.load_state_dict(folded(state))
    assert torch.allclose(twin.encode(audio), plain.encode(audio), atol=1e-5)
    again = networks(STEM)[0]
    normalise_weights(again)
    again.load_state_dict(unfolded(folded(state), state))
    assert torch.allclose(twin.encode(audio), again.encode(audio), atol=1e-5)
    assert not any(isinstance(m, nn.utils.parametrize.ParametrizationList) for m in plain.modules())
