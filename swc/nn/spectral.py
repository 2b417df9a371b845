"""The `spectral` backbone: everything on STFT frames, in the domain c = |X|^0.3, which is close to loudness.

Encoder and decoder are each a linear map, initialised in closed form (PCA, least squares), plus a ConvNeXt trunk that
learns a correction (Vocos, Siuzdak 2023, for the trunk at the frame rate). Shapes: B windows or clips, T frames,
L latents (T = L * frames_per_latent), D latent numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from swc.config import Config
from swc.nn.convnext import Trunk
from swc.nn.phase import griffin_lim, integrate_phase
from swc.nn.stft import analyse, mel_filterbank

FLOOR = 1e-4  # magnitudes below are silence: -134 dB re a full-scale sine
CEILING = 2e4  # +32 dB re a full-scale sine: no recording comes near, a runaway network stops there
MOMENTUM = 0.01  # of the running statistics of latents: some hundred steps
START = 0.02  # size of the trunks' last projections at the start, so that the linear maps lead


class SpectralEncoder(nn.Module):
    """Audio (B, samples) -> latents (B, samples // hop, D)."""

    window: Tensor
    mel: Tensor
    mean: Tensor
    power: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        b = config.backbone
        self.config, self.bins = b, b.n_fft // 2 + 1
        self.register_buffer("window", torch.hann_window(b.n_fft), persistent=False)
        self.register_buffer(
            "mel", mel_filterbank(config.sample_rate, b.n_fft, b.mels).t().contiguous(), persistent=False
        )
        self.register_buffer("mean", torch.zeros(b.latent_dim))  # running mean of the latents
        self.register_buffer("power", torch.ones(()))  # and mean square around it
        self.linear = nn.Linear(b.mels * b.frames_per_latent, b.latent_dim)
        self.trunk = Trunk(self.bins, b.dim, b.encoder_blocks, b.expansion, b.kernel, 3)
        self.project = nn.Linear(b.dim * b.frames_per_latent, b.latent_dim)
        with torch.no_grad():
            self.project.weight.mul_(START)
            self.project.bias.zero_()

    @property
    def reach(self) -> int:
        """Frames of context on each side that a latent depends on."""
        b = self.config
        return self.trunk.reach + b.n_fft // (2 * b.frame_hop)

    def features(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Compressed mel magnitudes (B, T, mels) and compressed magnitudes (B, T, bins), float32."""
        magnitude = analyse(audio.float(), self.window, self.config.frame_hop).abs()
        p = self.config.exponent
        return (magnitude @ self.mel).clamp_min(FLOOR).pow(p), magnitude.clamp_min(FLOOR).pow(p)

    def forward(self, audio: Tensor) -> Tensor:
        with torch.autocast(audio.device.type, enabled=False):
            mel, c = self.features(audio)
        return self.from_features(mel, c)

    def from_features(self, mel: Tensor, c: Tensor) -> Tensor:
        """Latents of about zero mean and unit mean square, from what `features` returns.

        Both matter in training: errors are relative to the latents' power, and a constant would be a cheap way to it.
        A few crops have a mean and a power of their own, which says much of what they sound like. So values are those
        of the running statistics, as at inference, while gradients are those of the batch's (batch renormalization,
        Ioffe 2017, arXiv 1702.03275).
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

    def change_basis(self, basis: Tensor) -> None:
        """Multiply the latents by `basis` (D, D), float64; see `CodecModel.change_basis`."""
        for t in (self.linear.weight, self.project.weight, self.linear.bias, self.project.bias, self.mean):
            t.copy_(basis @ t.double())


class SpectralDecoder(nn.Module):
    """Latents (B, L, D) -> audio (B, L * hop)."""

    window: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        b = config.backbone
        self.config, self.bins = b, b.n_fft // 2 + 1
        self.register_buffer("window", torch.hann_window(b.n_fft), persistent=False)
        self.linear = nn.Linear(b.latent_dim, self.bins * b.frames_per_latent)
        self.split = nn.Linear(b.latent_dim, b.latent_dim * b.frames_per_latent)
        self.trunk = Trunk(b.latent_dim, b.dim, b.decoder_blocks, b.expansion, b.kernel, b.kernel)
        self.project = nn.Linear(b.dim, self.bins)
        with torch.no_grad():
            self.project.weight.mul_(START)
            self.project.bias.zero_()

    @property
    def reach(self) -> int:
        """Frames of context on each side that a frame of `compressed` depends on."""
        return self.trunk.reach

    @property
    def phase_reach(self) -> int:
        """Frames of `spectrum` on each side that a sample of `render` depends on."""
        return (self.config.iterations + 1) * (self.config.n_fft // self.config.frame_hop - 1) + 1

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

    @torch.no_grad()
    def amplify(self, gain: Tensor) -> None:
        """Multiply the magnitudes that `spectrum` will have by gains (bins,), in the last layers' weights."""
        factor = gain.pow(self.config.exponent)
        for layer, rows in ((self.project, factor), (self.linear, factor.repeat(self.config.frames_per_latent))):
            layer.weight.mul_(rows[:, None])
            layer.bias.mul_(rows)

    def change_basis(self, inverse: Tensor) -> None:
        """Take latents that come multiplied by the basis that this is the inverse of (D, D), float64."""
        for matrix in (self.linear.weight, self.split.weight):
            matrix.copy_(matrix.double() @ inverse)

    def forward(self, z: Tensor, restart: int | None = None, pause: int | None = None) -> Tensor:
        """Audio (B, L * hop), float32; phases begin anew as `integrate_phase` has it."""
        return self.render(self.spectrum(self.compressed(z), restart, pause))

    def spectrum(self, c: Tensor, restart: int | None = None, pause: int | None = None) -> Tensor:
        """Magnitudes, of what `compressed` returned, with phases that fit them: complex (B, T, bins).

        Gradients reach the magnitudes alone.
        """
        p = self.config.exponent
        magnitude = c.clamp(FLOOR**p, CEILING**p).pow(1 / p)
        return magnitude * self.phases(magnitude.detach(), restart, pause)

    def phases(self, magnitude: Tensor, restart: int | None = None, pause: int | None = None) -> Tensor:
        """Complex unit vectors (B, T, bins) for magnitudes, see `integrate_phase`."""
        return integrate_phase(magnitude, self.config.n_fft, self.config.frame_hop, restart, pause)

    def render(self, spectrum: Tensor) -> Tensor:
        """Audio (B, T * frame_hop), float32, of what `spectrum` returned."""
        b = self.config
        with torch.autocast(spectrum.device.type, enabled=False):
            return griffin_lim(spectrum, self.window, b.frame_hop, b.iterations, b.momentum)
