"""The input of a training step: crops, the rate of each of their windows, and the windows to search experts for."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from swc.config import Config
from swc.training.data.corpus import Corpus

UNIT = 1024  # samples; lengths in it have fast Fourier transforms


class Batch(NamedTuple):
    """Training crops of W windows each.

    Attributes:
        audio: level-normalised crops (B, samples).
        k: k_r of each window (B, W).
        searched: windows whose experts are searched for (B, W), bool; None where the router chooses for all.
        most: the largest k_r of such windows.
        first: latent of a chunk that each crop is taken to begin with (B,), which decides on the decoder's noise.
        seed: of the quantizer's noise.
    """

    audio: Tensor
    k: Tensor
    searched: Tensor | None
    most: int
    first: Tensor
    seed: int


def draw_batch(config: Config, corpus: Corpus, count: int, generator: torch.Generator) -> Batch:
    """A batch of `count` crops on the corpus's device, the same for the same state of the generator, on the CPU."""
    t, device = config.training, corpus.device
    audio = _crops(config, corpus, count, generator)
    k = draw_k(config, count, generator)
    # with many experts the choice matters little, and searching for them takes long
    searched = (torch.rand(k.shape, generator=generator) < t.mask_search) & (k <= t.nominal_k)
    quantizer = config.model.quantizer
    first = torch.randint(0, quantizer.window * quantizer.windows_per_chunk, (count,), generator=generator)
    seed = int(torch.randint(0, 2**31, (), generator=generator))
    return Batch(
        audio,
        k.to(device, non_blocking=True),
        searched.to(device, non_blocking=True) if t.mask_search else None,
        t.nominal_k,
        first.to(device, non_blocking=True),
        seed,
    )


def draw_k(config: Config, count: int, generator: torch.Generator) -> Tensor:
    """k_r of the windows of `count` crops (count, W), on the CPU."""
    t, rates = config.training, len(config.model.quantizer.layout.sizes(1))
    shape = (count, t.crop_windows)
    if t.other_rates == "log":
        any_rate = ((rates + 1) ** torch.rand(shape, generator=generator)).long().clamp_max(rates) - 1
    else:
        any_rate = torch.randint(0, rates, shape, generator=generator)
    nominal = torch.rand(shape, generator=generator) < t.nominal_share
    return torch.where(nominal, min(t.nominal_k, rates - 1), any_rate)


def draw_crops(config: Config, corpus: Corpus, count: int, length: int, generator: torch.Generator) -> Tensor:
    """Crops (count, length) with the random gains, and the rarity of narrow recordings, that the recipe asks for."""
    t = config.training
    return corpus.crops(count, length, generator, gain_db=t.gain_db, narrow_weight=t.narrow_weight)


def _crops(config: Config, corpus: Corpus, count: int, generator: torch.Generator) -> Tensor:
    """Crops (count, samples), a share of them played faster or slower by two factors, half of the share by each."""
    t = config.training
    changed = round(count * t.speed_share)

    parts = [draw_crops(config, corpus, count - changed, config.crop, generator)]
    whole = -(-config.crop // UNIT) + 2  # a margin before and after, where resampling wraps around
    for n in (changed // 2, changed - changed // 2):
        if n:
            slow, fast = (round(whole * factor) for factor in t.speed)
            units = int(torch.randint(slow, fast + 1, (), generator=generator))
            crops = resampled(draw_crops(config, corpus, n, units * UNIT, generator), whole * UNIT)
            parts.append(crops[:, UNIT : UNIT + config.crop])
    return torch.cat(parts)


def resampled(audio: Tensor, length: int) -> Tensor:
    """Audio (B, samples) squeezed or stretched to (B, length), by cutting or padding its spectrum; it wraps around."""
    squeezed: Tensor = torch.fft.irfft(torch.fft.rfft(audio), length)
    return squeezed * (length / audio.shape[-1])
