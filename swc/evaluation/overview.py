"""A stream on one page: waveform, spectrogram, routing and bits on a common time axis. Needs matplotlib."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from swc.audio import Audio
from swc.bitstream import Stream
from swc.bitstream.timeline import bits_by_window, routing_map, window_edges
from swc.errors import InputError
from swc.evaluation._figure import COLOURS, LOUD_PERCENTILE, draw_spectrogram, new_figure, save_figure
from swc.evaluation.spectra import Array
from swc.files import printable

_COLUMNS = 1200  # moments drawn; more would not be visible
_WINDOW_SECONDS = 0.04
_BATCH = 256  # frames transformed at once


def stream_overview(
    path: Path, stream: Stream, blocks: Iterable[Audio], title: str, report: Callable[[int], None] | None = None
) -> None:
    """Draw a stream and its decoded audio, as a PNG file; memory does not grow with the duration.

    The routing has a row for each expert, numbered from 0, darker where more windows choose it; a stream without
    experts has no such panel. Bits over time are those of `bits_by_window`.

    Args:
        path: PNG file to write, replaced atomically.
        stream: complete, of at least one sample.
        blocks: its audio, (n, channels) each, at the source rate.
        title: above the plots.
        report: called with the number of samples done.

    Raises:
        InputError: no audio, or matplotlib is not installed.
    """
    if not stream.total_samples:
        raise InputError("a stream without audio cannot be drawn")
    routed = stream.header.layout.n_experts > 0
    heights = [1.0 + 0.25 * (stream.header.channels - 1), 2.2, *([2.2] if routed else []), 1.5]
    figure = new_figure(11.0, 1.0 + 1.3 * sum(heights))
    figure.suptitle(printable(title), fontsize=11, parse_math=False)
    grid = figure.subplots(
        len(heights), 2, squeeze=False, gridspec_kw={"height_ratios": heights, "width_ratios": [60, 1]}
    )
    axes, sides = list(grid[:, 0]), list(grid[:, 1])
    sound = _Sound(stream)
    for block in blocks:
        sound.add(block)
        if report is not None:
            report(sound.taken)
    _draw_waveform(axes[0], sound)
    _draw_spectrogram(figure, axes[1], sides[1], sound)
    if routed:
        _draw_routing(figure, axes[2], sides[2], stream)
    _draw_bits(axes[-1], stream)
    for axis in axes:
        axis.set_xlim(0.0, stream.duration)
        axis.tick_params(labelbottom=axis is axes[-1])
    for side in (sides[0], sides[-1]):
        side.set_axis_off()
    axes[-1].set_xlabel("seconds")
    save_figure(figure, path)


class _Sound:
    """Extremes and power spectra of a recording by moments, taken block by block.

    Attributes:
        seconds, rate: of the recording.
        taken: samples so far.
        low, high: smallest and largest sample of each moment, (moments, channels).
        power: mean power of each moment's frames, all channels together, (moments', bins); a sine of full scale has
            1/16 at every rate.
    """

    def __init__(self, stream: Stream) -> None:
        self.rate, channels, self._total = stream.header.source_rate, stream.header.channels, stream.total_samples
        self.seconds = stream.duration
        moments = min(_COLUMNS, self._total)
        self.low, self.high = np.full((moments, channels), np.inf), np.full((moments, channels), -np.inf)
        self._window = max(32, 2 ** round(math.log2(_WINDOW_SECONDS * self.rate)))
        self._hop = max(self._window // 8, min(self._window // 2, self._total // _COLUMNS))
        self._hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self._window) / self._window)
        self._frames = 1 + self._total // self._hop
        self._sums = np.zeros((min(_COLUMNS, self._frames), self._window // 2 + 1))
        self._counts = np.zeros(len(self._sums))
        self.taken = self._framed = 0
        self._pending = np.zeros((self._window // 2, channels), np.float32)

    def add(self, block: Audio) -> None:
        """Take the next samples."""
        self._add_extremes(block)
        self._pending = np.concatenate([self._pending, block])
        self._add_frames()

    @property
    def power(self) -> Array:
        if self._framed < self._frames:  # the last frames extend beyond the end
            missing = (self._frames - 1 - self._framed) * self._hop + self._window - len(self._pending)
            self._pending = np.concatenate([self._pending, np.zeros((missing, self._pending.shape[1]), np.float32)])
            self._add_frames()
        power: Array = self._sums / self._counts[:, None]
        return power

    def _add_extremes(self, block: Audio) -> None:
        columns = (self.taken + np.arange(len(block))) * len(self.low) // self._total
        starts = np.flatnonzero(np.diff(columns, prepend=-1))
        here = columns[starts]
        self.low[here] = np.minimum(self.low[here], np.minimum.reduceat(block, starts))
        self.high[here] = np.maximum(self.high[here], np.maximum.reduceat(block, starts))
        self.taken += len(block)

    def _add_frames(self) -> None:
        ready = min(self._frames - self._framed, 1 + (len(self._pending) - self._window) // self._hop)
        if ready <= 0:
            return
        view = np.lib.stride_tricks.sliding_window_view(self._pending, self._window, axis=0)[:: self._hop]
        for start in range(0, ready, _BATCH):
            spectra = np.fft.rfft(view[start : min(start + _BATCH, ready)] * self._hann, axis=-1)  # (n, channels, bins)
            power = np.square(np.abs(spectra) / self._window).mean(axis=1)
            columns = (self._framed + start + np.arange(len(power))) * len(self._sums) // self._frames
            np.add.at(self._sums, columns, power)
            np.add.at(self._counts, columns, 1)
        self._framed += ready
        self._pending = self._pending[ready * self._hop :]


def _draw_waveform(axis: Any, sound: _Sound) -> None:
    """A lane for each channel, the first on top."""
    peak = max(1e-3, float(np.abs([sound.low, sound.high]).max()))
    times = (np.arange(len(sound.low)) + 0.5) / len(sound.low) * sound.seconds
    channels = sound.low.shape[1]
    for channel in range(channels):
        base = -2.2 * peak * channel
        low, high = sound.low[:, channel], sound.high[:, channel]
        axis.fill_between(times, base + low, base + high, color=COLOURS[0], linewidth=0.5)
    axis.set_ylim(-2.2 * peak * (channels - 1) - 1.1 * peak, 1.1 * peak)
    if channels == 1:
        axis.set_ylabel("amplitude")
    else:
        axis.set_yticks([-2.2 * peak * channel for channel in range(channels)], range(1, channels + 1))
        axis.set_ylabel("channel")
    axis.spines[["top", "right"]].set_visible(False)


def _draw_spectrogram(figure: Any, axis: Any, side: Any, sound: _Sound) -> None:
    levels = 10 * np.log10(np.maximum(sound.power, 1e-20))
    top = float(np.percentile(levels, LOUD_PERCENTILE))
    image = draw_spectrogram(axis, levels, top, sound.seconds, sound.rate)
    figure.colorbar(image, cax=side, label="dB")


def _draw_routing(figure: Any, axis: Any, side: Any, stream: Stream) -> None:
    edges = window_edges(stream)
    columns = min(_COLUMNS, len(edges) - 1)
    starts = -(-np.arange(columns) * (len(edges) - 1) // columns)  # as `routing_map` divides them
    times = [*edges[starts], edges[-1]]
    shares, layout = routing_map(stream, columns), stream.header.layout
    rows = layout.first + np.arange(len(shares) + 1) - 0.5
    image = axis.pcolormesh(times, rows, shares, cmap="Greys", vmin=0.0, vmax=1.0)
    axis.hlines(rows[1:-1], 0.0, edges[-1], color="white", linewidth=0.4)
    axis.invert_yaxis()
    axis.yaxis.get_major_locator().set_params(integer=True)
    axis.set_ylabel(layout.choice.one)
    figure.colorbar(image, cax=side, label=f"share of {layout.choice.place}s")


def _draw_bits(axis: Any, stream: Stream) -> None:
    edges = window_edges(stream)
    windows = len(edges) - 1
    columns = min(_COLUMNS, windows)
    starts = -(-np.arange(columns) * windows // columns)
    times = np.array([*edges[starts], edges[-1]])
    below = np.zeros(columns)
    kinds = bits_by_window(stream)
    for index, (kind, bits) in enumerate(sorted(kinds.items(), key=lambda item: -item[1].sum())):
        above = below + np.add.reduceat(bits, starts) / np.diff(times) / 1000
        colour = COLOURS[index % len(COLOURS)]
        axis.fill_between(
            times, [*below, below[-1]], [*above, above[-1]], step="post", color=colour, label=kind, linewidth=0
        )
        below = above
    axis.axhline(stream.kbps, color="black", linewidth=0.8, linestyle=":", label="mean, all included")
    axis.set_ylim(0.0, 1.15 * max(stream.kbps, float(below.max())))
    axis.set_ylabel("kbit/s")
    handles, labels = axis.get_legend_handles_labels()
    axis.legend(handles[::-1], labels[::-1], loc="lower center", ncols=len(labels), fontsize=8, framealpha=0.9)
    axis.spines[["top", "right"]].set_visible(False)
