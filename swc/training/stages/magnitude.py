"""Stage 1a: encoder, quantizer and decoder learn compressed magnitudes; no waveform is made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from swc.config import Config
from swc.config.training import GradientStage
from swc.nn.backbones.spectral import SpectralDecoder
from swc.nn.model import CodecModel
from swc.nn.quantizers.revq import Quantized
from swc.training.data.batches import Batch
from swc.training.losses.reconstruction import ReconstructionLoss
from swc.training.optimization import mixed_precision
from swc.training.parts import parts_of
from swc.training.stages.stage import Objective


class Term(NamedTuple):
    """A term of the loss, a scalar, and its weight; None: only for the log."""

    value: Tensor
    weight: float | None = None


@dataclass
class Output:
    """The results of a model for crops."""

    audio: Tensor  # the crops (B, samples)
    quantized: Quantized
    compressed: Tensor  # decoded magnitudes (B, T, bins)
    decoder: SpectralDecoder
    first: Tensor  # latent of a chunk that each crop begins with (B,)

    @cached_property
    def wave(self) -> Tensor:
        """Decoded audio (B, samples); without a refiner, which is trained to have texture, that of integrated phases.

        Random phases alone would be noise in the losses.
        """
        decoder = self.decoder
        if decoder.refiner is None:
            return decoder.render(decoder.spectrum(self.compressed))
        first = self.first * decoder.config.frames_per_latent
        with mixed_precision(self.audio.device):
            audio: Tensor = decoder.refined(decoder.textured(self.compressed, first=first), first)
            return audio


class MagnitudeObjective(Objective):
    """Distance of compressed magnitudes, and the quantizer's own losses."""

    def __init__(self, settings: GradientStage, config: Config, device: torch.device) -> None:
        super().__init__(settings, config, device)
        self.reconstruction = ReconstructionLoss(config).to(device)

    def losses(self, model: CodecModel, batch: Batch, step: int, factor: float) -> dict[str, Tensor]:
        terms = self.terms(self.output(model, batch), step, factor)
        weighted = [term.weight * term.value for term in terms.values() if term.weight is not None]
        return {name: term.value for name, term in terms.items()} | {"total": torch.stack(weighted).sum()}

    def terms(self, output: Output, step: int, factor: float) -> dict[str, Term]:
        """Terms of the loss by name; arguments are those of `losses`."""
        t, quantized = self.config.training, output.quantized
        magnitude = self.reconstruction.magnitude(output.compressed, output.audio)
        return {
            "magnitude": Term(magnitude, self.settings.magnitude_weight),
            "shared_commitment": Term(quantized.shared_commitment, t.shared_commitment),
            "commitment": Term(quantized.commitment, t.commitment),
            "imitation": Term(quantized.imitation, 1.0 if t.mask_search else 0.0),
            "error": Term(quantized.error),
        }

    def output(self, model: CodecModel, batch: Batch) -> Output:
        """The forward pass of a batch."""
        encoder, quantizer, decoder = parts_of(model)
        with mixed_precision(self.device):
            quantized = quantizer(encoder.encode(batch.audio), batch.k, batch.searched, batch.most)
            return Output(batch.audio, quantized, decoder.compressed(quantized.latents), decoder, batch.first)
