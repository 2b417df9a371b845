"""Power spectra and mel bands for losses and features, frames first: (B, frames, bins); see `swc.dsp.stft`."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from swc.dsp.stft import frames


def analyse_power(audio: Tensor, window: Tensor, hop: int) -> Tensor:
    """Squared magnitudes of `analyse`, (B, samples // hop, n_fft // 2 + 1), with cheap gradients."""
    power: Tensor = _Power.apply(frames(audio, window, hop))  # type: ignore[no-untyped-call]
    return power


class _Power(torch.autograd.Function):
    """Power spectrum of real frames (..., n) -> (..., n // 2 + 1).

    Autograd would pad the gradient of the half spectrum to a whole one and take the complex transform of that; here the
    backward pass is a real transform too, which saves 40 % of the time of a loss on spectra.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(x)
        ctx.save_for_backward(spectrum)
        ctx.n = x.shape[-1]
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


def mel_filterbank(sample_rate: int, n_fft: int, mels: int) -> Tensor:
    """Triangular filters of unit peak, equally spaced on the HTK mel scale: (mels, n_fft // 2 + 1)."""
    top = 2595 * math.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, mels + 2, dtype=torch.float64) / 2595) - 1)
    f = torch.linspace(0, sample_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
    low, mid, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    return torch.minimum((f - low) / (mid - low), (high - f) / (high - mid)).clamp_min(0).float()
