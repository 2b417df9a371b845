"""From channels to coded channels: with the mean energy of a pair, whatever the phases between its two channels."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from swc.bitstream import Header
from swc.bitstream.coupling import EQUAL, FIRST, OPPOSITE, PARAMETRIC, SECOND
from swc.codec.stereo.grid import Grid, around
from swc.dsp.context import Context, Segment, Segments
from swc.dsp.stft import analyse, synthesise

SEGMENT = 8  # latents
FRAMES, BINS = 3, 4  # on either side, over which energies and phases are averaged
IN_PHASE = 0.9  # coherence added so that channels without a common phase get that of a plain sum
_NOTHING = 1e-12


class Downmix:
    """Makes coded channels from the channels of a stream.

    Args:
        header: of the stream.
        grid: of its couplings.
    """

    def __init__(self, header: Header, grid: Grid) -> None:
        self.header, self.grid = header, grid
        self._pairs, reach = dict(header.pairs), grid.reach(FRAMES)
        self._segments = Segments(SEGMENT * header.hop, Context(reach, reach))

    def push(self, audio: Tensor) -> Iterator[Tensor]:
        """What is ready after the next samples (channels, n): coded channels, and below them the channels of each pair,
        (coded channels + 2 * pairs, m) each."""
        if not self._pairs:
            yield audio
            return
        yield from map(self._rows, self._segments.push(audio))

    def flush(self) -> Iterator[Tensor]:
        """The rest, whole latents in all."""
        yield from map(self._rows, self._segments.flush())

    def _rows(self, segment: Segment) -> Tensor:
        inside = slice(segment.before, segment.before + segment.length)
        members = [channel for pair in self.header.pairs for channel in pair]
        coded = [self._channel(segment.signal, channel)[inside] for channel in self.header.coded]
        return torch.cat([torch.stack(coded), segment.signal[members, inside]])

    def _channel(self, signal: Tensor, channel: int) -> Tensor:
        """The coded channel in place of a channel, (n,)."""
        first = signal[channel]
        if channel not in self._pairs:
            return first
        second = signal[self._pairs[channel]]
        mode = plain_mode(first, second)
        if mode == PARAMETRIC:
            return self._mix(first[None], second[None])[0]
        return first if mode in (EQUAL, OPPOSITE) else (first if mode == FIRST else second) * 0.5**0.5

    def _mix(self, first: Tensor, second: Tensor) -> Tensor:
        """The sum of the first channel and the second, rotated to its phase, at the mean energy of both: (1, n)."""
        grid = self.grid
        a, b = (analyse(channel, grid.window, grid.hop) for channel in (first, second))
        aa, bb = (around(x.abs().square(), FRAMES, BINS) + _NOTHING for x in (a, b))
        turn = around(a * b.conj(), FRAMES, BINS) + IN_PHASE * (aa * bb).sqrt()
        mix = a + b * turn / (turn.abs() + _NOTHING)
        there = around(mix.abs().square(), FRAMES, BINS) + _NOTHING
        audio: Tensor = synthesise(mix * ((aa + bb) / 2 / there).sqrt(), grid.window, grid.hop)
        return audio


def plain_mode(first: Tensor, second: Tensor) -> int:
    """The mode of a pair that needs no parameters, else PARAMETRIC."""
    if torch.equal(first, second):
        return EQUAL
    if torch.equal(first, -second):
        return OPPOSITE
    return PARAMETRIC if first.any() and second.any() else FIRST if first.any() else SECOND
