"""Synthesis that goes on from frame to frame, for backbones that are `causal`: what has sounded never changes.

Everything that the next frames depend on is in the attributes of one object. A frame depends on the networks' reach, on
the phases of the previous frame, which start again once in every period, and on a few frames that its window overlaps:
so a stream decodes from any place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from swc.config import SpectralConfig
from swc.dsp.ahead import Each
from swc.dsp.arrays import Array, namespace
from swc.dsp.phase import Trail, continue_phase
from swc.dsp.stft import synthesise
from swc.dsp.texture import refine

QUIET = 0.5  # of the mean level in the first half of a period: frames as quiet may restart the phases


class Networks(Protocol):
    """What `swc.dsp.spectral.SpectralSynthesis` has: networks, sizes and tables."""

    config: SpectralConfig
    window: Array
    offsets: Array

    def following(self, z: Array, memory: Any, /) -> tuple[Array, Any]: ...

    def magnitude(self, c: Array, /) -> Array: ...


class Pauses:
    """Chooses the frame of each period at which phases start again, by what came before it.

    It is the first quiet one in the second half, or the last.

    Args:
        period: frames.
        frame: number of the first frame in the stream.
    """

    def __init__(self, period: int, frame: int = 0) -> None:
        self.period, self.frame = period, frame
        self.level: Array = None  # sum over the first half of the period (B,)
        self.done: Array = None  # whether there was a restart in this period (B,)

    def restarts(self, level: Array) -> Array:
        """The frames that restart, bool, of levels (B, T)."""
        xp, half = namespace(level), self.period // 2
        found = xp.zeros_like(level, dtype=xp.bool)
        for t in range(level.shape[1]):
            place = self.frame % self.period
            if place == 0 or self.level is None:
                self.level, self.done = xp.zeros_like(level[:, 0]), found[:, 0] & False
            if place < half:
                self.level = self.level + level[:, t]
            else:
                quiet = (level[:, t] * half <= QUIET * self.level) | (place == self.period - 1)
                found[:, t] = quiet & ~self.done
                self.done = self.done | quiet
            self.frame += 1
        return found


class CausalSynthesis:
    """Turns latents into audio as they come.

    Args:
        of: networks and sizes.
        latent: number of the first latent in the stream.

    Attributes:
        lag: samples by which the audio is late: those that the next frame still adds to.
        overlapping: frames back to which windows overlap.
    """

    def __init__(self, of: Networks, latent: int = 0) -> None:
        self.of, self.hop = of, of.config.frame_hop
        self.lag = of.config.n_fft // 2
        self.overlapping = of.config.n_fft // self.hop
        self.pauses = Pauses(len(of.offsets), latent * of.config.frames_per_latent)
        self.memory: Any = ()  # of the networks
        self.trail: Trail | None = None  # of the phases
        self.spectra: Array = None  # the last ones before `refine`, as far as windows overlap (B, T, bins)
        self.refined: Array = None  # and after it

    def push(self, z: Array) -> Array:
        """Audio (B, n * hop), `lag` samples late, of the next latents (B, n, D); the very first lack these samples."""
        c, self.memory = self.of.following(z, self.memory)
        spectrum = self._spectrum(c)
        known = spectrum if self.spectra is None else namespace(z).concat((self.spectra, spectrum), 1)
        refined = refine(known, self.of.window, self.hop)[:, -spectrum.shape[1] :]
        self.spectra = known[:, -self.overlapping :]
        before = 0 if self.refined is None else self.refined.shape[1]
        refined = refined if self.refined is None else namespace(z).concat((self.refined, refined), 1)
        self.refined = refined[:, -self.overlapping :]
        audio = synthesise(refined, self.of.window, self.hop)
        return audio[:, max(0, before * self.hop - self.lag) : refined.shape[1] * self.hop - self.lag]

    def flush(self) -> Array:
        """The last `lag` samples."""
        return synthesise(self.refined, self.of.window, self.hop)[:, -self.lag :]

    def _spectrum(self, c: Array) -> Array:
        """The spectrum of compressed magnitudes (B, T, bins)."""
        xp, first = namespace(c), self.pauses.frame
        magnitude = self.of.magnitude(c)
        restart = self.pauses.restarts(magnitude.sum(-1))
        offset = self.of.offsets[(first + xp.arange(c.shape[1], device=c.device)) % len(self.of.offsets)]
        n_fft = self.of.config.n_fft
        phases, self.trail = continue_phase(magnitude, n_fft, self.hop, restart, offset, self.trail)
        return magnitude * phases


def aligned(synthesis: CausalSynthesis, chunks: Iterable[Array], hop: int, each: Each) -> Iterator[Array]:
    """Audio (B, n * hop) of each of a stream's chunks of latents (B, n, D), once the next one is there; `each` is what
    calls functions so that they are always rounded alike."""
    lengths, kept = list[int](), None
    for z in chunks:
        lengths.append(z.shape[1] * hop)
        (audio,) = each(synthesis.push, [z])
        kept = audio if kept is None else namespace(audio).concat((kept, audio), 1)
        while kept.shape[1] >= lengths[0]:
            yield kept[:, : lengths[0]]
            kept = kept[:, lengths.pop(0) :]
    if kept is not None:
        kept = namespace(kept).concat((kept, synthesis.flush()), 1)
        for length in lengths:
            yield kept[:, :length]
            kept = kept[:, length:]
