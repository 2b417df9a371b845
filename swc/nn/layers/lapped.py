"""A lapped transform as a pair of convolutions: the modified DCT (Princen, Johnson & Bradley 1987).

Coefficients of n bands, one of each every n samples, are the signal and no more than it: what the first layer takes
apart the last one puts together. They are compressed on the way, as loudness is, so that a network sees and makes soft
sounds as well as loud ones. Networks may learn on from the transform, which is where its weights begin.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

CEILING = 100.0  # no recording comes near, a runaway network stops there
SOFT = 1e-4  # coefficients below are nearly linear: 80 dB below full scale


def basis(bands: int) -> Tensor:
    """An orthonormal lapped transform with a sine window: (bands, 1, 2 * bands)."""
    n = torch.arange(2 * bands, dtype=torch.float64) + 0.5
    k = torch.arange(bands, dtype=torch.float64)[:, None] + 0.5
    window = (math.pi * n / (2 * bands)).sin()
    waves = window * (math.pi / bands * (n + bands / 2) * k).cos() * math.sqrt(2 / bands)
    return waves[:, None].float()


def compress(x: Tensor, exponent: float) -> Tensor:
    """sign(x) |x|^exponent of any shape, with a finite slope at 0."""
    return x * (x.square() + SOFT**2).pow((exponent - 1) / 2)


def expand(y: Tensor, exponent: float) -> Tensor:
    """sign(y) |y|^(1 / exponent) of any shape, within what is possible."""
    limit = CEILING**exponent
    y = y.clamp(-limit, limit)
    return y * y.abs().pow(1 / exponent - 1)


class Analysis(nn.Module):
    """Audio (B, 1, T * bands) -> compressed coefficients (B, bands, T)."""

    def __init__(self, bands: int, exponent: float) -> None:
        super().__init__()
        self.exponent = exponent
        self.transform = nn.Conv1d(1, bands, 2 * bands, bands, bands // 2, bias=False)
        self.transform.weight = nn.Parameter(basis(bands))

    def forward(self, audio: Tensor) -> Tensor:
        return compress(self.transform(audio), self.exponent)


class Synthesis(nn.Module):
    """Compressed coefficients (B, bands, T) -> audio (B, 1, T * bands)."""

    def __init__(self, bands: int, exponent: float) -> None:
        super().__init__()
        self.exponent = exponent
        self.transform = nn.ConvTranspose1d(bands, 1, 2 * bands, bands, bands // 2, bias=False)
        self.transform.weight = nn.Parameter(basis(bands))

    def forward(self, coefficients: Tensor) -> Tensor:
        audio: Tensor = self.transform(expand(coefficients, self.exponent))
        return audio
