"""The encoder of the `spectral` backbone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from swc.config import ModelConfig
from swc.dsp.context import Context
from swc.dsp.stft import analyse
from swc.nn.backbones.spectral.parts import backbone_of, compress, correction
from swc.nn.layers.convnext import Trunk
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
        b, networks, half = self.config, self.trunk.context, self.config.n_fft // 2
        before = -(-(networks.before * b.frame_hop + half) // b.hop) * b.hop
        after = networks.after * b.frame_hop + half
        if b.causal:  # the last frame of a latent is centred a hop before its end
            return Context(before, after - b.frame_hop)
        return Context(before, -(-after // b.hop) * b.hop)

    def features(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Compressed mel magnitudes (B, T, mels) and compressed magnitudes (B, T, bins), float32."""
        whole = audio.shape[-1] // self.config.hop * self.config.frames_per_latent
        magnitude = analyse(audio.float(), self.window, self.config.frame_hop)[:, :whole].abs()
        p = self.config.exponent
        return compress(magnitude @ self.mel, p), compress(magnitude, p)

    def encode(self, audio: Tensor) -> Tensor:
        with torch.autocast(audio.device.type, enabled=False):
            mel, c = self.features(audio)
        return self.from_features(mel, c)

    def from_features(self, mel: Tensor, c: Tensor) -> Tensor:
        """Latents of about zero mean and unit mean square, from what `features` returns; see `renormalise`."""
        B, T, _ = c.shape
        latents = T // self.config.frames_per_latent
        correction = self.project(self.trunk(c).reshape(B, latents, -1)).float()
        with torch.autocast(c.device.type, enabled=False):
            z: Tensor = correction + self.linear(mel.reshape(B, latents, -1))
            return renormalise(z, self.mean, self.power, self.training)
