"""From coded channels to channels: scaled and rotated by the parameters of their pair, and decorrelated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from swc.bitstream import Coupling, Couplings, Header
from swc.bitstream.coupling import BANDS, EQUAL, FIRST, OPPOSITE, PARAMETRIC, RANGES, SECOND, slots_in
from swc.codec.stereo.grid import DELAY_UNIT, Grid, around
from swc.codec.stereo.tables import COHERENCES, LEVELS, PHASES
from swc.nn.layers.noise import uniform
from swc.nn.layers.stft import analyse, synthesise
from swc.nn.roles import Each

RAMP = 2  # frames on either side of a new slot over which its gains are faded in
FRAMES, BINS = 4, 4  # on either side, over which the decorrelated part is made orthogonal to the direct one
LONGEST, CYCLES = 0.014, 1.8  # delay of the decorrelated part: seconds at most, and in periods of a critical bandwidth
LOUDEST = 10.0  # most gain of the rest of the decorrelated part
_NOTHING = 1e-9
_PLAIN = {EQUAL: (1.0, 1.0), OPPOSITE: (1.0, -1.0), FIRST: (2**0.5, 0.0), SECOND: (0.0, 2**0.5)}


class Gains(NamedTuple):
    """The gains that make the channels of a pair from the coded channel, frame by frame.

    Attributes:
        bands: complex (4, T, BANDS): of the direct and the decorrelated part in the first channel, and in the second.
        delays: of the second channel in seconds, (T,).
    """

    bands: Tensor
    delays: Tensor

    def joined(self, other: Gains) -> Gains:
        """These, followed by others."""
        return Gains(torch.cat([self.bands, other.bands], 1), torch.cat([self.delays, other.delays]))

    def last(self, frames: int) -> Gains:
        """The last frames, of this number."""
        start = max(0, len(self.delays) - frames)
        return Gains(self.bands[:, start:], self.delays[start:])


class _Part(NamedTuple):
    """Audio (coded channels, samples) with the gains of each pair in it, and which samples are asked for."""

    audio: Tensor
    gains: list[Gains]
    inside: slice


class Upmix:
    """Makes the channels of one stream, chunk by chunk, of its coded channels.

    A sample depends on `reach` samples around it, and always in the same way.

    Args:
        header: of the stream.
        device: where the audio is.
    """

    def __init__(self, header: Header, device: torch.device) -> None:
        self.header, self.grid, self.device = header, Grid(header, device), device
        self.reach = self.grid.reach(FRAMES)
        self._allpass = _allpass(self.grid)
        self._rows = {channel: row for row, channel in enumerate(header.coded)}

    def blocks(
        self, audio: Iterable[Tensor], couplings: Iterator[Couplings | None], each: Each = map
    ) -> Iterator[Tensor]:
        """Channels (channels, n), `reach` samples less than there was audio for until it ends.

        Args:
            audio: (coded channels, n) of each chunk.
            couplings: of each chunk; None of one that is lost.
            each: what maps functions of one chunk and its surroundings over them.
        """
        return each(self._channels, self._parts(audio, couplings))

    def _parts(self, audio: Iterable[Tensor], couplings: Iterator[Couplings | None]) -> Iterator[_Part]:
        """The audio of each chunk with its surroundings, as `blocks` takes it."""
        reach, before = self.reach, 0
        buffer: Tensor | None = None
        gains: list[Gains] = []
        for block in audio:
            new = self._gains(next(couplings), block.shape[1] // self.grid.hop, gains)
            buffer = block if buffer is None else torch.cat([buffer, block], 1)
            gains = [a.joined(b) for a, b in zip(gains, new, strict=True)] if gains else new
            stop = buffer.shape[1] - reach
            if stop <= before:
                continue
            yield _Part(buffer, gains, slice(before, stop))
            keep = min(buffer.shape[1], 2 * reach)
            buffer, before = buffer[:, -keep:], keep - reach
            gains = [one.last(keep // self.grid.hop) for one in gains]
        if buffer is not None:
            yield _Part(buffer, gains, slice(before, buffer.shape[1]))

    def _gains(self, couplings: Couplings | None, frames: int, before: list[Gains]) -> list[Gains]:
        """The gains of each pair in a chunk of so many frames; those of a lost one are those `before` it."""
        if couplings is None and before:
            return [Gains(one.bands[:, -1:].expand(-1, frames, -1), one.delays[-1:].expand(frames)) for one in before]
        known = couplings or (Coupling(EQUAL),) * len(self.header.pairs)
        return [self._of(coupling, frames) for coupling in known]

    def _of(self, coupling: Coupling, frames: int) -> Gains:
        if coupling.mode != PARAMETRIC:
            first, second = _PLAIN[coupling.mode]
            direct = torch.tensor([first, 0, second, 0], dtype=torch.complex64, device=self.device)
            return Gains(direct[:, None, None].expand(-1, frames, BANDS), torch.zeros(frames, device=self.device))
        slots = slots_in(frames * self.grid.hop // self.header.hop)
        delay, levels, coherences, phases = coupling.parameters(slots)
        bands = _matrix(LEVELS[levels - RANGES["levels"][0]], COHERENCES[coherences], PHASES[phases])
        held = torch.from_numpy(bands).to(self.device).repeat_interleave(self.grid.frames, 1)[:, :frames]
        return Gains(held, torch.full((frames,), delay * DELAY_UNIT, device=self.device))

    def _channels(self, part: _Part) -> Tensor:
        """Channels (channels, n) of a part of the audio."""
        audio, gains, inside = part
        channels: dict[int, Tensor] = {channel: audio[row, inside] for channel, row in self._rows.items()}
        for (first, second), one in zip(self.header.pairs, gains, strict=True):
            both = self._pair(audio[self._rows[first]], one)
            channels[first], channels[second] = both[0, inside], both[1, inside]
        return torch.stack([channels[channel] for channel in range(self.header.channels)])

    def _pair(self, audio: Tensor, gains: Gains) -> Tensor:
        """Both channels (2, samples) of a pair's coded channel (samples,)."""
        constant = gains.bands[:, :1, :1]
        plain = not constant[1::2].any() and not constant.imag.any() and bool((gains.bands == constant).all())
        if plain and not gains.delays.any():
            return constant[::2, 0].real * audio
        grid = self.grid
        frames = torch.arange(len(gains.delays), device=self.device)
        near = [gains.bands[:, (frames + n).clamp(0, len(frames) - 1)] for n in range(-RAMP, RAMP + 1)]
        bins = torch.stack(near).mean(0)[..., grid.bands]
        direct = analyse(audio[None], grid.window, grid.hop)
        spectra = bins[::2] * direct
        if gains.bands[1::2].any():
            spectra = spectra + bins[1::2] * self._decorrelated(direct)
        if gains.delays.any():
            turns = -2 * np.pi * gains.delays[:, None] * grid.frequencies
            spectra[1] *= torch.polar(torch.ones_like(turns), turns)
        return synthesise(spectra, grid.window, grid.hop)

    def _decorrelated(self, direct: Tensor) -> Tensor:
        """A spectrum (1, T, bins) of the same energies, delayed by bin, minus its common part with `direct`."""
        other = direct * self._allpass
        energy = around(direct.abs().square(), FRAMES, BINS) + _NOTHING
        other = other - around(other * direct.conj(), FRAMES, BINS) / energy * direct
        there = around(other.abs().square(), FRAMES, BINS) + _NOTHING
        return other * (energy / there).sqrt().clamp_max(LOUDEST)


def _matrix(levels: np.ndarray, coherences: np.ndarray, phases: np.ndarray) -> np.ndarray:
    """Gains (4, slots, BANDS) for these level differences in dB, coherences and phases in radians.

    The decorrelated part cancels in the sum of channels in phase (Breebaart et al. 2005, eq. 24 to 27), and the softer
    channel takes more of the rotation.
    """
    ratio = 10 ** (levels / 10)
    first, second = np.sqrt(2 * ratio / (1 + ratio)), np.sqrt(2 / (1 + ratio))
    spread = np.arccos(coherences) / 2
    tilt = np.arctan(np.tan(spread) * (second - first) / (second + first))
    turns = np.exp(1j * phases * second**2 / 2), np.exp(-1j * phases * first**2 / 2)
    gains = [
        *(first * turns[0] * part for part in (np.cos(tilt + spread), np.sin(tilt + spread))),
        *(second * turns[1] * part for part in (np.cos(tilt - spread), np.sin(tilt - spread))),
    ]
    return np.stack(gains).astype(np.complex64)


def _allpass(grid: Grid) -> Tensor:
    """Rotations of the bins, (bins,), that delay each by a random time, longer where critical bands are narrow."""
    bandwidths = 24.7 * (1 + 0.00437 * grid.frequencies)  # of hearing (Glasberg and Moore 1990)
    share = 0.3 + 0.7 * uniform(torch.arange(len(grid.frequencies), device=grid.frequencies.device))
    delays = (CYCLES / bandwidths).clamp_max(LONGEST) * share
    turns = -2 * np.pi * delays.cumsum(0) * (grid.frequencies[1] - grid.frequencies[0])
    return torch.polar(torch.ones_like(turns), turns)
