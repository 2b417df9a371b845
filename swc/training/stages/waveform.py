"""Stage 1b: all parts continue to learn on waveforms, with the phases of a `spectral` decoder or a network's own."""

from __future__ import annotations

import torch

from swc.config import Config, SpectralConfig
from swc.config.training import GradientStage
from swc.training.losses.auditory import AuditoryLoss
from swc.training.losses.reconstruction import MagnitudeLoss, MultiscaleMel
from swc.training.stages.coding import Coded, CodingObjective, Term


class WaveformObjective(CodingObjective):
    """Multi-scale mel, Bark loudness and third-octave envelopes; magnitudes too, where a decoder makes them."""

    def __init__(self, settings: GradientStage, config: Config, device: torch.device) -> None:
        super().__init__(settings, config, device)
        spectral = isinstance(config.model.backbone, SpectralConfig)
        self.magnitude = MagnitudeLoss(config).to(device) if spectral else None
        self.mel = MultiscaleMel(config.model.sample_rate).to(device)
        self.auditory = AuditoryLoss(config.model.sample_rate).to(device)

    def terms(self, output: Coded, step: int, factor: float) -> dict[str, Term]:
        magnitudes: dict[str, Term] = {}
        if self.magnitude is not None:
            distance = self.magnitude(output.compressed, output.audio)
            magnitudes["magnitude"] = Term(distance, self.settings.magnitude_weight)
        return magnitudes | super().terms(output, step, factor) | self.heard(output)

    def heard(self, output: Coded) -> dict[str, Term]:
        """Distances of what is heard."""
        t, pair = self.config.training, (output.audio, output.wave)
        terms = {"mel": Term(self.mel(*pair), t.waveform_weight)}
        if t.loudness_weight:
            terms["loudness"] = Term(self.auditory.loudness(*pair), t.loudness_weight)
        if t.envelope_weight:
            terms["envelope"] = Term(self.auditory.envelope(*pair), t.envelope_weight)
        return terms
