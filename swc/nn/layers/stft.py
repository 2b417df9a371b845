"""Short-time Fourier transform and mel bands, frames first: (B, frames, bins).

Frame t is centred on sample t * hop; the signal is taken as zero outside. Plain real FFTs and slices, which
cost less than `torch.stft`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


def analyse(audio: Tensor, window: Tensor, hop: int) -> Tensor:
    """STFT of audio (B, samples) -> complex (B, samples // hop, n_fft // 2 + 1)."""
    spectrum: Tensor = torch.fft.rfft(_frames(audio, window, hop))
    return spectrum


def analyse_power(audio: Tensor, window: Tensor, hop: int) -> Tensor:
    """Squared magnitudes of `analyse`, (B, samples // hop, n_fft // 2 + 1), with cheap gradients."""
    power: Tensor = _Power.apply(_frames(audio, window, hop))  # type: ignore[no-untyped-call]
    return power


def _frames(audio: Tensor, window: Tensor, hop: int) -> Tensor:
    n_fft = window.shape[0]
    padded = F.pad(audio, (n_fft // 2, n_fft // 2))
    return padded.unfold(-1, n_fft, hop)[:, : audio.shape[-1] // hop] * window


class _Power(torch.autograd.Function):
    """Power spectrum of real frames (..., n) -> (..., n // 2 + 1).

    Autograd would pad the gradient of the half spectrum to a whole one and take the complex transform of that; here the
    backward pass is a real transform too, which saves 40 % of the time of a loss on spectra.
    """

    @staticmethod
    def forward(ctx: Any, frames: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(frames)
        ctx.save_for_backward(spectrum)
        ctx.n = frames.shape[-1]
        power: Tensor = spectrum.real.square() + spectrum.imag.square()
        return power

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        # the derivative of a square is twice the number; irfft itself counts twice the bins that have a mirror image
        (spectrum,) = ctx.saved_tensors
        gradient = gradient.clone()
        gradient[..., 0] *= 2
        if ctx.n % 2 == 0:
            gradient[..., -1] *= 2
        back: Tensor = torch.fft.irfft(spectrum * gradient, ctx.n, norm="forward")
        return back


def overlap_add(frames: Tensor, hop: int) -> Tensor:
    """(B, T, n_fft) -> (B, (T - 1) * hop + n_fft); n_fft must be a multiple of hop."""
    B, T, n_fft = frames.shape
    parts = n_fft // hop
    pieces = frames.reshape(B, T, parts, hop)
    out = frames.new_zeros(B, T + parts - 1, hop)
    for j in range(parts):
        out[:, j : j + T] += pieces[:, :, j]
    return out.reshape(B, -1)


def synthesise(spectrum: Tensor, window: Tensor, hop: int) -> Tensor:
    """Inverse STFT, least squares (Griffin & Lim 1984, eq. 6): complex (B, T, bins) -> (B, T * hop)."""
    n_fft, frames = window.shape[0], spectrum.shape[1]
    inside = slice(n_fft // 2, n_fft // 2 + frames * hop)
    power = overlap_add((window * window).expand(1, frames, n_fft), hop)[:, inside].clamp_min(1e-3)
    return overlap_add(torch.fft.irfft(spectrum, n_fft) * window, hop)[:, inside] / power


def mel_filterbank(sample_rate: int, n_fft: int, mels: int) -> Tensor:
    """Triangular filters of unit peak, equally spaced on the HTK mel scale: (mels, n_fft // 2 + 1)."""
    top = 2595 * math.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, mels + 2, dtype=torch.float64) / 2595) - 1)
    f = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    low, mid, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return torch.minimum((f - low) / (mid - low), (high - f) / (high - mid)).clamp_min(0).float()
