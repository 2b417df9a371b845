"""Rate control: how many bits the windows of each chunk take."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from swc.bitstream import Couplings, Header, window_lengths
from swc.codec.allocation import Allocator, share_evenly
from swc.codec.budget import Budget

SILENCE_RMS = 1e-3  # 40 dB below the loud parts: such windows get bits last


class Uncoded(NamedTuple):
    """A chunk before its codes.

    Attributes:
        z: latents (channels, L, D).
        rms: of the level-normalised audio of each window (channels, W).
        seconds: duration of the stream up to its end.
        last: whether it is known to be the stream's last.
        couplings: of its pairs of channels.
    """

    z: Tensor
    rms: Tensor
    seconds: float
    last: bool
    couplings: Couplings = ()


class RateControl(Protocol):
    """Decides how many steps above its least size (of the layout's `sizes`) each window takes."""

    def grants(self, chunks: Sequence[Uncoded]) -> list[Tensor]:
        """Steps for the windows of each of the next chunks: (channels, W)."""

    def settle(self, packed: int) -> None:
        """Report the bits that windows and couplings of a chunk took; once for each chunk, in the order of `grants`."""


class ConstantRate:
    """A RateControl that keeps to a budget.

    Args:
        header: of the stream.
        budget: of the stream; it is used up.
        allocator: of each chunk's bits.
    """

    def __init__(self, header: Header, budget: Budget, allocator: Allocator = share_evenly) -> None:
        self.header, self.budget, self.allocator = header, budget, allocator
        self._reserved = deque[int]()

    def grants(self, chunks: Sequence[Uncoded]) -> list[Tensor]:
        return [self._grant(chunk) for chunk in chunks]

    def settle(self, packed: int) -> None:
        self.budget.settle(self._reserved.popleft(), packed)

    def _grant(self, chunk: Uncoded) -> Tensor:
        """Request the bits of a chunk, and divide them: (channels, W)."""
        channels, latents, _ = chunk.z.shape
        lengths = window_lengths(latents, self.header.window)
        sizes = [self.header.layout.sizes(n) for n in lengths for _ in range(channels)]
        heard: list[bool] = (chunk.rms.t() > SILENCE_RMS).flatten().tolist()
        couplings = sum(map(len, chunk.couplings))
        steps = self.allocator(heard, sizes, self.budget.grant(chunk.seconds) - couplings)
        if chunk.last and self.budget.falls_short(chunk.seconds, couplings + _bits(sizes, steps)):
            steps = self.allocator(heard, sizes, self.budget.rest(chunk.seconds) - couplings)
        self._reserved.append(couplings + _bits(sizes, steps))
        self.budget.reserve(self._reserved[-1])
        return torch.tensor(steps, device=chunk.z.device).reshape(-1, channels).t()


class OnlyRate:
    """A RateControl of models with one rate, which leave it nothing to decide."""

    def grants(self, chunks: Sequence[Uncoded]) -> list[Tensor]:
        return [torch.zeros(chunk.rms.shape, dtype=torch.long, device=chunk.z.device) for chunk in chunks]

    def settle(self, packed: int) -> None:
        """Nothing is limited."""


def of_each(chunks: Sequence[Uncoded], measure: Callable[[Sequence[Uncoded]], Tensor]) -> list[Tensor]:
    """What `measure` gives for each chunk, (channels, ...).

    Args:
        chunks: in order.
        measure: takes some of one shape, which saves time, and gives (chunks * channels, ...).
    """
    found: list[Tensor] = []
    for _, alike in groupby(chunks, key=lambda chunk: chunk.z.shape):
        some = list(alike)
        found += torch.split(measure(some), len(some[0].z))
    return found


def _bits(sizes: Sequence[range], steps: Sequence[int]) -> int:
    """Total bits of windows with these steps."""
    return sum(size[step] for size, step in zip(sizes, steps, strict=True))
