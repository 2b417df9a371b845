"""The encoder of the `spectral` backbone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from swc.config import ModelConfig
from swc.dsp.context import Context
from swc.dsp.stft import analyse
from swc.nn.backbones.spectral.parts import backbone_of, compress, correction
from swc.nn.layers.convnext import Trunk
from swc.nn.layers.stft import mel_filterbank
from swc.nn.roles import Encoder

MOMENTUM = 0.01  # memory of the running statistics of latents: some hundred steps


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
        self.trunk = Trunk(self.bins, b.dim, b.encoder_blocks, b.expansion, b.kernel, 3)
        self.project = correction(b.dim * b.frames_per_latent, b.latent_dim)

    @property
    def context(self) -> Context:
        b = self.config
        frames = self.trunk.reach + b.n_fft // (2 * b.frame_hop)
        samples = -(-frames // b.frames_per_latent) * b.hop
        return Context(samples, samples)

    def features(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Compressed mel magnitudes (B, T, mels) and compressed magnitudes (B, T, bins), float32."""
        magnitude = analyse(audio.float(), self.window, self.config.frame_hop).abs()
        p = self.config.exponent
        return compress(magnitude @ self.mel, p), compress(magnitude, p)

    def encode(self, audio: Tensor) -> Tensor:
        with torch.autocast(audio.device.type, enabled=False):
            mel, c = self.features(audio)
        return self.from_features(mel, c)

    def from_features(self, mel: Tensor, c: Tensor) -> Tensor:
        """Latents of about zero mean and unit mean square, from what `features` returns.

        Both matter in training: errors are relative to the latents' power, and a constant would be a cheap way to it.
        A few crops have a mean and a power of their own, which tells much about how they sound. So values use the
        running statistics, as at inference, while gradients use the batch's (batch renormalization, Ioffe 2017,
        arXiv 1702.03275).
        """
        B, T, _ = c.shape
        latents = T // self.config.frames_per_latent
        correction = self.project(self.trunk(c).reshape(B, latents, -1)).float()
        with torch.autocast(c.device.type, enabled=False):
            z: Tensor = correction + self.linear(mel.reshape(B, latents, -1))
            if not self.training:
                return (z - self.mean) * self.power.rsqrt()
            mean = z.mean((0, 1))
            power = (z - mean).square().mean()
            normalised = (z - mean) * power.rsqrt()
            with torch.no_grad():
                self.mean.lerp_(mean, MOMENTUM)
                self.power.lerp_((z - self.mean).square().mean(), MOMENTUM)
                scale = (power / self.power).sqrt()
                offset = (mean - self.mean) * self.power.rsqrt()
            return normalised * scale + offset
