"""Stage "sharpness": the decoder's spectra made sharper along frequency, in its weights alone.

Where a few bits leave a spectrum open, the magnitudes that are nearest on average are flatter than any real ones:
formants and harmonics stand out too little. How much a bin stands out is the difference of two
blurs of the compressed magnitudes, and a share of it is added. (Decoders of speech have long sharpened formants: Chen &
Gersho 1995.) Detail finer than the narrow blur is not raised, since little of it is true. All of this is linear in the
compressed magnitudes, so it becomes part of the decoder's last layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from swc.config.training import SharpnessStage
from swc.nn.backbones.spectral import SpectralDecoder
from swc.nn.model import CodecModel
from swc.training.data.corpus import Corpus
from swc.training.parts import spectral_networks_of
from swc.training.stages.stage import Outcome, Solver

NARROW, WIDE = 86.0, 690.0  # Hz, standard deviations of the blurs
LOW, FULL, HIGH = 500.0, 2000.0, 8000.0  # Hz: sharpening sets in, is at its full strength, and ends


@dataclass(frozen=True)
class Sharpened(Outcome):
    """The result.

    Attributes:
        strength: share of the difference of the blurs that was added.
    """

    strength: float

    def __str__(self) -> str:
        return f"peaks and valleys of spectra raised by {self.strength:.0%}"


class SharpnessSolver(Solver):
    """Needs no recordings. Once is enough: every time adds to it."""

    backbone: ClassVar[str | None] = "spectral"
    settings: SharpnessStage

    def solve(self, model: CodecModel, corpus: Corpus, generator: torch.Generator) -> Iterator[tuple[int, Outcome]]:
        decoder = spectral_networks_of(model).decoder
        mix_bins(decoder, sharpening(decoder.bins, model.config.sample_rate, self.settings.strength))
        yield self.settings.steps, Sharpened(self.settings.strength)


def sharpening(bins: int, sample_rate: int, strength: float) -> Tensor:
    """A matrix (bins, bins) that sharpens compressed magnitudes (bins,), and leaves constant ones unchanged."""
    frequency = torch.linspace(0, sample_rate / 2, bins)
    distance = frequency[:, None] - frequency

    def blur(deviation: float) -> Tensor:
        return torch.softmax(-0.5 * (distance / deviation).square(), dim=1)

    octaves = (frequency.clamp_min(LOW) / LOW).log2() / math.log2(FULL / LOW)
    share = strength * octaves.clamp_max(1.0) * (frequency < HIGH)
    return torch.eye(bins) + share[:, None] * (blur(NARROW) - blur(WIDE))


@torch.no_grad()
def mix_bins(decoder: SpectralDecoder, matrix: Tensor) -> None:
    """Multiply compressed magnitudes (bins,) by a matrix (bins, bins), in the last layers' weights."""
    for layer in (decoder.project, decoder.linear):
        for values in (layer.weight, layer.bias):
            frames = values.reshape(-1, decoder.bins, values.numel() // len(values))
            values.copy_((matrix.to(values) @ frames).reshape(values.shape))
