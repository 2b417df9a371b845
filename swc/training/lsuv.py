"""Layer-sequential unit-variance initialisation (LSUV, Mishkin & Matas 2015, arXiv 1511.06422) of `sq` models.

What each layer gives varies over real audio by as much. Weights that are merely random say little of audio, whose
samples are far below 1: offsets are larger than what varies, all latents are alike, and so are their codes, which then
do not learn.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swc.nn.backbones.sq import SqDecoder
from swc.nn.backbones.sq.decoder import ResidualUnit
from swc.nn.backbones.sq.parts import ConvUnit, TrendAttention
from swc.nn.layers.local_attention import Attention, FeedForward, PositionBias
from swc.nn.model import CodecModel
from swc.nn.quantizers.fsq import Fsq

BRANCH = 0.3  # standard deviation of what residual branches add to signals of 1
SPREAD = 0.9  # of a code's numbers before they are bounded, so that all levels are used


@torch.no_grad()
def lsuv(model: CodecModel, audio: Tensor) -> None:
    """Scale the layers of a model with scalar quantization, on recordings (B, samples) of a whole number of latents.

    Those of the quantizer, and of an `sq` backbone; a `spectral` one starts in closed form.
    """
    quantizer, decoder = model.quantizer, model.decoder
    if not isinstance(quantizer, Fsq):
        raise TypeError("only models with scalar quantization start like this")
    wanted = {branch: BRANCH for branch in _branches(model)}
    if isinstance(decoder, SqDecoder):
        wanted[decoder.last[-2]] = float(audio.std())
    positions = {layer for bias in model.modules() if isinstance(bias, PositionBias) for layer in bias.modules()}

    def scaled(layer: nn.Conv1d | nn.Linear, given: tuple[Tensor], result: Tensor) -> Tensor:
        if layer is quantizer.squeeze:
            _components(quantizer, given[0].flatten(0, 1))
            return F.linear(given[0], quantizer.squeeze.weight, quantizer.squeeze.bias)
        channel = 1 if isinstance(layer, nn.Conv1d) else -1
        offset = 0 if layer.bias is None else layer.bias[:, None] if channel == 1 else layer.bias
        varying = (result - offset).transpose(0, channel).flatten(1)  # a row for each channel
        scale = wanted.get(layer, 1.0) / varying.var(1).mean().sqrt().clamp_min(1e-6)
        layer.weight *= scale
        return (result - offset) * scale + offset

    scaled_part: nn.Module = model if isinstance(decoder, SqDecoder) else quantizer
    layers = [one for one in scaled_part.modules() if isinstance(one, nn.Conv1d | nn.Linear) and one not in positions]
    hooks = [layer.register_forward_hook(scaled) for layer in layers]
    decoder.decode(quantizer.latents(quantizer.bounded(model.encoder.encode(audio))))
    for hook in hooks:
        hook.remove()


def _branches(model: CodecModel) -> list[nn.Module]:
    """The last layers of residual branches, and those that say by how much channels are raised."""
    found: list[nn.Module] = []
    for part in model.modules():
        if isinstance(part, ConvUnit | FeedForward):
            found.append(part.down)
        elif isinstance(part, Attention):
            found.append(part.outward)
        elif isinstance(part, ResidualUnit):
            found.append(part.layers[-1])
        elif isinstance(part, TrendAttention):
            found.append(part.merge)
    return found


def _components(quantizer: Fsq, features: Tensor) -> None:
    """Numbers of codes as principal components of features (n, C), and features from them."""
    mean, numbers = features.mean(0), len(quantizer.basis)
    power, directions = torch.linalg.eigh(torch.cov(features.t()))  # eigh sorts upwards
    directions, deviation = directions[:, -numbers:], power[-numbers:].clamp_min(1e-12).sqrt()
    quantizer.squeeze.weight.copy_((directions / deviation).t() * SPREAD)
    quantizer.squeeze.bias.copy_(-(mean @ directions) / deviation * SPREAD)
    quantizer.expand.weight.copy_(directions * deviation)
    quantizer.expand.bias.zero_()
