"""What stages share in which a model codes crops: its output, and the quantizer's own losses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from swc.nn.backbones.spectral import SpectralDecoder
from swc.nn.model import CodecModel
from swc.nn.quantizers.quantized import Quantized
from swc.nn.roles import Decoder
from swc.training.data.batches import Batch
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
    latents: Tensor  # quantized (B, L, D)
    decoder: Decoder
    first: Tensor  # latent of a chunk that each crop begins with (B,)

    @cached_property
    def compressed(self) -> Tensor:
        """Decoded magnitudes (B, T, bins), which a `spectral` decoder makes before any phase."""
        if not isinstance(self.decoder, SpectralDecoder):
            raise TypeError("the decoder makes no magnitudes")
        with mixed_precision(self.audio.device):
            return self.decoder.compressed(self.latents)

    @cached_property
    def wave(self) -> Tensor:
        """Decoded audio (B, samples).

        That of a `spectral` decoder without a refiner, which is trained to have texture, has integrated phases: random
        ones alone would be noise in the losses.
        """
        decoder = self.decoder
        if not isinstance(decoder, SpectralDecoder):
            with mixed_precision(self.audio.device):
                return decoder.decode(self.latents)
        if decoder.refiner is None:
            return decoder.render(decoder.spectrum(self.compressed))
        compressed, first = self.compressed, self.first * decoder.config.frames_per_latent
        with mixed_precision(self.audio.device):
            audio: Tensor = decoder.refined(decoder.textured(compressed, first=first), first)
            return audio


@dataclass
class Coded(Output):
    """Those of a model with a residual quantizer."""

    quantized: Quantized


class CodingObjective(Objective):
    """The quantizer's own losses; subclasses add those of the decoded crops."""

    def losses(self, model: CodecModel, batch: Batch, step: int, factor: float) -> dict[str, Tensor]:
        terms = self.terms(self.output(model, batch), step, factor)
        weighted = [term.weight * term.value for term in terms.values() if term.weight is not None]
        return {name: term.value for name, term in terms.items()} | {"total": torch.stack(weighted).sum()}

    def terms(self, output: Coded, step: int, factor: float) -> dict[str, Term]:
        """Terms of the loss by name; arguments are those of `losses`."""
        t, quantized = self.config.training, output.quantized
        terms = {
            "shared_commitment": Term(quantized.shared_commitment, t.shared_commitment),
            "commitment": Term(quantized.commitment, t.commitment),
            "imitation": Term(quantized.imitation, 1.0 if t.mask_search else 0.0),
            "error": Term(quantized.error),
        }
        return terms | ({"codebooks": Term(quantized.codebooks, 1.0)} if quantized.codebooks.requires_grad else {})

    def output(self, model: CodecModel, batch: Batch) -> Coded:
        """The forward pass of a batch."""
        encoder, quantizer, decoder = parts_of(model)
        with mixed_precision(self.device):
            quantized = quantizer(encoder.encode(batch.audio), batch.k, batch.searched, batch.most)
        return Coded(batch.audio, quantized.latents, decoder, batch.first, quantized)
