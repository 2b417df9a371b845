"""ConvNeXt-1D trunk at the frame rate, as in Vocos (Siuzdak 2023, arXiv 2306.00814)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Depthwise convolution, layer norm, two pointwise layers, layer scale, residual: (B, T, C) -> (B, T, C)."""

    def __init__(self, dim: int, expansion: int, kernel: int, scale: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, expansion * dim)
        self.down = nn.Linear(expansion * dim, dim)
        self.scale = nn.Parameter(torch.full((dim,), scale))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(F.gelu(self.up(self.norm(self._depthwise(x)))))
        return x + y * self.scale

    def _depthwise(self, x: Tensor) -> Tensor:
        # as a 2-D convolution: its depthwise kernels take half the time of the 1-D ones on a CPU
        conv = self.depthwise
        y = F.conv2d(
            x.transpose(1, 2).unsqueeze(2),
            conv.weight.unsqueeze(2),
            conv.bias,
            padding=(0, conv.kernel_size[0] // 2),
            groups=conv.groups,
        )
        return y.squeeze(2).transpose(1, 2)


class Trunk(nn.Module):
    """Convolution into the trunk's width, blocks, norms: (B, T, inputs) -> (B, T, dim)."""

    def __init__(self, inputs: int, dim: int, blocks: int, expansion: int, kernel: int, entry_kernel: int) -> None:
        super().__init__()
        self.entry = nn.Conv1d(inputs, dim, entry_kernel, padding=entry_kernel // 2)
        self.entry_norm = nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(Block(dim, expansion, kernel, 1 / blocks) for _ in range(blocks))
        self.exit_norm = nn.LayerNorm(dim)
        self.reach = entry_kernel // 2 + blocks * (kernel // 2)  # frames of context on each side

    def forward(self, x: Tensor) -> Tensor:
        h = self.entry_norm(self.entry(x.transpose(1, 2)).transpose(1, 2))
        for block in self.blocks:
            h = block(h)
        out: Tensor = self.exit_norm(h)
        return out
