"""Stage "importance": a network learns how many codebooks each latent is worth, with all else at rest.

At a random level, latents use as many codebooks as their importance says. What that costs is the mean importance, and
what it is worth shows in the decoded magnitudes: the hard step between a codebook that is used and one that is not has
the gradient of a smooth one (VRVQ, Chae et al., arXiv 2410.06016; see `swc.nn.quantizers.vrvq`).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from swc.config import Config
from swc.config.training import ImportanceStage
from swc.nn.model import CodecModel
from swc.nn.quantizers.vrvq import Vrvq
from swc.training.data.batches import Batch
from swc.training.losses.reconstruction import MagnitudeLoss
from swc.training.optimization import mixed_precision
from swc.training.parts import spectral_parts_of
from swc.training.stages.stage import Objective

GOLDEN = 0.618033988749895  # multiples of it, modulo 1, are spread evenly however many there are


class ImportanceObjective(Objective):
    """Distance of compressed magnitudes, and the rate."""

    settings: ImportanceStage
    backbone: ClassVar[str | None] = "spectral"

    def __init__(self, settings: ImportanceStage, config: Config, device: torch.device) -> None:
        super().__init__(settings, config, device)
        self.magnitude = MagnitudeLoss(config).to(device)

    def losses(self, model: CodecModel, batch: Batch, step: int, factor: float) -> dict[str, Tensor]:
        encoder, quantizer, decoder = spectral_parts_of(model)
        if not isinstance(quantizer, Vrvq):
            raise TypeError(f"the quantizer is of kind {quantizer.config.kind!r}, not vrvq")
        with torch.no_grad(), mixed_precision(self.device):
            z = encoder.encode(batch.audio)
        masked = quantizer(z, self.levels(step, len(z)), self.settings.temperature)
        with mixed_precision(self.device):
            compressed = decoder.compressed(masked.latents)
        magnitude = self.magnitude(compressed, batch.audio)
        rate = masked.importance.mean()
        return {
            "magnitude": magnitude,
            "rate": rate,
            "depth": masked.depths.mean(),
            "error": masked.error,
            "total": self.settings.magnitude_weight * magnitude + self.settings.rate_weight * rate,
        }

    def levels(self, step: int, count: int) -> Tensor:
        """Levels of the crops of a step (count,), spread as the recipe's `other_rates` says."""
        low, high = self.settings.levels
        share = (GOLDEN * (count * step + torch.arange(count, dtype=torch.float64, device=self.device))) % 1
        if self.config.training.other_rates == "log":
            return (low * (high / low) ** share).float()
        return (low + (high - low) * share).float()
