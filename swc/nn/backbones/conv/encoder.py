"""The encoder of the `conv` backbone."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from swc.config import ModelConfig
from swc.dsp.context import Context
from swc.nn.backbones.conv.parts import KERNEL, backbone_of, down, needed, same, units
from swc.nn.layers.lapped import Analysis
from swc.nn.layers.renormalise import renormalise
from swc.nn.layers.snake import Snake
from swc.nn.roles import Encoder

PROJECTION = 3  # latents that the last convolution spans


class ConvEncoder(Encoder):
    """Audio (B, samples) -> latents (B, samples // hop, D)."""

    mean: Tensor
    power: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        b = backbone_of(config)
        self.config = b
        self.register_buffer("mean", torch.zeros(b.latent_dim))  # running mean of the latents
        self.register_buffer("power", torch.ones(()))  # and mean square around it
        self.analysis = Analysis(b.stem, b.exponent) if b.stem else nn.Identity()
        layers: list[nn.Module] = [same(max(1, b.stem), b.encoder_widths[0], KERNEL)]
        for stride, (narrow, wide) in zip(b.strides, pairwise(b.encoder_widths), strict=True):
            layers += [*units(narrow, b), Snake(narrow), down(narrow, wide, stride)]
        layers += [Snake(b.encoder_widths[-1]), same(b.encoder_widths[-1], b.latent_dim, PROJECTION)]
        self.network = nn.Sequential(*layers)

    @property
    def context(self) -> Context:
        hop = self.config.hop
        first, last = needed(self, 0, 0)
        return Context(-(first // hop) * hop, last // hop * hop)

    def encode(self, audio: Tensor) -> Tensor:
        with torch.autocast(audio.device.type, enabled=False):
            features = self.analysis(audio.float()[:, None])
        z = self.network(features).transpose(1, 2)
        with torch.autocast(audio.device.type, enabled=False):
            return renormalise(z.float(), self.mean, self.power, self.training)
