"""What encoder and decoder are made of. `reach` is how many steps on each side of its own a step depends on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swc.config import ModelConfig, SqConfig
from swc.nn.layers.snake import Snake
from swc.nn.layers.upsample import upsample

KERNEL = 7
EXPANSION = 4
TREND_WIDTHS = (1, 3, 5, 9)
TINY = 1e-5


def backbone_of(config: ModelConfig) -> SqConfig:
    """The `[backbone]` of a model of this kind."""
    if not isinstance(config.backbone, SqConfig):
        raise TypeError(f"the backbone is of kind {config.backbone.kind!r}, not sq")
    return config.backbone


class ChannelNorm(nn.LayerNorm):
    """Layer norm of the channels of each step: (B, C, T) -> (B, C, T)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class ConvUnit(nn.Module):
    """A ConvNeXt block with Snake (Liu et al. 2022, arXiv 2201.03545): (B, C, T) -> (B, C, T).

    The authors' code has a global response normalisation before the last layer. It takes its norms over time and
    channels at once, which leaves of it an affine map that the last layer can learn; so it is left out.
    """

    reach = KERNEL // 2

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(dim, dim, KERNEL, padding=KERNEL // 2, groups=dim)
        self.norm = ChannelNorm(dim)
        self.up = nn.Conv1d(dim, EXPANSION * dim, 1)
        self.snake = Snake(EXPANSION * dim)
        self.down = nn.Conv1d(EXPANSION * dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(self.snake(self.up(self.norm(self.depthwise(x)))))
        return x + y


def trend(x: Tensor, width: int) -> Tensor:
    """TPooling, eq. (1): the signal's envelope over `width` steps, (B, C, T) -> (B, C, T); of width 1 the signal."""
    if width == 1:
        return x
    highest = F.max_pool1d(x.abs(), width, 1, width // 2)
    return F.avg_pool1d(highest, width, 1, width // 2)


class TrendConv(nn.Module):
    """Convolutions of a signal's trends of several widths, each to as many channels: (B, 1, T) -> (B, C, T)."""

    def __init__(self, widths: Sequence[int], channels: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.branches = nn.ModuleList(
            nn.Conv1d(1, channels, KERNEL, padding=KERNEL // 2 * dilation, dilation=dilation) for dilation in dilations
        )
        self.reach = max(
            2 * (width // 2) + KERNEL // 2 * dilation for width, dilation in zip(widths, dilations, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        branches = zip(self.widths, self.branches, strict=True)
        return torch.cat([branch(trend(x, width)) for width, branch in branches], 1)


class LocalNorm(nn.Module):
    """Instance norm over the steps around each one, (B, C, T) -> (B, C, T).

    The paper's is over a whole recording, which a stream does not know, and which would make each sample depend on all
    others.

    Args:
        channels: each has a scale and an offset of its own.
        steps: that are one of the span's units.
        span: units whose mean and variance a step is normalised by, the middle one being its own.
    """

    def __init__(self, channels: int, steps: int, span: int) -> None:
        super().__init__()
        self.steps, self.span = steps, span
        self.scale = nn.Parameter(torch.ones(channels, 1))
        self.offset = nn.Parameter(torch.zeros(channels, 1))

    @property
    def reach(self) -> int:
        return self.steps * (self.span // 2 + 2)  # of units; one is its own, and one more is interpolated with

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        units = x.reshape(*x.shape[:2], -1, self.steps)
        around = self._spans(units.mean(3))
        # the variance within units and that of their means, which loses no digits where the mean is large
        variance = self._spans(units.var(3, unbiased=False)).mean(3) + around.var(3, unbiased=False)
        mean, size = (upsample(found, self.steps) for found in (around.mean(3), (variance + TINY).rsqrt()))
        return (x - mean) * size * self.scale + self.offset

    def _spans(self, units: Tensor) -> Tensor:
        """The units around each one, (B, C, U) -> (B, C, U, span); at the ends, the last one several times."""
        half = self.span // 2
        spans: Tensor = F.pad(units, (half, half), mode="replicate").unfold(2, self.span, 1)
        return spans


class TrendAttention(nn.Module):
    """TEConv: the trends of the first channel say by how much each channel is raised, (B, C, T) -> (B, C, T).

    Args:
        dim: channels.
        steps, span: as for `LocalNorm`.
    """

    def __init__(self, dim: int, steps: int, span: int) -> None:
        super().__init__()
        self.trends = TrendConv(TREND_WIDTHS, 1, [1 + width // 2 for width in TREND_WIDTHS])
        self.norm = LocalNorm(len(TREND_WIDTHS), steps, span)
        self.merge = nn.Conv1d(len(TREND_WIDTHS), dim, 1)

    @property
    def reach(self) -> int:
        return self.trends.reach + self.norm.reach

    def forward(self, x: Tensor) -> Tensor:
        attention: Tensor = self.merge(self.norm(self.trends(x[:, :1])))
        return x + attention * x
