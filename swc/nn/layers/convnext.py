"""ConvNeXt-1D trunk at the frame rate, as in Vocos (Siuzdak 2023, arXiv 2306.00814)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swc.dsp.context import Context

Memory = tuple[Tensor, ...]
"""The last inputs (B, past, C) of each convolution of a causal trunk; empty at the start."""


class Block(nn.Module):
    """Depthwise convolution, layer norm, two pointwise layers, layer scale, residual: (B, T, C) -> (B, T, C)."""

    def __init__(self, dim: int, expansion: int, kernel: int, scale: float, causal: bool) -> None:
        super().__init__()
        self.past = kernel - 1 if causal else 0
        self.depthwise = nn.Conv1d(dim, dim, kernel, padding=0 if causal else kernel // 2, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, expansion * dim)
        self.down = nn.Linear(expansion * dim, dim)
        self.scale = nn.Parameter(torch.full((dim,), scale))

    def forward(self, x: Tensor) -> Tensor:
        return self._pointwise(x, self._depthwise(after(self.past, x)))

    def going_on(self, x: Tensor, known: Tensor) -> Tensor:
        """`forward` of x; `known` is x after as many earlier frames as the convolution reaches back."""
        conv = self.depthwise
        # of few frames, a sum takes a third of the time of a convolution
        y = (known.unfold(1, conv.weight.shape[2], 1) * conv.weight[:, 0]).sum(-1)
        y = y if conv.bias is None else y + conv.bias
        return self._pointwise(x, y)

    def _pointwise(self, x: Tensor, y: Tensor) -> Tensor:
        y = self.down(F.gelu(self.up(self.norm(y))))
        return x + y * self.scale

    def _depthwise(self, x: Tensor) -> Tensor:
        # as a 2-D convolution: its depthwise kernels take half the time of the 1-D ones on a CPU
        conv = self.depthwise
        y = F.conv2d(
            x.transpose(1, 2).unsqueeze(2),
            conv.weight.unsqueeze(2),
            conv.bias,
            padding=(0, int(conv.padding[0])),
            groups=conv.groups,
        )
        return y.squeeze(2).transpose(1, 2)


class Trunk(nn.Module):
    """Convolution into the trunk's width, blocks, norms: (B, T, inputs) -> (B, T, dim).

    Args:
        inputs, dim: numbers of a frame, outside and inside.
        blocks, expansion, kernel: of the blocks.
        entry_kernel: of the first convolution.
        causal: no frame depends on later ones.
    """

    def __init__(
        self, inputs: int, dim: int, blocks: int, expansion: int, kernel: int, entry_kernel: int, causal: bool
    ) -> None:
        super().__init__()
        self.past = entry_kernel - 1 if causal else 0
        self.entry = nn.Conv1d(inputs, dim, entry_kernel, padding=0 if causal else entry_kernel // 2)
        self.entry_norm = nn.LayerNorm(dim)
        self.blocks = nn.ModuleList(Block(dim, expansion, kernel, 1 / blocks, causal) for _ in range(blocks))
        self.exit_norm = nn.LayerNorm(dim)
        reach = entry_kernel // 2 + blocks * (kernel // 2)
        # frames before and after its own that a frame depends on
        self.context = Context(2 * reach, 0) if causal else Context(reach, reach)

    def forward(self, x: Tensor) -> Tensor:
        h = self._entered(after(self.past, x))
        for block in self.blocks:
            h = block(h)
        out: Tensor = self.exit_norm(h)
        return out

    def following(self, x: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """`forward` of the frames after those that left `memory`, of which a causal trunk needs nothing else.

        Returns:
            The output for x, and the memory that x leaves.
        """
        known = _known(x, memory, 0, self.past)
        left, h = [_last(known, self.past)], self._entered(known)
        blocks = [block for block in self.blocks if isinstance(block, Block)]
        for number, block in enumerate(blocks, 1):
            known = _known(h, memory, number, block.past)
            left.append(_last(known, block.past))
            h = block.going_on(h, known)
        return self.exit_norm(h), tuple(left)

    def _entered(self, known: Tensor) -> Tensor:
        h: Tensor = self.entry_norm(self.entry(known.transpose(1, 2)).transpose(1, 2))
        return h


def after(zeros: int, x: Tensor) -> Tensor:
    """x (B, T, C) after so many frames of zeros."""
    return F.pad(x, (0, 0, zeros, 0)) if zeros else x


def _known(x: Tensor, memory: Memory, layer: int, past: int) -> Tensor:
    """The input of a layer after what it remembers; zeros are before the first frame."""
    return torch.cat((memory[layer], x), 1) if memory else after(past, x)


def _last(x: Tensor, frames: int) -> Tensor:
    return x[:, x.shape[1] - frames :]
