"""The division of a chunk's bits among its windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Allocator(Protocol):
    """Shares the bits of a chunk among its windows."""

    def __call__(self, heard: Sequence[bool], sizes: Sequence[range], bits: int) -> list[int]:
        """The number of steps above its least size that each window may take.

        Args:
            heard: whether each window (of each channel) is not silent.
            sizes: that each may have, in bits, as `Layout.sizes` gives them.
            bits: of the chunk's payload; may be fewer than all the least sizes.
        """


def share_evenly(heard: Sequence[bool], sizes: Sequence[range], bits: int) -> list[int]:
    """An Allocator: evenly, but silent windows get only the bits that the others cannot use.

    (Shares by energy, in the latents or in the audio, measured worse than even ones.)
    """
    steps = [0] * len(sizes)
    spare = bits - sum(size[0] for size in sizes)
    for audible in (True, False):
        for _ in range(max((len(size) for size in sizes), default=1) - 1):
            for i in (i for i, h in enumerate(heard) if h is audible and steps[i] < len(sizes[i]) - 1):
                if sizes[i].step <= spare:
                    spare -= sizes[i].step
                    steps[i] += 1
    return steps
