"""The encoder of the `spectral` backbone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swc.config import ModelConfig
from swc.dsp.context import Context, Segment
from swc.dsp.stft import analyse
from swc.nn.backbones.spectral.parts import backbone_of, compress, correction
from swc.nn.layers.convnext import Memory, Trunk
from swc.nn.layers.renormalise import renormalise
from swc.nn.layers.stft import mel_filterbank
from swc.nn.roles import Encoder


class SpectralEncoder(Encoder):
    """Audio (B, samples) -> latents (B, samples // hop, D)."""

    window: Tensor
    mel: Tensor
    mean: Tensor
    power: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        b = backbone_of(config)
        self.config, self.bins = b, b.n_fft // 2 + 1
        self.register_buffer("window", torch.hann_window(b.n_fft), persistent=False)
        self.register_buffer(
            "mel", mel_filterbank(config.sample_rate, b.n_fft, b.mels).t().contiguous(), persistent=False
        )
        self.register_buffer("mean", torch.zeros(b.latent_dim))  # running mean of the latents
        self.register_buffer("power", torch.ones(()))  # and mean square around it
        self.linear = nn.Linear(b.mels * b.frames_per_latent, b.latent_dim)
        self.trunk = Trunk(self.bins, b.dim, b.encoder_blocks, b.expansion, b.kernel, 3, b.causal)
        self.project = correction(b.dim * b.frames_per_latent, b.latent_dim)

    @property
    def context(self) -> Context:
        b, reach, half = self.config, self.trunk.context, self.config.n_fft // 2
        if b.causal:  # the trunk remembers; the last frame of a latent is centred a hop before its end
            return Context(half, half - b.frame_hop)
        before, after = (-(-(frames * b.frame_hop + half) // b.hop) * b.hop for frames in reach)
        return Context(before, after)

    def features(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Compressed mel magnitudes (B, T, mels) and compressed magnitudes (B, T, bins), float32."""
        whole = audio.shape[-1] // self.config.hop * self.config.frames_per_latent
        return self._compressed(analyse(audio.float(), self.window, self.config.frame_hop)[:, :whole])

    def _compressed(self, spectrum: Tensor) -> tuple[Tensor, Tensor]:
        real, imaginary, p = spectrum.real, spectrum.imag, self.config.exponent
        magnitude = torch.addcmul(real * real, imaginary, imaginary).sqrt()  # a third of the time of `abs` on a CPU
        return compress(magnitude @ self.mel, p), compress(magnitude, p)

    def encode(self, audio: Tensor) -> Tensor:
        with torch.autocast(audio.device.type, enabled=False):
            mel, c = self.features(audio)
        return self.from_features(mel, c)

    def following(self, stretch: Segment, hop: int, memory: Memory) -> tuple[Tensor, Memory]:
        if not self.config.causal:
            return super().following(stretch, hop, memory)
        first, frames = self.context.before // self.config.frame_hop, stretch.length // self.config.frame_hop
        missing = (wanted - there for wanted, there in zip(self.context, stretch.context, strict=True))
        whole = F.pad(stretch.signal, tuple(missing))  # with silence, at the ends of the recording
        spectrum = analyse(whole, self.window, self.config.frame_hop)[:, first : first + frames]
        mel, c = self._compressed(spectrum)
        h, left = self.trunk.following(c, memory)
        return self._latents(mel, h), left

    def from_features(self, mel: Tensor, c: Tensor) -> Tensor:
        """Latents of about zero mean and unit mean square, from what `features` returns; see `renormalise`."""
        return self._latents(mel, self.trunk(c))

    def _latents(self, mel: Tensor, h: Tensor) -> Tensor:
        """Latents, from compressed mel magnitudes and what the trunk makes of magnitudes (B, T, dim)."""
        B, T, _ = mel.shape
        latents = T // self.config.frames_per_latent
        correction = self.project(h.reshape(B, latents, -1)).float()
        with torch.autocast(mel.device.type, enabled=False):
            z: Tensor = correction + self.linear(mel.reshape(B, latents, -1))
            return renormalise(z, self.mean, self.power, self.training)
