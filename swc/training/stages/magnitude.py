"""Stage 1a: encoder, quantizer and decoder learn compressed magnitudes; no waveform is made."""

from __future__ import annotations

from typing import ClassVar

import torch

from swc.config import Config
from swc.config.training import GradientStage
from swc.training.losses.reconstruction import MagnitudeLoss
from swc.training.stages.coding import Coded, CodingObjective, Term


class MagnitudeObjective(CodingObjective):
    """Distance of compressed magnitudes, and the quantizer's own losses."""

    backbone: ClassVar[str | None] = "spectral"

    def __init__(self, settings: GradientStage, config: Config, device: torch.device) -> None:
        super().__init__(settings, config, device)
        self.magnitude = MagnitudeLoss(config).to(device)

    def terms(self, output: Coded, step: int, factor: float) -> dict[str, Term]:
        magnitude = self.magnitude(output.compressed, output.audio)
        return {"magnitude": Term(magnitude, self.settings.magnitude_weight)} | super().terms(output, step, factor)
