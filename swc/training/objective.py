"""What a step of training descends: the terms of the loss, and what each of them weighs."""

from __future__ import annotations

import torch
from torch import Tensor

from swc.config import Config, StageConfig
from swc.nn.model import CodecModel
from swc.training.adversarial import Adversary
from swc.training.auditory import AuditoryLoss
from swc.training.batches import Batch
from swc.training.losses import ReconstructionLoss


class Objective:
    """The loss of a model on a batch, in each kind of stage that trains by gradients."""

    def __init__(self, config: Config, device: torch.device) -> None:
        self.config, self.device = config, device
        self.reconstruction = ReconstructionLoss(config).to(device)
        self.auditory = AuditoryLoss(config.sample_rate).to(device)

    def __call__(
        self,
        model: CodecModel,
        batch: Batch,
        stage: StageConfig,
        adversary: Adversary | None = None,
        factor: float = 1.0,
    ) -> dict[str, Tensor]:
        """Terms of the loss by name, each a scalar, and their weighted sum as "total".

        An adversary learns from the batch on the way, at `factor` times its learning rate, before it judges.
        """
        t, audio = self.config.training, batch.audio
        with torch.autocast(self.device.type, torch.bfloat16):
            quantized, c = model(*batch)
        terms = {
            "magnitude": self.reconstruction.magnitude(c, audio),
            "shared_commitment": quantized.shared_commitment,
            "commitment": quantized.commitment,
            "imitation": quantized.imitation,
            "error": quantized.error,
        }
        if stage.kind != "magnitude":
            wave = model.decoder.render(model.decoder.spectrum(c))
            terms["mel"] = self.reconstruction.multiscale_mel(audio, wave)
            if t.loudness_weight:
                terms["loudness"] = self.auditory.loudness(audio, wave)
            if t.envelope_weight:
                terms["envelope"] = self.auditory.envelope(audio, wave)
            if adversary is not None:
                terms["discriminator"] = adversary.learn(audio, wave, factor)
                terms["adversarial"], terms["features"] = adversary.judge(audio, wave)
        weights = self._weights(stage)
        terms["total"] = torch.stack([weights[name] * term for name, term in terms.items() if name in weights]).sum()
        return terms

    def _weights(self, stage: StageConfig) -> dict[str, float]:
        """What each term weighs; the ones that are not here are for the log alone."""
        t = self.config.training
        return {
            "magnitude": stage.magnitude_weight,
            "shared_commitment": t.shared_commitment,
            "commitment": t.commitment,
            "imitation": 1.0 if t.mask_search else 0.0,
            "mel": t.waveform_weight,
            "loudness": t.loudness_weight,
            "envelope": t.envelope_weight,
            "adversarial": t.adversarial_weight,
            "features": t.feature_weight,
        }
