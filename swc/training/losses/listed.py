"""Losses that a stage of kind "listed" names: distances between recordings and what the codec makes of them.

The stage itself has two more, which need more than recordings: "adversarial" and "magnitude".

`LOSSES` is open: a loss of one's own, such as the distance of what a speech recogniser hears, is put there under a
name, and the config names it (see docs/sq.md).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swc.config import Config
from swc.nn.layers.stft import analyse_power
from swc.training.losses.auditory import AuditoryLoss
from swc.training.losses.reconstruction import MultiscaleMel

SCALES = (32, 64, 128, 256, 512, 1024)
FLOOR = 1e-5  # of squared magnitudes: that of a noise some 50 dB below the codec's level


class Elementwise(nn.Module):
    """SQCodec's eq. (3): the mean absolute difference of samples."""

    def forward(self, real: Tensor, fake: Tensor) -> Tensor:
        return F.l1_loss(fake, real)


class Spectrogram(nn.Module):
    """SQCodec's eq. (4): L1 of magnitudes and of the logarithms of their squares, averaged over six window lengths."""

    def __init__(self) -> None:
        super().__init__()
        for size in SCALES:
            self.register_buffer(f"window_{size}", torch.hann_window(size), persistent=False)

    def forward(self, real: Tensor, fake: Tensor) -> Tensor:
        total = real.new_zeros(())
        for size in SCALES:
            a, b = (analyse_power(x, getattr(self, f"window_{size}"), size // 4) + FLOOR for x in (real, fake))
            total = total + F.l1_loss(b.sqrt(), a.sqrt()) + F.l1_loss(b.log10(), a.log10())
        return total / len(SCALES)


class Loudness(AuditoryLoss):
    """As in stage "waveform": `AuditoryLoss.loudness`."""

    def forward(self, real: Tensor, fake: Tensor) -> Tensor:
        return self.loudness(real, fake)


class Envelope(AuditoryLoss):
    """As in stage "waveform": `AuditoryLoss.envelope`."""

    def forward(self, real: Tensor, fake: Tensor) -> Tensor:
        return self.envelope(real, fake)


LOSSES: dict[str, Callable[[Config], nn.Module]] = {
    "elementwise": lambda config: Elementwise(),
    "spectrogram": lambda config: Spectrogram(),
    "mel": lambda config: MultiscaleMel(config.model.sample_rate),
    "loudness": lambda config: Loudness(config.model.sample_rate),
    "envelope": lambda config: Envelope(config.model.sample_rate),
}
"""Makers of modules that map recordings and what was made of them, (B, samples) each, to a scalar, by name."""


def clamped(loss: Tensor, weight: float, most: float) -> Tensor:
    """A weighted loss whose weight is lowered so that it is at most `most`: SQCodec's eq. (2).

    The gradient of a loss that is large at the start, such as a perceptual one, is scaled down by as much, so that
    others lead; it counts in full once it is small.
    """
    weighted = weight * loss
    return weighted * (most / weighted.detach().abs().clamp_min(1e-12)).clamp(max=1.0)
