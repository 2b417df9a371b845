"""Levels: the decoder's magnitudes raised, band by band, towards those of the recordings.

An L1 loss makes each magnitude the median of what it could be. Where a bin is noise, that is 1.6 dB below its power
(the median of a Rayleigh distribution), and phases that do not fit take another part when frames overlap. How much is
missing is measured on decoded audio, and becomes part of the decoder's last layers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from swc.nn.model import CodecModel
from swc.nn.stft import analyse, mel_filterbank
from swc.training.losses import LOG_FLOOR, band_centres, interpolated
from swc.training.validation import quantize_windows

BANDS = 32
SHARE = 0.5  # of what the median frame lacks that is added: loud frames lack less


@dataclass(frozen=True)
class Levels:
    """What the decoder was raised by.

    Attributes:
        missing: median dB, over frames, by which each mel band of decoded audio was softer than the recordings; `SHARE`
            of it has been added.
    """

    missing: tuple[float, ...]

    def __str__(self) -> str:
        return f"{min(self.missing):.1f} to {max(self.missing):.1f} dB missing in bands, {SHARE:.0%} of it added"


@torch.no_grad()
def level(model: CodecModel, batches: Iterable[Tensor], experts: int) -> Levels:
    """Raise the decoder's magnitudes in mel bands by a share of what they lack.

    Args:
        model: its decoder is changed.
        batches: crops (B, samples), decoded with...
        experts: ... so many experts in every window, searched for as by default.
    """
    config, decoder = model.config, model.decoder
    bank = mel_filterbank(config.sample_rate, config.backbone.n_fft, BANDS).t().to(decoder.window)

    def bands(audio: Tensor) -> Tensor:
        return analyse(audio, decoder.window, config.backbone.frame_hop).abs() @ bank

    differences = []
    for audio in batches:
        heard, said = bands(audio), bands(decoder(quantize_windows(model, model.encoder(audio), experts)))
        ratio = 20 * ((heard + LOG_FLOOR) / (said + LOG_FLOOR)).log10()
        differences.append(torch.where(heard > LOG_FLOOR, ratio, torch.nan).flatten(0, 1))
    missing = torch.cat(differences).nanmedian(0).values.nan_to_num(0.0)
    bins = torch.linspace(0, config.sample_rate / 2, decoder.bins, device=bank.device)
    over_bins = interpolated(bins, band_centres(bank, config.sample_rate), missing)
    decoder.amplify(10 ** (SHARE * over_bins / 20))
    return Levels(tuple(round(x, 2) for x in missing.tolist()))
