"""Stage "distil": a model learns another one's latents, from which its own decoder learns to make waveforms.

The codes are the teacher's from the first step on, so that encoder and decoder have a target each that does not move:
the encoder is to find the teacher's latents, and the decoder gets them as they are quantized. Neither waits for the
other, and no codebook has to be found while latents are still random. (Distillation: Hinton et al. 2015.) The encoder's
running statistics rest: the teacher's latents are centred and scaled already.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from swc.bundle import find_bundle
from swc.bundle.weights import load_weights
from swc.config import Config, ModelConfig, StageConfig
from swc.config.training import DistilStage
from swc.errors import InputError
from swc.nn.model import CodecModel
from swc.training.data.batches import Batch
from swc.training.optimization import mixed_precision
from swc.training.parts import parts_of
from swc.training.stages.coding import Coded, Term
from swc.training.stages.waveform import WaveformObjective


@dataclass
class Taught(Coded):
    """The decoder's results for a teacher's latents, and the distance of the encoder's from them."""

    distance: Tensor  # scalar, relative to the latents' power


def _layout(model: ModelConfig) -> tuple[object, ...]:
    """The sizes that teacher and pupil must share."""
    return model.quantizer, model.backbone.latent_dim, model.hop, model.sample_rate


class DistilObjective(WaveformObjective):
    """The teacher's latents for the encoder, waveforms for the decoder; the quantizer is the teacher's."""

    settings: DistilStage

    @classmethod
    def check(cls, settings: StageConfig, config: Config, *, first: bool) -> None:
        super().check(settings, config, first=first)
        if not first:
            raise InputError('the stage "distil" must be the first one, since it begins with the teacher\'s codebooks')

    def __init__(self, settings: DistilStage, config: Config, device: torch.device) -> None:
        super().__init__(settings, config, device)
        bundle = find_bundle(settings.teacher)
        if _layout(config.model) != _layout(bundle.config):
            raise InputError(
                f"{settings.teacher!r} cannot teach {config.model.name!r}: "
                "they differ in [quantizer], latent_dim, hop or sample_rate"
            )
        self.teacher = CodecModel(bundle.config)
        load_weights(self.teacher, bundle.weights)
        self.teacher.to(device).eval().requires_grad_(False)

    @property
    def brings_quantizer(self) -> bool:
        return True

    def begin(self, model: CodecModel) -> None:
        quantizer = parts_of(model).quantizer.requires_grad_(False)
        quantizer.load_state_dict(self.teacher.quantizer.state_dict())
        quantizer.restart_averages(self.config.training.codebook_horizon)

    def output(self, model: CodecModel, batch: Batch) -> Taught:
        encoder, _, decoder = parts_of(model)
        teacher, quantizer = self.teacher.encoder, parts_of(self.teacher).quantizer
        with mixed_precision(self.device):
            with torch.no_grad():
                z = teacher.encode(batch.audio)
                quantized = quantizer(z, batch.k, batch.searched, batch.most)
            distance = (encoder.eval().encode(batch.audio) - z).square().mean()
        return Taught(batch.audio, quantized.latents, decoder, batch.first, quantized, distance)

    def terms(self, output: Coded, step: int, factor: float) -> dict[str, Term]:
        terms = self.heard(output) | {"error": Term(output.quantized.error)}
        if isinstance(output, Taught):
            terms["distance"] = Term(output.distance, self.settings.distance_weight)
        return terms
