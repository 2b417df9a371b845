"""Causal networks, layer by layer: the future never changes the past, and memory takes the place of context."""

from __future__ import annotations

import tomllib
from collections.abc import Callable

import pytest
import torch
from tiny import LIVE
from torch import Tensor

from swc.config import Config
from swc.dsp.context import Segments
from swc.dsp.spectral import SpectralSynthesis
from swc.nn.backbones.spectral import SpectralDecoder, SpectralEncoder
from swc.nn.layers.convnext import Block, Memory, Trunk

MODEL = Config.from_table(tomllib.loads(LIVE), "live").model


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def changed_from(x: Tensor, frame: int) -> Tensor:
    other = x.clone()
    other[:, frame:] = torch.randn_like(other[:, frame:])
    return other


@pytest.mark.parametrize(
    "layer",
    [
        lambda: Block(8, 2, 7, 0.5, causal=True),
        lambda: Trunk(8, 8, 2, 2, 5, 3, causal=True),
        lambda: Trunk(8, 8, 1, 2, 1, 1, causal=True),
    ],
)
@torch.no_grad()
def test_no_layer_sees_later_frames(layer: Callable[[], torch.nn.Module]) -> None:
    network, x = layer(), torch.randn(2, 30, 8)
    one, two = network(x), network(changed_from(x, 20))
    assert torch.equal(one[:, :20], two[:, :20])
    assert not torch.equal(one[:, 20], two[:, 20])


@torch.no_grad()
def test_a_trunk_depends_on_the_frames_that_it_says() -> None:
    trunk, x = Trunk(8, 8, 2, 2, 5, 3, causal=True), torch.randn(1, 40, 8)
    before, after = trunk.context
    other = x.clone()
    other[:, 10] += 1
    differs = (trunk(x) != trunk(other)).any(-1)[0].nonzero().flatten().tolist()
    assert (differs[0], differs[-1]) == (10, 10 + before)
    assert after == 0


@pytest.mark.parametrize("cut", [1, 2, 7, 40])
@torch.no_grad()
def test_a_trunk_goes_on_where_it_ended(cut: int) -> None:
    trunk, x = Trunk(8, 8, 2, 2, 5, 3, causal=True), torch.randn(2, 40, 8)
    memory: Memory = ()
    parts = []
    for part in x.split(cut, 1):
        out, memory = trunk.following(part, memory)
        parts.append(out)
    assert torch.allclose(torch.cat(parts, 1), trunk(x), atol=1e-5)


@pytest.mark.parametrize("latents", [1, 2, 18])
@torch.no_grad()
def test_an_encoder_goes_on_and_hears_half_a_window_less_a_hop_ahead(latents: int) -> None:
    encoder, audio = SpectralEncoder(MODEL).eval(), torch.randn(2, 256 * 20)
    whole = encoder.encode(audio)
    cut, memory = Segments(latents * 256, encoder.context), ()
    parts = []
    for segment in (*cut.push(audio), *cut.flush()):
        z, memory = encoder.following(segment, 256, memory)
        parts.append(z)
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)
    heard = 256 * 10 + encoder.context.after
    assert torch.equal(encoder.encode(changed_from(audio, heard))[:, :10], whole[:, :10])
    assert not torch.equal(encoder.encode(changed_from(audio, heard - 8))[:, :10], whole[:, :10])


@pytest.mark.parametrize("following", [SpectralDecoder.following, SpectralSynthesis.following])
@torch.no_grad()
def test_a_decoder_goes_on_with_memory_or_with_latents(
    following: Callable[..., tuple[Tensor, tuple[Tensor, ...]]],
) -> None:
    decoder, z = SpectralDecoder(MODEL).eval(), torch.randn(2, 20, 16)
    whole = decoder.compressed(z)
    assert torch.equal(decoder.compressed(changed_from(z, 12))[:, :24], whole[:, :24])
    parts, memory = [], ()
    for part in z.split(3, 1):
        c, memory = following(decoder, part, memory)
        parts.append(c)
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)
