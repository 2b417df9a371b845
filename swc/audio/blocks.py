"""Blocks of audio as a caller gives them, checked."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from swc.audio.wav import Audio
from swc.errors import InputError

MAX_CHANNELS = 8


class CheckedBlocks:
    """Blocks of audio on their way to the encoder, checked and counted.

    Attributes:
        channels: of every block.
        samples: per channel, handed out so far.

    Raises:
        InputError: more than 8 channels, a block of another shape, or samples that are not finite.
    """

    def __init__(self, blocks: Iterable[NDArray[np.floating]], channels: int) -> None:
        if not 1 <= channels <= MAX_CHANNELS:
            raise InputError(f"{channels} channels; swc takes 1 to {MAX_CHANNELS}")
        self.channels, self.samples = channels, 0
        self._blocks, self._peeked = iter(blocks), deque[Audio]()

    def peek(self, samples: int) -> Audio:
        """The first `samples` (or as many as there are), which iterating returns all the same."""
        while sum(map(len, self._peeked)) < samples:
            block = next(self._blocks, None)
            if block is None:
                break
            self._peeked.append(self._check(block))
        return np.concatenate([np.zeros((0, self.channels), np.float32), *self._peeked])[:samples]

    def __iter__(self) -> Iterator[Audio]:
        while self._peeked:
            yield self._count(self._peeked.popleft())
        for block in self._blocks:
            yield self._count(self._check(block))

    def _count(self, block: Audio) -> Audio:
        self.samples += len(block)
        return block

    def _check(self, block: NDArray[np.floating]) -> Audio:
        if block.ndim != 2 or block.shape[1] != self.channels:
            raise InputError(f"audio must be (samples, {self.channels}), not {block.shape}")
        if not np.issubdtype(block.dtype, np.floating):
            raise InputError(f"audio must be floating point with full scale [-1, 1], not {block.dtype}")
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
            block = np.asarray(block, np.float32)
        if not np.isfinite(block).all():
            raise InputError(
                "the audio holds NaN or infinite samples; repair it first (for example with sox or ffmpeg)"
            )
        return block
