"""The decoder of the `spectral` backbone: magnitudes by a network, phases by a formula, texture by random numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import torch
from torch import Tensor, nn

from swc.config import ModelConfig
from swc.nn.backbones.spectral.parts import backbone_of, correction, expand
from swc.nn.backbones.spectral.phase import integrate_phase
from swc.nn.backbones.spectral.refine import Refiner
from swc.nn.backbones.spectral.texture import ITERATIONS, offsets, refine
from swc.nn.context import Context, Segment, segments
from swc.nn.layers.convnext import Trunk
from swc.nn.layers.stft import synthesise
from swc.nn.roles import Decoder, Each


class SpectralDecoder(Decoder):
    """Latents (B, L, D) -> audio (B, L * hop)."""

    window: Tensor
    offsets: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        b = backbone_of(config)
        self.config, self.bins = b, b.n_fft // 2 + 1
        self.register_buffer("window", torch.hann_window(b.n_fft), persistent=False)
        chunk = config.quantizer.window * config.quantizer.windows_per_chunk * b.frames_per_latent
        self.register_buffer("offsets", offsets(chunk, b.n_fft, config.sample_rate), persistent=False)
        self.linear = nn.Linear(b.latent_dim, self.bins * b.frames_per_latent)
        self.split = nn.Linear(b.latent_dim, b.latent_dim * b.frames_per_latent)
        self.trunk = Trunk(b.latent_dim, b.dim, b.decoder_blocks, b.expansion, b.kernel, b.kernel)
        self.project = correction(b.dim, self.bins)
        self.refiner = Refiner(b, chunk) if b.refine_blocks else None

    def frames(self, z: Tensor) -> Tensor:
        """Latents spread over their frames: (B, L, D) -> (B, T, D)."""
        B, L, D = z.shape
        spread: Tensor = self.split(z)
        return spread.reshape(B, L * self.config.frames_per_latent, D)

    def compressed(self, z: Tensor) -> Tensor:
        """Compressed magnitudes (B, T, bins), float32; may be slightly negative."""
        B, L, _ = z.shape
        correction: Tensor = self.project(self.trunk(self.frames(z))).float()
        with torch.autocast(z.device.type, enabled=False):
            start: Tensor = self.linear(z.float())
            return correction + start.reshape(B, L * self.config.frames_per_latent, self.bins)

    def spectrum(self, c: Tensor, pause: int | None = None, offset: Tensor | None = None) -> Tensor:
        """Magnitudes from the result of `compressed`, with matching phases: complex (B, T, bins).

        Gradients reach the magnitudes alone. Arguments are those of `integrate_phase`.
        """
        magnitude = expand(c, self.config.exponent)
        return magnitude * self.phases(magnitude.detach(), pause, offset)

    def phases(self, magnitude: Tensor, pause: int | None = None, offset: Tensor | None = None) -> Tensor:
        """Complex unit vectors (B, T, bins) for magnitudes, see `integrate_phase`."""
        return integrate_phase(magnitude, self.config.n_fft, self.config.frame_hop, pause, offset)

    def textured(self, c: Tensor, pause: int | None = None, first: Tensor | int = 0) -> Tensor:
        """`spectrum` with random offsets by a frame's place in its chunk; `first` is that of the first frame, (B,)."""
        frames = torch.as_tensor(first, device=c.device).unsqueeze(-1) + torch.arange(c.shape[1], device=c.device)
        return self.spectrum(c, pause, self.offsets[frames % len(self.offsets)])

    def render(self, spectrum: Tensor) -> Tensor:
        """Audio (B, T * frame_hop), float32, of complex (B, T, bins)."""
        with torch.autocast(spectrum.device.type, enabled=False):
            return synthesise(spectrum, self.window, self.config.frame_hop)

    def refined(self, spectrum: Tensor, first: Tensor | int = 0) -> Tensor:
        """Audio as from `render`, of a spectrum after the iterations of `refine` and then the refiner.

        Gradients reach magnitudes and refiner. `first` is as in `textured`, and may be before the chunk.
        """
        fitting = refine(spectrum, self.window, self.config.frame_hop)
        return self.render(fitting if self.refiner is None else self.refiner(fitting, first))

    def decode(self, z: Tensor) -> Tensor:
        return self.refined(self.textured(self.compressed(z)))

    def synthesise(self, chunks: Iterable[Tensor], latents: int, window: int, each: Each = map) -> Iterator[Tensor]:
        b = self.config
        per, reach = b.frames_per_latent, -(-self.trunk.reach // b.frames_per_latent)
        edge = Context(self._overlapping, self._overlapping)
        spectra = each(partial(self._spectra, window), segments(chunks, latents, Context(reach, reach)))
        return each(self._audio, segments(spectra, latents * per, edge))

    def _spectra(self, window: int, latents: Segment) -> Tensor:
        """Spectra (B, T, bins) of a chunk of latents; phases begin again in each window."""
        per = self.config.frames_per_latent
        inside = slice(latents.before * per, (latents.before + latents.length) * per)
        return self.textured(self.compressed(latents.signal)[:, inside], window * per)

    def _audio(self, spectra: Segment) -> Tensor:
        """Audio (B, n) of a chunk of spectra."""
        hop = self.config.frame_hop
        audio = self.refined(spectra.signal, -spectra.before)
        return audio[:, spectra.before * hop : (spectra.before + spectra.length) * hop]

    @property
    def _overlapping(self) -> int:
        """Frames on each side that a frame's own samples depend on: windows overlap in every iteration."""
        around = (1 + ITERATIONS) * (self.config.n_fft // self.config.frame_hop)
        return around + (self.refiner.reach if self.refiner else 0)

    def overlap(self, window: int) -> Context:
        b, reach = self.config, self.trunk.reach
        frames = window * b.frames_per_latent
        # before a chunk: the networks' reach, and all of the half window in which it may move a pause
        touched = max(0, reach - 1) // frames
        before = max(reach, touched * frames + frames - frames // 2)
        # after it: phases go on from the reach of the networks to the first pause that is wholly out of reach
        after = frames * (1 + max(0, -(-(reach - frames // 2) // frames)))
        return Context(*((n + self._overlapping) * b.frame_hop for n in (before, after)))
