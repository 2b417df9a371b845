"""The encoder of the `sq` backbone."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swc.config import ModelConfig
from swc.dsp.context import Context
from swc.nn.backbones.sq.parts import ChannelNorm, ConvUnit, TrendConv, backbone_of
from swc.nn.roles import Encoder

TREND_WIDTHS = (1, 5, 11, 21, 45)
TREND_CHANNELS = 4


class TrendUnit(nn.Module):
    """TConv: the waveform and its trends over up to 3 ms, (B, 1, T) -> (B, C, T)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        channels = TREND_CHANNELS * len(TREND_WIDTHS)
        self.trends = TrendConv(TREND_WIDTHS, TREND_CHANNELS, [1] * len(TREND_WIDTHS))
        self.up = nn.Conv1d(channels, 4 * channels, 1)
        self.down = nn.Conv1d(4 * channels + 1, dim, 1)
        self.reach = self.trends.reach

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(torch.cat((F.gelu(self.up(self.trends(x))), x), 1))
        return y


class SqEncoder(Encoder):
    """Audio (B, samples) -> latents (B, samples // hop, D)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        b = self.config = backbone_of(config)
        layers: list[nn.Module] = [TrendUnit(b.widths[0])]
        for width, after, depth, stride in zip(b.widths, b.widths[1:], b.depths, b.strides, strict=False):
            layers += [*(ConvUnit(width) for _ in range(depth)), nn.Conv1d(width, after, stride, stride)]
            layers += [ChannelNorm(after)]
        layers += [ConvUnit(b.widths[-1]) for _ in range(b.depths[-1])]
        self.layers = nn.Sequential(*layers)
        self.last = nn.Conv1d(b.widths[-1], b.features, 3, padding=1)

    @property
    def context(self) -> Context:
        b = self.config
        steps = [1, *(math.prod(b.strides[: n + 1]) for n in range(len(b.strides)))]  # samples a step of each stage
        reach = sum(ConvUnit.reach * depth * step for depth, step in zip(b.depths, steps, strict=True))
        reach += TREND_WIDTHS[-1] + ConvUnit.reach + steps[-1]
        samples = -(-reach // b.hop) * b.hop
        return Context(samples, samples)

    def encode(self, audio: Tensor) -> Tensor:
        features: Tensor = self.last(self.layers(audio.unsqueeze(1)))
        return features.transpose(1, 2).reshape(len(audio), -1, self.config.latent_dim)
