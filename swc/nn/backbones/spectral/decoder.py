"""The decoder of the `spectral` backbone: networks for what `swc.dsp.spectral` leaves to them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from swc.config import ModelConfig
from swc.dsp.spectral import SpectralSynthesis
from swc.dsp.texture import offsets
from swc.nn.backbones.spectral.parts import backbone_of, correction
from swc.nn.backbones.spectral.refine import Refiner
from swc.nn.layers.convnext import Memory, Trunk
from swc.nn.roles import Decoder


class SpectralDecoder(SpectralSynthesis, Decoder):
    """Latents (B, L, D) -> audio (B, L * hop)."""

    window: Tensor
    offsets: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        b = backbone_of(config)
        self.config, self.bins = b, b.n_fft // 2 + 1
        self.register_buffer("window", torch.hann_window(b.n_fft), persistent=False)
        chunk = config.quantizer.window * config.quantizer.windows_per_chunk * b.frames_per_latent
        angles = torch.from_numpy(offsets(chunk, b.n_fft, config.sample_rate))
        self.register_buffer("offsets", angles, persistent=False)
        self.linear = nn.Linear(b.latent_dim, self.bins * b.frames_per_latent)
        self.split = nn.Linear(b.latent_dim, b.latent_dim * b.frames_per_latent)
        self.trunk = Trunk(b.latent_dim, b.dim, b.decoder_blocks, b.expansion, b.kernel, b.kernel, b.causal)
        self.project = correction(b.dim, self.bins)
        self.refiner = Refiner(b, chunk) if b.refine_blocks else None

    def frames(self, z: Tensor) -> Tensor:
        """Latents spread over their frames: (B, L, D) -> (B, T, D)."""
        B, L, D = z.shape
        spread: Tensor = self.split(z)
        return spread.reshape(B, L * self.config.frames_per_latent, D)

    def compressed(self, z: Tensor) -> Tensor:
        return self._compressed(z, self.trunk(self.frames(z)))

    def following(self, z: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        h, left = self.trunk.following(self.frames(z), memory)
        return self._compressed(z, h), left

    def _compressed(self, z: Tensor, h: Tensor) -> Tensor:
        """Compressed magnitudes of latents, and what the trunk makes of them."""
        B, L, _ = z.shape
        correction: Tensor = self.project(h).float()
        with torch.autocast(z.device.type, enabled=False):
            start: Tensor = self.linear(z.float())
            return correction + start.reshape(B, L * self.config.frames_per_latent, self.bins)

    def finished(self, spectrum: Tensor, first: Tensor | int) -> Tensor:
        return spectrum if self.refiner is None else self.refiner(spectrum, first)

    @property
    def finishing_reach(self) -> int:
        return self.refiner.reach if self.refiner else 0

    def phases(self, magnitude: Tensor, pause: int | None = None, offset: Tensor | None = None) -> Tensor:
        with torch.no_grad():
            phases: Tensor = super().phases(magnitude, pause, offset)
            return phases

    def render(self, spectrum: Tensor) -> Tensor:
        with torch.autocast(spectrum.device.type, enabled=False):
            audio: Tensor = super().render(spectrum)
            return audio
