"""Short-time Fourier transform and mel bands, frames first: (B, frames, bins).

Frame t is centred on sample t * hop; the signal is taken as zero outside. Plain real FFTs and slices instead of
`torch.stft`, because one Griffin-Lim iteration is the decoder's main cost.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def analyse(audio: Tensor, window: Tensor, hop: int) -> Tensor:
    """STFT of audio (B, samples) -> complex (B, samples // hop, n_fft // 2 + 1)."""
    n_fft = window.shape[0]
    frames = audio.shape[-1] // hop
    padded = F.pad(audio, (n_fft // 2, n_fft // 2))
    spectrum: Tensor = torch.fft.rfft(padded.unfold(-1, n_fft, hop)[:, :frames] * window)
    return spectrum


def overlap_add(frames: Tensor, hop: int) -> Tensor:
    """(B, T, n_fft) -> (B, (T - 1) * hop + n_fft); n_fft must be a multiple of hop."""
    B, T, n_fft = frames.shape
    parts = n_fft // hop
    pieces = frames.reshape(B, T, parts, hop)
    out = frames.new_zeros(B, T + parts - 1, hop)
    for j in range(parts):
        out[:, j : j + T] += pieces[:, :, j]
    return out.reshape(B, -1)


def window_power(window: Tensor, frames: int, hop: int) -> Tensor:
    """Sum of squared windows over `frames` frames, for `synthesise`: (frames * hop,)."""
    n_fft = window.shape[0]
    total = overlap_add((window * window).expand(1, frames, n_fft), hop)[0]
    return total[n_fft // 2 : n_fft // 2 + frames * hop].clamp_min(1e-3)


def synthesise(spectrum: Tensor, window: Tensor, hop: int, power: Tensor) -> Tensor:
    """Inverse STFT, least squares (Griffin & Lim 1984, eq. 6): complex (B, T, bins) -> (B, T * hop).

    `power` is `window_power(window, T, hop)`.
    """
    n_fft = window.shape[0]
    total = overlap_add(torch.fft.irfft(spectrum, n_fft) * window, hop)
    return total[:, n_fft // 2 : n_fft // 2 + spectrum.shape[1] * hop] / power


def mel_filterbank(sample_rate: int, n_fft: int, mels: int) -> Tensor:
    """Triangular filters of unit peak, equally spaced on the HTK mel scale: (mels, n_fft // 2 + 1)."""
    top = 2595 * math.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, mels + 2, dtype=torch.float64) / 2595) - 1)
    f = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    low, mid, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return torch.minimum((f - low) / (mid - low), (high - f) / (high - mid)).clamp_min(0).float()
