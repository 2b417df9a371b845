"""Levels: latents take as many codebooks as they are important, times a level, which is given or found for a rate.

All chunks that are seen at once have the same level, so bits go where they are needed within a minute of a recording of
known length; their budget holds at the end of the last of them. From then on the level rises slowly, or each pause in
live audio would get all the bits that it has time for; it falls as soon as it must.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swc.bitstream import Header, VrvqLayout
from swc.codec.budget import CHUNK_BITS, Budget
from swc.codec.control import Uncoded, of_each
from swc.nn.roles import LevelQuantizer

RISE = 1.05  # a second, by which the level rises at most


class Depths:
    """How many codebooks the latents of some chunks take at which level.

    Args:
        quantizer: of the model.
        layout: of the stream.
        window: latents a window.
        chunks: in order.
    """

    def __init__(self, quantizer: LevelQuantizer, layout: VrvqLayout, window: int, chunks: Sequence[Uncoded]) -> None:
        self.layout, self.window = layout, window
        found = of_each(chunks, lambda alike: quantizer.thresholds(torch.cat([chunk.z for chunk in alike])))
        self._thresholds: list[NDArray[np.float32]] = [one.cpu().numpy() for one in found]  # (channels, L, n_routed)

    @property
    def levels(self) -> NDArray[np.float32]:
        """The levels at which a latent takes a codebook more, rising."""
        every: NDArray[np.float32] = np.unique(np.concatenate([one.ravel() for one in self._thresholds]))
        return every[np.isfinite(every)]

    def bits(self, level: float) -> list[int]:
        """Bits that the windows of each chunk take at a level."""
        return [sum(self.layout.bits(depths) for row in windows for depths in row) for windows in self._windows(level)]

    def grants(self, level: float) -> list[Tensor]:
        """Steps of each chunk's windows (channels, W) at a level."""
        least = self.layout.n_shared
        return [
            torch.tensor([[int((depths - least).sum()) for depths in row] for row in windows])
            for windows in self._windows(level)
        ]

    def _windows(self, level: float) -> list[list[list[NDArray[np.int64]]]]:
        """Depths of each chunk, by channel and window."""
        chunks = []
        for thresholds in self._thresholds:
            depths = self.layout.n_shared + (thresholds <= level).sum(2)
            cuts = range(self.window, depths.shape[1], self.window)
            chunks.append([np.split(row, cuts) for row in depths])
        return chunks


class ConstantLevel:
    """A RateControl of one level throughout.

    Args:
        quantizer: of the model.
        header: of the stream.
        level: 0 or more; at 0 each latent takes the least that it can.
    """

    def __init__(self, quantizer: LevelQuantizer, header: Header, level: float) -> None:
        self.quantizer, self.header, self.level = quantizer, header, level
        self.layout = layout_of(header)

    @torch.inference_mode()
    def grants(self, chunks: Sequence[Uncoded]) -> list[Tensor]:
        depths = Depths(self.quantizer, self.layout, self.header.window, chunks)
        return [grant.to(chunk.z.device) for grant, chunk in zip(depths.grants(self.level), chunks, strict=True)]

    def settle(self, packed: int) -> None:
        """Nothing is limited."""


class LevelForRate(ConstantLevel):
    """A RateControl that finds the greatest level whose bits a budget grants, for all chunks that it sees at once.

    Args:
        quantizer, header: as for `ConstantLevel`.
        budget: of the stream; is spent.
    """

    def __init__(self, quantizer: LevelQuantizer, header: Header, budget: Budget) -> None:
        super().__init__(quantizer, header, 0.0)
        self.budget, self._most, self._seconds = budget, math.inf, 0.0
        self._reserved = deque[int]()

    @torch.inference_mode()
    def grants(self, chunks: Sequence[Uncoded]) -> list[Tensor]:
        depths, last = Depths(self.quantizer, self.layout, self.header.window, chunks), chunks[-1]
        levels = depths.levels
        couplings = [sum(map(len, chunk.couplings)) for chunk in chunks]
        beside = sum(couplings) + (len(chunks) - 1) * CHUNK_BITS
        self.level = _greatest(depths, levels, self.budget.grant(last.seconds) - beside)
        if not last.last:
            self.level = min(self.level, self._most * RISE ** (last.seconds - self._seconds))
        elif self.budget.falls_short(last.seconds, beside + sum(depths.bits(self.level))):
            self.level = _greatest(depths, levels, self.budget.rest(last.seconds) - beside)
        if self.level:
            self._most, self._seconds = self.level, last.seconds
        for bits, more in zip(depths.bits(self.level), couplings, strict=True):
            self._reserved.append(bits + more)
            self.budget.reserve(bits + more)
        return [grant.to(last.z.device) for grant in depths.grants(self.level)]

    def settle(self, packed: int) -> None:
        self.budget.settle(self._reserved.popleft(), packed)


def layout_of(header: Header) -> VrvqLayout:
    """The layout of a stream whose latents have depths."""
    if not isinstance(header.layout, VrvqLayout):
        raise TypeError(f"the layout is of family {header.layout.name!r}, not vrvq")
    return header.layout


def _greatest(depths: Depths, levels: NDArray[np.float32], bits: int) -> float:
    """The greatest level at which the chunks take at most so many bits, or else 0."""
    index = bisect_right(levels, bits, key=lambda level: sum(depths.bits(float(level))))
    return float(levels[index - 1]) if index else 0.0
