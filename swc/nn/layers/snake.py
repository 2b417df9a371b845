"""The Snake activation for signals that are periodic (Ziyin et al. 2020, arXiv 2006.08195)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

TINY = 1e-9


class Snake(nn.Module):
    """x + sin(a x)^2 / a, with a frequency a of each channel that is learned: (B, C, T) -> (B, C, T)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.frequency = nn.Parameter(torch.ones(channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + (self.frequency * x).sin().square() / (self.frequency + TINY)
