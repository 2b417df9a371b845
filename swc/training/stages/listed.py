"""Stage "listed": a codec of any backbone learns from the losses that the config lists, end to end."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from swc.config import Config, SpectralConfig
from swc.config.training import ListedStage
from swc.errors import InputError
from swc.nn.model import CodecModel
from swc.nn.quantizers.fsq import Fsq
from swc.training.data.batches import Batch
from swc.training.losses.adversary import Adversary
from swc.training.losses.listed import LOSSES, clamped
from swc.training.losses.reconstruction import MagnitudeLoss
from swc.training.optimization import mixed_precision
from swc.training.stages.coding import Output
from swc.training.stages.stage import Objective
from swc.training.validation import quantize

ADVERSARIAL, MAGNITUDE = "adversarial", "magnitude"


class ListedObjective(Objective):
    """The sum of losses, each with its weight and its bound (SQCodec, arXiv 2504.04949, section 3.2)."""

    settings: ListedStage

    def __init__(self, settings: ListedStage, config: Config, device: torch.device) -> None:
        super().__init__(settings, config, device)
        spectral = isinstance(config.model.backbone, SpectralConfig)
        known = (ADVERSARIAL, *([MAGNITUDE] if spectral else []), *LOSSES)
        for loss in settings.losses:
            if loss.kind not in known:
                raise InputError(f"a loss must be one of {', '.join(sorted(known))}, not {loss.kind!r}")
        kinds = [loss.kind for loss in settings.losses]
        self.modules = nn.ModuleDict({kind: LOSSES[kind](config) for kind in kinds if kind in LOSSES}).to(device)
        self.magnitude = MagnitudeLoss(config).to(device) if MAGNITUDE in kinds else None
        self.adversary = Adversary(config.training.discriminators, device) if ADVERSARIAL in kinds else None

    def losses(self, model: CodecModel, batch: Batch, step: int, factor: float) -> dict[str, Tensor]:
        output, found = self.output(model, batch), {}
        if self.adversary is not None:
            found["discriminator"] = self.adversary.learn(output.audio, output.wave, factor, step)
        weighted = []
        for loss in self.settings.losses:
            found[loss.kind] = value = self._loss(loss.kind, output)
            weighted.append(clamped(value, loss.weight, loss.most))
        return found | {"total": torch.stack(weighted).sum()}

    def output(self, model: CodecModel, batch: Batch) -> Output:
        """What the model makes of a batch."""
        if not isinstance(model.quantizer, Fsq):
            raise InputError(f'kind "listed" does not train a quantizer of kind {model.config.quantizer.kind!r}')
        with mixed_precision(self.device):
            z = model.encoder.encode(batch.audio)
            if self.frozen:
                return Output(batch.audio, quantize(model, z, 0), model.decoder, batch.first)
            model.quantizer.fold_statistics()
            shape = (2, *z.shape[:2], len(model.quantizer.basis))
            random = torch.Generator(self.device).manual_seed(batch.seed)
            latents = model.quantizer(z, torch.rand(shape, generator=random, device=self.device))
            return Output(batch.audio, latents, model.decoder, batch.first)

    def _loss(self, kind: str, output: Output) -> Tensor:
        if kind == ADVERSARIAL:
            return self._adversarial(output.audio, output.wave)
        if kind == MAGNITUDE and self.magnitude is not None:
            distance: Tensor = self.magnitude(output.compressed, output.audio)
            return distance
        found: Tensor = self.modules[kind](output.audio, output.wave)
        return found

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
