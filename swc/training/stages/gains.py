"""Stage "gains": the decoder's magnitudes raised, band by band, towards those of the recordings.

An L1 loss makes each magnitude the median of its possible values. In a bin of noise, that is 1.6 dB below its power
(the median of a Rayleigh distribution), and inconsistent phases cost more when frames overlap. The lack is measured on
decoded audio, and the correction becomes part of the decoder's last layers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from swc.dsp.stft import analyse
from swc.nn.backbones.spectral import SpectralDecoder
from swc.nn.layers.stft import mel_filterbank
from swc.nn.model import CodecModel
from swc.training.losses.reconstruction import LOG_FLOOR, band_centres, interpolated
from swc.training.parts import spectral_networks_of
from swc.training.stages.stage import BatchSolver, Outcome
from swc.training.validation import quantize

BANDS = 32
SHARE = 0.5  # share of the median frame's lack that is added: loud frames lack less


@dataclass(frozen=True)
class Gains(Outcome):
    """The gain of the decoder.

    Attributes:
        missing: median dB, over frames, by which each mel band of decoded audio was softer than the recordings; `SHARE`
            of it has been added.
    """

    missing: tuple[float, ...]

    def __str__(self) -> str:
        return f"{min(self.missing):.1f} to {max(self.missing):.1f} dB missing in bands, {SHARE:.0%} of it added"


class GainsSolver(BatchSolver):
    """Decodes with the nominal k_r."""

    backbone: ClassVar[str | None] = "spectral"

    def measure(self, model: CodecModel, batches: Iterable[Tensor], generator: torch.Generator) -> Gains:
        return match_gains(model, batches, self.config.training.nominal_k)


@torch.no_grad()
def match_gains(model: CodecModel, batches: Iterable[Tensor], k: int) -> Gains:
    """Raise the decoder's magnitudes in mel bands by a share of their lack.

    Args:
        model: its decoder is changed.
        batches: crops (B, samples).
        k: k_r of every window when they are decoded, with the default search.
    """
    (encoder, decoder), rate = spectral_networks_of(model), model.config.sample_rate
    bank = mel_filterbank(rate, decoder.config.n_fft, BANDS).t().to(decoder.window)

    def bands(audio: Tensor) -> Tensor:
        magnitude: Tensor = analyse(audio, decoder.window, decoder.config.frame_hop).abs()
        return magnitude @ bank

    differences = []
    for audio in batches:
        original = bands(audio)
        decoded = bands(decoder.decode(quantize(model, encoder.encode(audio), k)))
        ratio = 20 * ((original + LOG_FLOOR) / (decoded + LOG_FLOOR)).log10()
        differences.append(torch.where(original > LOG_FLOOR, ratio, torch.nan).flatten(0, 1))
    missing = torch.cat(differences).nanmedian(0).values.nan_to_num(0.0)
    bins = torch.linspace(0, rate / 2, decoder.bins, device=bank.device)
    over_bins = interpolated(bins, band_centres(bank, rate), missing)
    amplify(decoder, 10 ** (SHARE * over_bins / 20))
    return Gains(tuple(round(x, 2) for x in missing.tolist()))


@torch.no_grad()
def amplify(decoder: SpectralDecoder, factors: Tensor) -> None:
    """Multiply the magnitudes that `spectrum` will have by factors (bins,), in the last layers' weights."""
    for layer, frames in ((decoder.project, 1), (decoder.linear, decoder.config.frames_per_latent)):
        rows = factors.pow(decoder.config.exponent).repeat(frames)
        layer.weight.mul_(rows[:, None])
        layer.bias.mul_(rows)
