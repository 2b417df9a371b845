"""Stage 2: discriminators judge the decoded audio, and learn beside the decoder."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from swc.config import Config
from swc.config.training import GradientStage
from swc.nn.model import CodecModel
from swc.training.data.batches import Batch
from swc.training.losses.adversary import Adversary
from swc.training.stages.coding import Coded, Term
from swc.training.stages.waveform import WaveformObjective


class AdversarialObjective(WaveformObjective):
    """Adds the discriminators' losses, after some steps in which they learn alone.

    Otherwise the decoder would follow untrained discriminators.
    """

    def __init__(self, settings: GradientStage, config: Config, device: torch.device) -> None:
        super().__init__(settings, config, device)
        self.adversary = Adversary(config.training.discriminators, device)
        self.delay = config.training.discriminators.warmup_steps

    def losses(self, model: CodecModel, batch: Batch, step: int, factor: float) -> dict[str, Tensor]:
        if step >= self.delay:
            return super().losses(model, batch, step, factor)
        with torch.no_grad():
            wave = self.output(model, batch).wave
        return {"discriminator": self.adversary.learn(batch.audio, wave, 1.0)}

    def terms(self, output: Coded, step: int, factor: float) -> dict[str, Term]:
        t, pair = self.config.training, (output.audio, output.wave)
        terms = super().terms(output, step, factor)
        terms["discriminator"] = Term(self.adversary.learn(*pair, factor, step))
        adversarial, features = self.adversary.judge(*pair)
        terms["adversarial"] = Term(adversarial, t.adversarial_weight)
        terms["features"] = Term(features, t.feature_weight)
        return terms

    def compile(self) -> None:
        self.adversary.compile()

    def parameters(self) -> Iterable[Tensor]:
        return self.adversary.discriminators.parameters()

    def state(self) -> dict[str, Tensor]:
        return self.adversary.state()

    def restore(self, state: dict[str, Tensor]) -> None:
        self.adversary.restore(state)
