"""Constant quality: every window takes as few bits as reach the same residual, so that easy passages cost less.

The residual is the mean squared error of the latents of a window. Latents are of audio at the model's level, and in
the bundled model weighted by how audible their errors are (stage `weighting`). Quality 0 is the residual of pink noise
in windows of the least size, and each point is STEP_DB less; being relative, the scale suits any model.

The residual for a number of steps is measured with the fastest search for codes. A stream takes the same bits at any
effort, and more effort lowers its residual.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swc.bitstream import Header, window_lengths
from swc.codec.control import Uncoded, of_each
from swc.nn.model import CodecModel

STEP_DB = 1.25
NOISE_SECONDS = 4.0
QUICKEST = 0  # effort
NOTHING_RMS = 1e-5  # digital silence, less than a bit of 16


class ConstantResidual:
    """A RateControl that gives windows the fewest steps that reach a certain residual, or all steps if none do.

    Windows of digital silence get none.

    Args:
        model: on its device.
        header: of the stream.
        most: the residual.
    """

    def __init__(self, model: CodecModel, header: Header, most: float) -> None:
        self.model, self.header, self.most = model, header, most

    @torch.inference_mode()
    def grants(self, chunks: Sequence[Uncoded]) -> list[Tensor]:
        return of_each(chunks, self._alike)

    def settle(self, packed: int) -> None:
        """Nothing is limited."""

    def _alike(self, chunks: Sequence[Uncoded]) -> Tensor:
        """Grants of chunks of one shape (chunks * channels, W), found by bisection of all windows at once."""
        z, window = torch.cat([chunk.z for chunk in chunks]), self.header.window
        steps = [len(self.header.layout.sizes(n)) - 1 for n in window_lengths(z.shape[1], window)]
        high = torch.tensor(steps, device=z.device) * (torch.cat([chunk.rms for chunk in chunks]) > NOTHING_RMS)
        low = torch.zeros_like(high)
        while bool((low < high).any()):
            middle = (low + high) // 2
            enough = residuals(self.model, z, middle, window, QUICKEST) <= self.most
            low, high = torch.where(enough, low, middle + 1), torch.where(enough, middle, high)
        return high


def residuals(model: CodecModel, z: Tensor, grants: Tensor, window: int, effort: int) -> Tensor:
    """Mean squared error (B, W) of coding in each window of latents (B, L, D); see `Quantizer.encode`."""
    decoded = model.quantizer.decode(model.quantizer.encode(z, grants, window, effort))
    windows = torch.split((z - decoded).square().sum(2), window, 1)
    return torch.stack([errors.mean(1) for errors in windows], 1)


class QualityScale:
    """The qualities of a model.

    Args:
        model: on its device.
    """

    def __init__(self, model: CodecModel) -> None:
        self.model = model

    def control(self, header: Header, quality: float) -> ConstantResidual:
        """The RateControl of a stream."""
        return ConstantResidual(self.model, header, self._reference * 10 ** (-STEP_DB / 10 * quality))

    @cached_property
    def _reference(self) -> float:
        """The residual of quality 0."""
        return reference(self.model)


@torch.inference_mode()
def reference(model: CodecModel) -> float:
    """The residual of pink noise in windows of the least size."""
    config = model.config
    noise = _pink_noise(round(NOISE_SECONDS * config.latent_rate) * config.hop, config.gain.target_db)
    z = model.encoder.encode(torch.from_numpy(noise).to(model.device)[None])
    window = config.quantizer.window
    least = torch.zeros(1, len(window_lengths(z.shape[1], window)), dtype=torch.long, device=z.device)
    return float(residuals(model, z, least, window, QUICKEST).mean())


def _pink_noise(samples: int, level_db: float) -> NDArray[np.float32]:
    """Always the same noise, float32 (samples,), of equal energy in every octave; its RMS in dB re full scale."""
    bins = np.arange(1, samples // 2)
    spectrum = np.zeros(samples // 2 + 1, complex)
    spectrum[bins] = np.exp(2j * np.pi * np.random.default_rng(0).random(len(bins))) / np.sqrt(bins)
    noise = np.fft.irfft(spectrum, samples)
    noise *= 10 ** (level_db / 20) / np.sqrt(np.square(noise).mean())
    return noise.astype(np.float32)
