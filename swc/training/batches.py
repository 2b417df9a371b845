"""What a training step is given: crops, the rate of each of their windows, and where experts are searched for."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from swc.config import Config
from swc.training.corpus import Corpus

UNIT = 1024  # samples; lengths in it have fast Fourier transforms


class Batch(NamedTuple):
    """Training crops.

    Attributes:
        audio: level-normalised crops (B, samples).
        experts: k_r of each of their windows (B * W,).
        searched: windows whose experts are searched for (B * W,), bool; None where the router chooses for all.
        most: the largest k_r of such windows.
    """

    audio: Tensor
    experts: Tensor
    searched: Tensor | None
    most: int


def draw(config: Config, corpus: Corpus, count: int, generator: torch.Generator) -> Batch:
    """A batch of `count` crops on the corpus's device, the same for the same state of the generator, on the CPU."""
    t, device = config.training, corpus.device
    audio = _crops(config, corpus, count, generator)
    experts = rates(config, count * t.crop_windows, generator)
    # with many experts the choice matters little, and searching for them takes long
    searched = (torch.rand(len(experts), generator=generator) < t.mask_search) & (experts <= t.nominal_experts)
    return Batch(
        audio,
        experts.to(device, non_blocking=True),
        searched.to(device, non_blocking=True) if t.mask_search else None,
        t.nominal_experts,
    )


def rates(config: Config, count: int, generator: torch.Generator) -> Tensor:
    """k_r of `count` windows (count,), on the CPU."""
    t, rates = config.training, config.quantizer.routed + 1
    if t.other_rates == "log":
        any_rate = ((rates + 1) ** torch.rand(count, generator=generator)).long().clamp_max(rates) - 1
    else:
        any_rate = torch.randint(0, rates, (count,), generator=generator)
    nominal = torch.rand(count, generator=generator) < t.nominal_share
    return torch.where(nominal, t.nominal_experts, any_rate)


def _crops(config: Config, corpus: Corpus, count: int, generator: torch.Generator) -> Tensor:
    """Crops (count, samples), a share of them played faster or slower by two factors, half of the share by each."""
    t = config.training
    changed = round(count * t.speed_share)

    def crops(n: int, length: int) -> Tensor:
        return corpus.crops(n, length, generator, gain_db=t.gain_db, narrow_weight=t.narrow_weight)

    parts = [crops(count - changed, config.crop)]
    whole = -(-config.crop // UNIT) + 2  # a margin before and behind, where what is resampled wraps around
    for n in (changed // 2, changed - changed // 2):
        if n:
            slow, fast = (round(whole * factor) for factor in t.speed)
            units = int(torch.randint(slow, fast + 1, (), generator=generator))
            parts.append(resampled(crops(n, units * UNIT), whole * UNIT)[:, UNIT : UNIT + config.crop])
    return torch.cat(parts)


def resampled(audio: Tensor, length: int) -> Tensor:
    """Audio (B, samples) squeezed or stretched to (B, length), by cutting or padding its spectrum; it wraps around."""
    squeezed: Tensor = torch.fft.irfft(torch.fft.rfft(audio), length)
    return squeezed * (length / audio.shape[-1])
