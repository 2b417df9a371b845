"""Reconstruction losses.

`magnitude` judges compressed magnitudes where they are made, before any phase (stage 1a). `MultiscaleMel` judges
waveforms: the multi-scale mel loss of DAC (Kumar et al. 2023, arXiv 2306.06546, section 3.4: windows 32..2048, 5..320
bands), with magnitudes normalised by the window and a floor that keeps inaudible noise out of it. `emphasis` weights
errors at 0, 1, 4, 8 kHz and at the top: bits spent on the treble are missing in the range of speech and pitch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swc.config import Config
from swc.dsp.stft import analyse
from swc.nn.backbones.spectral.parts import compress
from swc.nn.layers.stft import analyse_power, mel_filterbank
from swc.training.parts import sizes_of

SCALES = ((32, 5), (64, 10), (128, 20), (256, 40), (512, 80), (1024, 160), (2048, 320))
BANDS = 160
BAND_FLOOR = 1e-2
LOG_FLOOR = 0.1  # about -74 dB re full scale: below it a logarithm would spend the model on inaudible noise
WAVEFORM_FLOOR = 5e-5
EMPHASIS_HZ = (0.0, 1000.0, 4000.0, 8000.0)


def emphasis(config: Config, frequencies: Tensor) -> Tensor:
    """The config's `emphasis` at frequencies in Hz, linear between its five points."""
    points = torch.tensor((*EMPHASIS_HZ, max(config.model.sample_rate / 2, EMPHASIS_HZ[-1] + 1)), dtype=torch.float64)
    values = torch.tensor(config.training.emphasis, dtype=torch.float64)
    return interpolated(frequencies.double(), points, values).float()


def interpolated(x: Tensor, points: Tensor, values: Tensor) -> Tensor:
    """The values at x of a function that is linear between rising points (n,) and constant outside."""
    right = torch.searchsorted(points, x).clamp(1, len(points) - 1)
    share = ((x - points[right - 1]) / (points[right] - points[right - 1])).clamp(0, 1)
    return torch.lerp(values[right - 1], values[right], share)


def band_centres(bank: Tensor, sample_rate: int) -> Tensor:
    """Mean frequency in Hz of each filter of a bank (bins, bands)."""
    f = torch.linspace(0, sample_rate / 2, bank.shape[0], device=bank.device)
    return (f @ bank) / bank.sum(0).clamp_min(1e-9)


class ReconstructionLoss(nn.Module):
    """Losses between a recording and its decoded version."""

    window: Tensor
    bank: Tensor
    bin_weight: Tensor
    band_weight: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        (b, _), rate = sizes_of(config.model), config.model.sample_rate
        self.hop, self.exponent = b.frame_hop, b.exponent
        self.register_buffer("window", torch.hann_window(b.n_fft))
        self.register_buffer("bank", mel_filterbank(rate, b.n_fft, BANDS).t().contiguous())
        f = torch.linspace(0, rate / 2, b.n_fft // 2 + 1)
        weight = emphasis(config, f) / (700 + f)  # mels a Hz
        self.register_buffer("bin_weight", weight / weight.mean())
        weight = emphasis(config, band_centres(self.bank, rate))
        self.register_buffer("band_weight", weight / weight.mean())
        self.multiscale_mel = MultiscaleMel(rate)

    def magnitude(self, c: Tensor, audio: Tensor) -> Tensor:
        """Scalar distance between compressed magnitudes (B, T, bins) and those of audio (B, samples).

        L1 over bins, weighted by how many mels a bin spans, + L1 over 160 compressed mel bands + 0.25 L1 of their
        logarithms.
        """
        magnitude: Tensor = analyse(audio, self.window, self.hop).abs()
        p = self.exponent
        bins = ((c - compress(magnitude, p)).abs() * self.bin_weight).mean()
        a, b = c.clamp_min(1e-3).pow(1 / p) @ self.bank, magnitude @ self.bank
        bands = (a.clamp_min(BAND_FLOOR).pow(p) - b.clamp_min(BAND_FLOOR).pow(p)).abs()
        logs = ((a + LOG_FLOOR).log() - (b + LOG_FLOOR).log()).abs()
        return bins + ((bands + 0.25 * logs) * self.band_weight).mean()


class MultiscaleMel(nn.Module):
    """Scalar: mean over the seven scales of the L1 distance of log10 mel magnitudes of audio (B, samples)."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        for size, bands in SCALES:
            self.register_buffer(f"window_{size}", torch.hann_window(size))
            self.register_buffer(f"bank_{size}", mel_filterbank(sample_rate, size, bands).t().contiguous())

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        total = x.new_zeros(())
        for size, _ in SCALES:
            window, bank = getattr(self, f"window_{size}"), getattr(self, f"bank_{size}")
            a, b = (self._mel(v, window, bank) for v in (x, y))
            total = total + F.l1_loss((a + WAVEFORM_FLOOR).log10(), (b + WAVEFORM_FLOOR).log10())
        return total / len(SCALES)

    @staticmethod
    def _mel(audio: Tensor, window: Tensor, bank: Tensor) -> Tensor:
        power = analyse_power(audio, window, window.shape[0] // 4)
        return ((power + 1e-12).sqrt() @ bank) * (4 / window.shape[0])
