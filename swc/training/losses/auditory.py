"""Losses in the domain of hearing, between waveforms and blind to phase.

`loudness` follows the perceptual model of PESQ (ITU-T P.862): power in Bark bands up to 8 kHz over 32 ms windows,
raised to Zwicker's 0.23 above a threshold, where additions weigh more than losses. `envelope` follows STOI
(Taal et al. 2011): correlation of third-octave envelopes over 0.38 s, here up to 12 kHz. Both are simplified, without
time alignment and level equalisation, so that they are cheap and have gradients everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from swc.nn.layers.stft import analyse_power

BARKS = 46
BARK_TOP = 8000.0  # Hz
THRESHOLD = 10**-7.5  # of hearing: power 75 dB below a full-scale sine
EXPONENT = 0.23
ADDED = 1.5  # weight of a louder band against a softer one
OCTAVE_BOTTOM, OCTAVES, PER_OCTAVE = 150.0, 20, 3  # centres 150 Hz to 12 kHz
FRAMES, STRIDE = 30, 3  # envelope frames that are correlated, and the step between two such stretches
AUDIBLE = 1e-3  # stretches softer than this share of a band's loudest (-30 dB) don't count


def bark(f: Tensor) -> Tensor:
    """Critical-band rate of frequencies in Hz (Traunmueller 1990)."""
    return 26.81 * f / (1960 + f) - 0.53


class AuditoryLoss(nn.Module):
    """Distances between audio (B, samples) and its decoded version; both level-normalised."""

    window: Tensor
    barks: Tensor
    short: Tensor
    octaves: Tensor

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        n = 64 * round(0.032 * sample_rate / 64)
        f = torch.linspace(0, sample_rate / 2, n // 2 + 1)
        edges = torch.linspace(-0.3, float(bark(torch.tensor(BARK_TOP))), BARKS + 2)
        low, mid, high = edges[:-2], edges[1:-1], edges[2:]
        z = bark(f)[:, None]
        self.register_buffer("barks", torch.minimum((z - low) / (mid - low), (high - z) / (high - mid)).clamp_min(0))
        self.register_buffer("window", torch.hann_window(n))
        n = 64 * round(0.0256 * sample_rate / 64)
        f = torch.linspace(0, sample_rate / 2, n // 2 + 1)[:, None]
        centre, half = OCTAVE_BOTTOM * 2 ** (torch.arange(OCTAVES) / PER_OCTAVE), 2 ** (1 / (2 * PER_OCTAVE))
        octaves = ((f >= centre / half) & (f < centre * half)).float()
        self.register_buffer("octaves", octaves[:, centre * half < sample_rate / 2])
        self.register_buffer("short", torch.hann_window(n))

    def loudness(self, x: Tensor, y: Tensor) -> Tensor:
        """Scalar: mean over frames of the root mean square over Bark bands of the difference in loudness."""
        d = self._loudness(y) - self._loudness(x)
        d = torch.where(d > 0, ADDED * d, d)
        return (d.square().mean(-1) + 1e-6).sqrt().mean()

    def _loudness(self, audio: Tensor) -> Tensor:
        n = self.window.shape[0]
        power = analyse_power(audio, self.window, n // 4) * (16 / (3 * n * n))  # 1/3 for a full-scale sine
        sones: Tensor = 10 * ((power @ self.barks + THRESHOLD).pow(EXPONENT) - THRESHOLD**EXPONENT)
        return sones

    def envelope(self, x: Tensor, y: Tensor) -> Tensor:
        """Scalar: 1 - mean correlation of the third-octave envelopes, over all of audio shorter than 0.38 s."""
        a, b = (self._stretches(v) for v in (x, y))
        energy = a.square().mean(-1).sum(-1)
        audible = (energy > AUDIBLE * energy.amax(1, keepdim=True)).float()
        a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
        norm = (a.square().sum(-1) * b.square().sum(-1) + 1e-9).sqrt()
        correlation = ((a * b).sum(-1) / norm).mean(-1)
        mean: Tensor = (correlation * audible).sum() / audible.sum().clamp_min(1)
        return 1 - mean

    def _stretches(self, audio: Tensor) -> Tensor:
        """Envelopes in overlapping stretches: (B, stretches, bands, FRAMES)."""
        envelope = (analyse_power(audio, self.short, self.short.shape[0] // 2) @ self.octaves + 1e-5).sqrt()
        stretches: Tensor = envelope.unfold(1, min(FRAMES, envelope.shape[1]), STRIDE)
        return stretches
