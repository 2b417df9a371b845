"""From coded channels to channels: scaled and rotated by the parameters of their pair, and decorrelated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from swc.bitstream import Coupling, Couplings, Header
from swc.bitstream.coupling import BANDS, EQUAL, FIRST, OPPOSITE, PARAMETRIC, RANGES, SECOND, slots_in
from swc.codec.stereo.grid import DELAY_UNIT, Grid, around
from swc.codec.stereo.tables import COHERENCES, LEVELS, PHASES
from swc.dsp.ahead import Each
from swc.dsp.arrays import Array, host, namespace, unit
from swc.dsp.noise import uniform
from swc.dsp.stft import analyse, synthesise

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

    bands: np.ndarray
    delays: np.ndarray

    def joined(self, other: Gains) -> Gains:
        """These, followed by others."""
        return Gains(np.concatenate([self.bands, other.bands], 1), np.concatenate([self.delays, other.delays]))

    def last(self, frames: int) -> Gains:
        """The last frames, of this number."""
        start = max(0, len(self.delays) - frames)
        return Gains(self.bands[:, start:], self.delays[start:])


class _Part(NamedTuple):
    """Audio (coded channels, samples) with the gains of each pair in it, and which samples are asked for."""

    audio: Array
    gains: list[Gains]
    inside: slice


class Upmix:
    """Makes the channels of one stream, chunk by chunk, of its coded channels.

    A sample depends on `reach` samples around it, and always in the same way.

    Args:
        header: of the stream.
        like: an array of the kind of the audio, where that is.
    """

    def __init__(self, header: Header, like: Array) -> None:
        self.header, self.grid = header, Grid(header, like)
        self.reach = self.grid.reach(FRAMES)
        self._allpass = namespace(like).asarray(_allpass(host(self.grid.frequencies)), device=like.device)
        self._rows = {channel: row for row, channel in enumerate(header.coded)}

    def blocks(
        self, audio: Iterable[Array], couplings: Iterator[Couplings | None], each: Each = map
    ) -> Iterator[Array]:
        """Channels (channels, n), `reach` samples less than there was audio for until it ends.

        Args:
            audio: (coded channels, n) of each chunk.
            couplings: of each chunk; None of one that is lost.
            each: what maps functions of one chunk and its surroundings over them.
        """
        return each(self._channels, self._parts(audio, couplings))

    def _parts(self, audio: Iterable[Array], couplings: Iterator[Couplings | None]) -> Iterator[_Part]:
        """The audio of each chunk with its surroundings, as `blocks` takes it."""
        reach, before = self.reach, 0
        buffer: Array | None = None
        gains: list[Gains] = []
        for block in audio:
            new = self._gains(next(couplings), block.shape[1] // self.grid.hop, gains)
            buffer = block if buffer is None else namespace(block).concat([buffer, block], 1)
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
            return [_held(one.bands[:, -1:], one.delays[-1], frames) for one in before]
        known = couplings or (Coupling(EQUAL),) * len(self.header.pairs)
        return [self._of(coupling, frames) for coupling in known]

    def _of(self, coupling: Coupling, frames: int) -> Gains:
        if coupling.mode != PARAMETRIC:
            first, second = _PLAIN[coupling.mode]
            direct = np.array([first, 0, second, 0], np.complex64)
            return _held(direct[:, None, None], 0.0, frames)
        slots = slots_in(frames * self.grid.hop // self.header.hop)
        delay, levels, coherences, phases = coupling.parameters(slots)
        bands = _matrix(LEVELS[levels - RANGES["levels"][0]], COHERENCES[coherences], PHASES[phases])
        return _held(bands.repeat(self.grid.frames, 1)[:, :frames], delay * DELAY_UNIT, frames)

    def _channels(self, part: _Part) -> Array:
        """Channels (channels, n) of a part of the audio."""
        audio, gains, inside = part
        channels: dict[int, Array] = {channel: audio[row, inside] for channel, row in self._rows.items()}
        for (first, second), one in zip(self.header.pairs, gains, strict=True):
            both = self._pair(audio[self._rows[first]], one)
            channels[first], channels[second] = both[0, inside], both[1, inside]
        return namespace(audio).stack([channels[channel] for channel in range(self.header.channels)])

    def _pair(self, audio: Array, gains: Gains) -> Array:
        """Both channels (2, samples) of a pair's coded channel (samples,)."""
        constant = gains.bands[:, :1, :1]
        plain = not constant[1::2].any() and not constant.imag.any() and bool((gains.bands == constant).all())
        if plain and not gains.delays.any():
            return namespace(audio).stack([audio * float(gain.real) for gain in constant[::2, 0, 0]])
        xp, grid = namespace(audio), self.grid
        frames = np.arange(len(gains.delays))
        near = [gains.bands[:, (frames + n).clip(0, len(frames) - 1)] for n in range(-RAMP, RAMP + 1)]
        bins = xp.asarray(np.mean(near, 0), device=audio.device)[..., grid.bands]
        direct = analyse(audio[None], grid.window, grid.hop)
        spectra = bins[::2] * direct
        if gains.bands[1::2].any():
            spectra = spectra + bins[1::2] * self._decorrelated(direct)
        if gains.delays.any():
            delays = xp.asarray(gains.delays, device=audio.device)
            spectra[1] *= unit(-2 * np.pi * delays[:, None] * grid.frequencies)
        return synthesise(spectra, grid.window, grid.hop)

    def _decorrelated(self, direct: Array) -> Array:
        """A spectrum (1, T, bins) of the same energies, delayed by bin, minus its common part with `direct`."""
        other = direct * self._allpass
        energy = around(abs(direct) ** 2, FRAMES, BINS) + _NOTHING
        other = other - around(other * direct.conj(), FRAMES, BINS) / energy * direct
        there = around(abs(other) ** 2, FRAMES, BINS) + _NOTHING
        return other * ((energy / there) ** 0.5).clip(0, LOUDEST)


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


def _held(bands: np.ndarray, delay: float, frames: int) -> Gains:
    """So many frames of a delay, and of gains of as many frames or of one."""
    return Gains(np.broadcast_to(bands, (4, frames, BANDS)), np.full(frames, delay, np.float32))


def _allpass(frequencies: np.ndarray) -> np.ndarray:
    """Rotations of the bins, (bins,), that delay each by a random time, longer where critical bands are narrow."""
    bandwidths = 24.7 * (1 + 0.00437 * frequencies.astype(np.float64))  # of hearing (Glasberg and Moore 1990)
    share = 0.3 + 0.7 * uniform(np.arange(len(frequencies)))
    delays = (CYCLES / bandwidths).clip(0, LONGEST) * share
    turns: np.ndarray = np.exp(-2j * np.pi * delays.cumsum() * (frequencies[1] - frequencies[0]))
    return turns.astype(np.complex64)
