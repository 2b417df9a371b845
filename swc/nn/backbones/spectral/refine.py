"""A network that adds texture to the decoder's spectrum and corrects its phases.

Coded magnitudes are smooth where those of recordings fluctuate, and integrated phases turn smooth magnitudes into
steady tones, which buzz. Here every bin of the decoded spectrum X is changed to

    exp(a) (sqrt(1 - n^2) exp(i b) X + n |X| N),

where N is the spectrum of white noise, and a, b and n in (0, 1) come from a network of ConvNeXt blocks over time and
frequency (Liu et al. 2022, arXiv 2201.03545). It starts with a and b near 0 and little noise, so that the decoder at
first sounds as without it. (A steady and a noisy part: Serra & Smith 1990.)
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swc.config import SpectralConfig
from swc.dsp.noise import uniform
from swc.nn.backbones.spectral.parts import compress, correction

PATCH = 8  # neighbouring bins that form one position of the network
EXPANSION = 2
KERNEL = (5, 5)  # frames, patches
FEATURES, OUTPUTS = 5, 3  # numbers a bin
QUIET = -3.0  # at first the noise is 26 dB below the signal
SCALE = 0.3  # of compressed magnitudes, whose mean is about 3 at the coding level
LOUDEST = 3.0  # nepers that a bin may gain
TINY = 1e-6


class PlaneBlock(nn.Module):
    """A ConvNeXt block over time and frequency: (B, T, P, C) -> (B, T, P, C)."""

    def __init__(self, dim: int, scale: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(dim, dim, KERNEL, padding=(KERNEL[0] // 2, KERNEL[1] // 2), groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, EXPANSION * dim)
        self.down = nn.Linear(EXPANSION * dim, dim)
        self.scale = nn.Parameter(torch.full((dim,), scale))

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        out: Tensor = x + self.down(F.relu(self.up(self.norm(y)))) * self.scale
        return out


class Refiner(nn.Module):
    """Decoded spectrum, complex (B, T, bins), -> final spectrum of the same shape."""

    noise: Tensor
    turn: Tensor

    def __init__(self, config: SpectralConfig, period: int) -> None:
        """A new network; its noise repeats after `period` frames."""
        super().__init__()
        self.config = config
        n, dim, patches = config.n_fft, config.refine_dim, config.n_fft // 2 // PATCH
        self.register_buffer("noise", noise_spectrum(period, n, config.frame_hop), persistent=False)
        own = 2 * math.pi * ((config.frame_hop * torch.arange(n // 2)) % n) / n
        self.register_buffer("turn", torch.polar(torch.ones_like(own), -own), persistent=False)
        self.entry = nn.Linear(PATCH * FEATURES, dim)
        self.place = nn.Parameter(0.02 * torch.randn(patches, dim))
        self.entry_norm = nn.LayerNorm(dim)
        blocks = config.refine_blocks
        self.blocks = nn.ModuleList(PlaneBlock(dim, 1 / blocks) for _ in range(blocks))
        self.exit_norm = nn.LayerNorm(dim)
        self.project = correction(dim, PATCH * OUTPUTS)

    @property
    def reach(self) -> int:
        """Frames on each side of its own that a frame depends on."""
        return 1 + self.config.refine_blocks * (KERNEL[0] // 2)

    def forward(self, decoded: Tensor, first: Tensor | int) -> Tensor:
        """Refine a spectrum (B, T, bins); `first` is the number of its first frame, or one each (B,)."""
        B, T, _ = decoded.shape
        with torch.autocast(decoded.device.type, enabled=False):
            magnitude = decoded.abs()
            x = self._features(decoded, magnitude)
        h = self.entry_norm(self.entry(x) + self.place)
        for block in self.blocks:
            h = block(h)
        y = self.project(self.exit_norm(h)).float()
        gain, angle, share = F.pad(y.reshape(B, T, -1, OUTPUTS), (0, 0, 0, 1)).unbind(-1)
        gain, n = gain.clamp(max=LOUDEST).exp(), torch.sigmoid(share + QUIET)
        frames = torch.as_tensor(first, device=y.device).unsqueeze(-1) + torch.arange(T, device=y.device)
        noise = self.noise[frames % len(self.noise)]
        return decoded * torch.polar(gain * (1 - n * n).sqrt(), angle) + noise * (magnitude * gain * n)

    def _features(self, decoded: Tensor, magnitude: Tensor) -> Tensor:
        """The network's input, (B, T, patches, PATCH * FEATURES): magnitudes, and phases relative to neighbours."""
        magnitude = magnitude[..., :-1]
        unit = decoded[..., :-1] / (magnitude + TINY)
        # phases refer to the start of the window: those of an impulse in its middle advance by pi from bin to bin
        across = F.pad(-unit[..., 1:] * unit[..., :-1].conj(), (1, 0))
        along = F.pad(unit[:, 1:] * unit[:, :-1].conj(), (0, 0, 1, 0)) * self.turn
        level = SCALE * compress(magnitude, self.config.exponent)
        numbers = torch.stack((level, across.real, across.imag, along.real, along.imag), -1)
        return numbers.reshape(*numbers.shape[:2], -1, PATCH * FEATURES)


def noise_spectrum(period: int, n_fft: int, hop: int) -> Tensor:
    """Spectrum of white noise that repeats after `period` frames, with a mean square of 1: complex (period, bins)."""
    sample = np.arange(-(n_fft // 2), (period - 1) * hop + n_fft - n_fft // 2) % (period * hop)
    white = (torch.from_numpy(uniform(sample)) - 0.5) * math.sqrt(12)
    window = torch.hann_window(n_fft)
    spectrum: Tensor = torch.fft.rfft(white.unfold(-1, n_fft, hop) * (window / window.norm()))
    return spectrum
