"""Made-up streams for the tests of the command line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from swc.bitstream import Chunk, Header, RevqLayout, Stream, Window, latents_for

RATE, HOP, ROUTED, LATENTS = 44100, 1024, 17, 43


def make_stream(
    windows: int, channels: int = 1, choose: Callable[[int], tuple[int, ...]] = lambda w: (0, 5, 16)
) -> Stream:
    """`windows` windows, the last one of a single sample; `choose` gives the experts of each."""
    total = max(0, (windows - 1) * LATENTS * HOP + 1) if windows else 0
    header = Header(RATE, RATE, channels, HOP, -640, LATENTS, 4, RevqLayout(1, ROUTED, 10), bytes(range(8)), total)
    lengths = [min(LATENTS, latents_for(total, RATE, RATE, HOP) - w * LATENTS) for w in range(windows)]
    made = [
        tuple(Window(choose(w), np.full((1 + len(choose(w)), n), w % 1024, np.uint16)) for _ in range(channels))
        for w, n in enumerate(lengths)
    ]
    parts = [slice(start, start + 4) for start in range(0, windows, 4)]
    return Stream(header, tuple(Chunk(sum(lengths[p]), tuple(made[p])) for p in parts), total)
