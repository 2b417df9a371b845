"""Levels: the decoder's magnitudes raised, band by band, to those of the recordings.

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
from swc.training.losses import LOG_FLOOR, ReconstructionLoss
from swc.training.validation import quantize_windows

BANDS = 32
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of what is missing that are tried: all of it can be too much of a good thing


@dataclass(frozen=True)
class Levels:
    """What the decoder was raised by.

    Attributes:
        missing: median dB of each mel band that decoded audio was softer than the recordings.
        share: of it that was added.
        before: multi-scale mel loss on the same audio.
        after: with the share added.
    """

    missing: tuple[float, ...]
    share: float
    before: float
    after: float

    def __str__(self) -> str:
        least, most = min(self.missing), max(self.missing)
        return (
            f"{least:.1f} to {most:.1f} dB missing, {self.share:.0%} added: mel {self.before:.4f} to {self.after:.4f}"
        )


@torch.no_grad()
def level(model: CodecModel, loss: ReconstructionLoss, batches: Iterable[Tensor], experts: int) -> Levels:
    """Raise the decoder's magnitudes in mel bands, by the share of what is missing that lowers the mel loss most.

    Args:
        model: its decoder is changed.
        loss: judges the shares.
        batches: crops (B, samples), decoded with...
        experts: ... so many experts in every window, searched for as by default.
    """
    config, decoder = model.config, model.decoder
    pairs = [(audio, decoder.compressed(quantize_windows(model, model.encoder(audio), experts))) for audio in batches]
    bank = mel_filterbank(config.sample_rate, config.backbone.n_fft, BANDS).t().to(pairs[0][0])

    def bands(audio: Tensor) -> Tensor:
        return analyse(audio, decoder.window, config.backbone.frame_hop).abs() @ bank

    def decoded(c: Tensor, gain: Tensor) -> Tensor:
        return decoder.render(decoder.spectrum(c * gain.pow(config.backbone.exponent)))

    differences = []
    for audio, c in pairs:
        heard, said = bands(audio), bands(decoded(c, torch.ones_like(c[0, 0])))
        ratio = 20 * ((heard + LOG_FLOOR) / (said + LOG_FLOOR)).log10()
        differences.append(torch.where(heard > LOG_FLOOR, ratio, torch.nan).flatten(0, 1))
    missing = torch.cat(differences).nanmedian(0).values.nan_to_num(0.0)

    def gains(share: float) -> Tensor:
        return (10 ** (share * _over_bins(missing, bank) / 20)).clamp(0.25, 4)

    losses = [
        sum(float(loss.multiscale_mel(audio, decoded(c, gains(share)))) for audio, c in pairs) / len(pairs)
        for share in SHARES
    ]
    best = min(range(len(SHARES)), key=losses.__getitem__)
    decoder.amplify(gains(SHARES[best]))
    return Levels(tuple(round(x, 2) for x in missing.tolist()), SHARES[best], losses[0], losses[best])


def _over_bins(values: Tensor, bank: Tensor) -> Tensor:
    """Values of mel bands (bands,) at the bins of a bank (bins, bands), linear between the bands' centres: (bins,)."""
    position = torch.arange(bank.shape[0], device=bank.device, dtype=bank.dtype)
    centre = (position @ bank) / bank.sum(0).clamp_min(1e-9)
    right = torch.searchsorted(centre, position).clamp(1, len(centre) - 1)
    share = ((position - centre[right - 1]) / (centre[right] - centre[right - 1])).clamp(0, 1)
    return torch.lerp(values[right - 1], values[right], share)
