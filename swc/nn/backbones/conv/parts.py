"""Parts of encoder and decoder: residual units, convolutions that keep lengths exact, and their reach."""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor, nn

from swc.config import ConvConfig, ModelConfig
from swc.nn.layers.snake import Snake

KERNEL = 7
SMALL = 0.2  # share of their usual size that some weights start with
Layer = TypeVar("Layer", nn.Conv1d, nn.ConvTranspose1d)


class ResidualUnit(nn.Module):
    """Snake, dilated convolution, Snake, pointwise convolution, residual: (B, C, T) -> (B, C, T)."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            Snake(channels),
            same(channels, channels, KERNEL, dilation),
            Snake(channels),
            same(channels, channels, 1, start=SMALL),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.branch(x)
        return out


def units(channels: int, config: ConvConfig) -> list[nn.Module]:
    """The residual units of a block."""
    return [ResidualUnit(channels, dilation) for dilation in config.dilations]


def same(inputs: int, outputs: int, kernel: int, dilation: int = 1, start: float = 1.0) -> nn.Conv1d:
    """A convolution of odd kernel that keeps the length; its first weights are `start` of their usual size."""
    conv = nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2 * dilation, dilation=dilation)
    return _begun(conv, inputs * kernel, start)


def down(inputs: int, outputs: int, stride: int) -> nn.Conv1d:
    """A convolution from T * stride to T."""
    conv = nn.Conv1d(inputs, outputs, 2 * stride, stride, padding=-(-stride // 2))
    return _begun(conv, inputs * 2 * stride)


def up(inputs: int, outputs: int, stride: int) -> nn.ConvTranspose1d:
    """A transposed convolution from T to T * stride."""
    conv = nn.ConvTranspose1d(inputs, outputs, 2 * stride, stride, padding=-(-stride // 2), output_padding=stride % 2)
    return _begun(conv, inputs * 2)


def _begun(conv: Layer, fan_in: int, start: float = 1.0) -> Layer:
    """The layer with weights that keep the power of what goes through it, or `start` of its size."""
    nn.init.normal_(conv.weight, std=start * fan_in**-0.5)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def needed(network: nn.Module, low: int, high: int) -> tuple[int, int]:
    """The first and the last position of a network's input that positions `low` to `high` of its output depend on.

    The network's convolutions must come one after the other, as they were added to it; residuals may pass some of them.
    """
    for conv in reversed([m for m in network.modules() if isinstance(m, nn.Conv1d | nn.ConvTranspose1d)]):
        (kernel,), (stride,), (dilation,) = conv.kernel_size, conv.stride, conv.dilation
        padding = conv.padding[0]
        if not isinstance(padding, int):
            raise TypeError("padding must be a number")
        if isinstance(conv, nn.ConvTranspose1d):
            low, high = -((kernel - 1 - padding - low) // stride), (high + padding) // stride
        else:
            low, high = low * stride - padding, high * stride - padding + (kernel - 1) * dilation
    return low, high


def backbone_of(config: ModelConfig) -> ConvConfig:
    """The `[backbone]` of a model of this kind."""
    if not isinstance(config.backbone, ConvConfig):
        raise TypeError(f"the backbone is of kind {config.backbone.kind!r}, not conv")
    return config.backbone
