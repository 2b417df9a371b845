"""Stage "listed": a codec of any backbone learns from the losses that the config lists, end to end."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from swc.config import Config
from swc.config.training import ListedStage
from swc.errors import InputError
from swc.nn.model import CodecModel
from swc.nn.quantizers.fsq import Fsq
from swc.training.data.batches import Batch
from swc.training.losses.adversary import Adversary
from swc.training.losses.listed import LOSSES, clamped
from swc.training.optimization import mixed_precision
from swc.training.stages.stage import Objective
from swc.training.validation import quantize

ADVERSARIAL = "adversarial"


class ListedObjective(Objective):
    """The sum of losses, each with its weight and its bound (SQCodec, arXiv 2504.04949, section 3.2)."""

    settings: ListedStage

    def __init__(self, settings: ListedStage, config: Config, device: torch.device) -> None:
        super().__init__(settings, config, device)
        known = (ADVERSARIAL, *LOSSES)
        for loss in settings.losses:
            if loss.kind not in known:
                raise InputError(f"a loss must be one of {', '.join(sorted(known))}, not {loss.kind!r}")
        kinds = [loss.kind for loss in settings.losses]
        self.modules = nn.ModuleDict({kind: LOSSES[kind](config) for kind in kinds if kind != ADVERSARIAL}).to(device)
        self.adversary = Adversary(config.training.discriminators, device) if ADVERSARIAL in kinds else None

    def losses(self, model: CodecModel, batch: Batch, step: int, factor: float) -> dict[str, Tensor]:
        real, fake = batch.audio, self.decoded(model, batch)
        found = {}
        if self.adversary is not None:
            found["discriminator"] = self.adversary.learn(real, fake, factor, step)
        weighted = []
        for loss in self.settings.losses:
            value = self._adversarial(real, fake) if loss.kind == ADVERSARIAL else self.modules[loss.kind](real, fake)
            found[loss.kind] = value
            weighted.append(clamped(value, loss.weight, loss.most))
        return found | {"total": torch.stack(weighted).sum()}

    def decoded(self, model: CodecModel, batch: Batch) -> Tensor:
        """What the model makes of crops (B, samples)."""
        if not isinstance(model.quantizer, Fsq):
            raise InputError(f'kind "listed" does not train a quantizer of kind {model.config.quantizer.kind!r}')
        with mixed_precision(self.device):
            z = model.encoder.encode(batch.audio)
            if self.frozen:
                return model.decoder.decode(quantize(model, z, 0))
            model.quantizer.fold_statistics()
            shape = (2, *z.shape[:2], len(model.quantizer.basis))
            random = torch.Generator(self.device).manual_seed(batch.seed)
            latents = model.quantizer(z, torch.rand(shape, generator=random, device=self.device))
            return model.decoder.decode(latents)

    def _adversarial(self, real: Tensor, fake: Tensor) -> Tensor:
        """SQCodec's eq. (6): what the discriminators say, and the distance of what they hear."""
        if self.adversary is None:
            raise TypeError("this stage has no discriminators")
        t, (judged, features) = self.config.training, self.adversary.judge(real, fake)
        return t.adversarial_weight * judged + t.feature_weight * features

    def compile(self) -> None:
        if self.adversary is not None:
            self.adversary.compile()

    def parameters(self) -> Iterable[Tensor]:
        return () if self.adversary is None else self.adversary.discriminators.parameters()

    def state(self) -> dict[str, Tensor]:
        return {} if self.adversary is None else self.adversary.state()

    def restore(self, state: dict[str, Tensor]) -> None:
        if self.adversary is not None:
            self.adversary.restore(state)
