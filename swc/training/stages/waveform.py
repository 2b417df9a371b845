"""Stage 1b: all parts continue to learn on waveforms, with the decoder's own phases."""

from __future__ import annotations

import torch

from swc.config import Config
from swc.config.training import GradientStage
from swc.training.losses.auditory import AuditoryLoss
from swc.training.stages.magnitude import MagnitudeObjective, Output, Term


class WaveformObjective(MagnitudeObjective):
    """Adds multi-scale mel, Bark loudness and third-octave envelopes."""

    def __init__(self, settings: GradientStage, config: Config, device: torch.device) -> None:
        super().__init__(settings, config, device)
        self.auditory = AuditoryLoss(config.model.sample_rate).to(device)

    def terms(self, output: Output, step: int, factor: float) -> dict[str, Term]:
        t, pair = self.config.training, (output.audio, output.wave)
        terms = super().terms(output, step, factor)
        terms["mel"] = Term(self.reconstruction.multiscale_mel(*pair), t.waveform_weight)
        if t.loudness_weight:
            terms["loudness"] = Term(self.auditory.loudness(*pair), t.loudness_weight)
        if t.envelope_weight:
            terms["envelope"] = Term(self.auditory.envelope(*pair), t.envelope_weight)
        return terms
