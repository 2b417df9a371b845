"""A stream over time: the experts that its windows choose, and the use of its bits."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from swc.bitstream.framing import CHUNK_OVERHEAD
from swc.bitstream.stream import Stream
from swc.bitstream.structure import window_lengths

Array = NDArray[np.float64]


def routing_map(stream: Stream, columns: int) -> Array:
    """The use of experts over time.

    Args:
        columns: moments with equal numbers of windows; at most the number of windows.

    Returns:
        Share of the latents of all channels that use each expert, (experts, columns); experts are numbered from 0, as
        the bits of a mask are.
    """
    layout = stream.header.layout
    windows = [channels for chunk in stream.chunks for channels in chunk.windows]
    chosen, possible = np.zeros((layout.n_experts, columns)), np.zeros(columns)
    for index, channels in enumerate(windows):
        column = index * columns // len(windows)
        possible[column] += len(channels)
        for window in channels:
            chosen[:, column] += layout.usage(window)
    shares: Array = chosen / possible
    return shares


def window_edges(stream: Stream) -> Array:
    """Start of each window and end of the last one, in seconds, (windows + 1,)."""
    header = stream.header
    lengths = [length for chunk in stream.chunks for length in window_lengths(chunk.latents, header.window)]
    return np.array([0, *accumulate(lengths)]) * header.hop / header.model_rate


def bits_by_window(stream: Stream) -> dict[str, Array]:
    """Bits of each window, all channels together, by kind, (windows,).

    The kinds are those of `Stream.breakdown` without header, tags and the end chunk, which belong to no window.
    Framing, couplings and padding of a chunk are divided among its windows by their lengths.
    """
    header, layout = stream.header, stream.header.layout
    kinds = ["framing", *layout.breakdown(()), *(["couplings"] if header.pairs else []), "padding"]
    bits: dict[str, list[float]] = {kind: [] for kind in kinds}
    for chunk in stream.chunks:
        counts = [layout.breakdown(channels) for channels in chunk.windows]
        couplings = sum(map(len, chunk.couplings))
        padding = -(couplings + sum(sum(count.values()) for count in counts)) % 8
        whole = {"framing": 8 * CHUNK_OVERHEAD, "couplings": couplings, "padding": padding}
        for count, length in zip(counts, window_lengths(chunk.latents, header.window), strict=True):
            share = length / chunk.latents
            for kind in kinds:
                bits[kind].append(count[kind] if kind in count else whole[kind] * share)
    return {kind: np.array(numbers) for kind, numbers in bits.items()}
