"""From latents to audio as the `spectral` backbone has it: magnitudes by a network, the rest by formulas.

Phases are integrated from magnitudes and get a texture by random numbers. Shapes: B channels or clips, T frames,
L latents (T = L * frames_per_latent), D numbers in a latent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from swc.config import SpectralConfig
from swc.dsp.ahead import Each
from swc.dsp.arrays import Array, constant, namespace
from swc.dsp.causal import CausalSynthesis, aligned
from swc.dsp.context import Context, Segment, segments
from swc.dsp.phase import integrate_phase
from swc.dsp.stft import synthesise
from swc.dsp.texture import ITERATIONS, refine

FLOOR = 1e-4  # magnitudes below are silence: -134 dB re a full-scale sine
CEILING = 2e4  # +32 dB re a full-scale sine: recordings never come near it, a runaway network stops there


def expand(c: Array, exponent: float) -> Array:
    """|X| of compressed magnitudes, of any shape, limited to the audible and possible range."""
    return c.clip(FLOOR**exponent, CEILING**exponent) ** (1 / exponent)


class SpectralSynthesis(ABC):
    """Latents (B, L, D) -> audio (B, L * hop), with the network left to subclasses.

    Attributes:
        config: of the backbone.
        window: of the transform (n_fft,).
        offsets: of `swc.dsp.texture`, for the frames of a chunk (T, bins).
    """

    config: SpectralConfig
    window: Array
    offsets: Array

    @abstractmethod
    def compressed(self, z: Array) -> Array:
        """Compressed magnitudes (B, T, bins), float32; may be slightly negative."""

    def following(self, z: Array, memory: Any) -> tuple[Array, Any]:
        """`compressed` of the latents after those that left `memory` (empty at the start), if the network is causal.

        Returns:
            Compressed magnitudes of z alone, and the memory that it leaves.
        """
        known = namespace(z).concat((*memory, z), 1)
        reach = -(-self.networks.before // self.config.frames_per_latent)
        frames = z.shape[1] * self.config.frames_per_latent
        return self.compressed(known)[:, -frames:], (known[:, max(0, known.shape[1] - reach) :],)

    def finished(self, spectrum: Array, first: Array | int) -> Array:
        """The last spectrum (B, T, bins) after another network, if there is one. `first` is as in `refined`."""
        return spectrum

    @property
    def networks(self) -> Context:
        """Frames before and after its own that a frame of `compressed` depends on."""
        reach = (1 + self.config.decoder_blocks) * (self.config.kernel // 2)
        return Context(2 * reach, 0) if self.config.causal else Context(reach, reach)

    @property
    def finishing_reach(self) -> int:
        """Frames on each side of its own that a frame of `finished` depends on."""
        return 0

    def spectrum(self, c: Array, pause: int | None = None, offset: Array | None = None) -> Array:
        """Magnitudes from the result of `compressed`, with matching phases: complex (B, T, bins).

        Gradients reach the magnitudes alone. Arguments are those of `integrate_phase`.
        """
        magnitude = self.magnitude(c)
        return magnitude * self.phases(constant(magnitude), pause, offset)

    def magnitude(self, c: Array) -> Array:
        """Magnitudes (B, T, bins) from the result of `compressed`."""
        return expand(c, self.config.exponent)

    def phases(self, magnitude: Array, pause: int | None = None, offset: Array | None = None) -> Array:
        """Complex unit vectors (B, T, bins) for magnitudes, see `integrate_phase`."""
        return integrate_phase(magnitude, self.config.n_fft, self.config.frame_hop, pause, offset)

    def textured(self, c: Array, pause: int | None = None, first: Array | int = 0) -> Array:
        """`spectrum` with random offsets by a frame's place in its chunk; `first` is that of the first frame, (B,)."""
        frames = namespace(c).arange(c.shape[1], device=c.device)
        frames = frames + (first if isinstance(first, int) else first[..., None])
        return self.spectrum(c, pause, self.offsets[frames % len(self.offsets)])

    def render(self, spectrum: Array) -> Array:
        """Audio (B, T * frame_hop), float32, of complex (B, T, bins)."""
        return synthesise(spectrum, self.window, self.config.frame_hop)

    def refined(self, spectrum: Array, first: Array | int = 0) -> Array:
        """Audio as from `render`, of a spectrum after the iterations of `refine` and then `finished`.

        Gradients reach magnitudes and networks. `first` is as in `textured`, and may be before the chunk.
        """
        return self.render(self.finished(refine(spectrum, self.window, self.config.frame_hop), first))

    def decode(self, z: Array) -> Array:
        """Audio of whole runs of latents."""
        return self.refined(self.textured(self.compressed(z)))

    def synthesise(
        self, chunks: Iterable[Array], latents: int, window: int, each: Each = map, first: int = 0
    ) -> Iterator[Array]:
        """Audio (B, n * hop) of each of a stream's chunks, once as many of the next are there as it depends on.

        Args:
            chunks: latents (B, n, D) of each.
            latents: of every chunk but the last.
            window: latents a window.
            each: what maps functions of one chunk and its surroundings over them.
            first: latents in the stream before these chunks.
        """
        if self.config.causal:
            return aligned(self.causal(first), chunks, self.config.hop, each)
        per, edge = self.config.frames_per_latent, Context(self._overlapping, self._overlapping)
        reach = -(-self.networks.before // per)
        spectra = each(partial(self._spectra, window), segments(chunks, latents, Context(reach, reach)))
        return each(self._audio, segments(spectra, latents * per, edge))

    def causal(self, first: int = 0) -> CausalSynthesis:
        """Synthesis that goes on from chunk to chunk, for causal networks; `first` is as in `synthesise`."""
        return CausalSynthesis(self, first)

    def _spectra(self, window: int, latents: Segment) -> Array:
        """Spectra (B, T, bins) of a chunk of latents; phases begin again in each window."""
        per = self.config.frames_per_latent
        inside = slice(latents.before * per, (latents.before + latents.length) * per)
        return self.textured(self.compressed(latents.signal)[:, inside], window * per)

    def _audio(self, spectra: Segment) -> Array:
        """Audio (B, n) of a chunk of spectra."""
        hop = self.config.frame_hop
        audio = self.refined(spectra.signal, -spectra.before)
        return audio[:, spectra.before * hop : (spectra.before + spectra.length) * hop]

    @property
    def _overlapping(self) -> int:
        """Frames on each side that a frame's own samples depend on: windows overlap in every iteration."""
        return (1 + ITERATIONS) * (self.config.n_fft // self.config.frame_hop) + self.finishing_reach

    def overlap(self, window: int) -> Context:
        """Samples before and after a chunk in which the audio that `synthesise` gives depends on it."""
        b = self.config
        if b.causal:  # phases go on to the restart in the next period, whose place depends on that period's levels
            after = self.networks.before + 2 * len(self.offsets) + 2 * b.n_fft // b.frame_hop
            return Context(b.n_fft // 2, after * b.frame_hop)
        reach = self.networks.before
        frames = window * b.frames_per_latent
        # before a chunk: the networks' reach, and all of the half window in which it may move a pause
        touched = max(0, reach - 1) // frames
        before = max(reach, touched * frames + frames - frames // 2)
        # after it: phases go on from the reach of the networks to the first pause that is wholly out of reach
        after = frames * (1 + max(0, -(-(reach - frames // 2) // frames)))
        return Context(*((n + self._overlapping) * b.frame_hop for n in (before, after)))
