"""The kinds of networks that can be trained so far, narrowed from the roles that a model holds."""

from __future__ import annotations

from typing import NamedTuple

from swc.config import ModelConfig, RevqConfig, SpectralConfig
from swc.errors import InputError
from swc.nn.backbones.spectral import SpectralDecoder, SpectralEncoder
from swc.nn.model import CodecModel
from swc.nn.quantizers.revq import Revq


class Parts(NamedTuple):
    """The networks of a model."""

    encoder: SpectralEncoder
    quantizer: Revq
    decoder: SpectralDecoder


def parts_of(model: CodecModel) -> Parts:
    """A model's networks; raises InputError as `sizes_of`."""
    encoder, quantizer, decoder = model.encoder, model.quantizer, model.decoder
    if isinstance(encoder, SpectralEncoder) and isinstance(quantizer, Revq) and isinstance(decoder, SpectralDecoder):
        return Parts(encoder, quantizer, decoder)
    raise _unknown(model.config)


def sizes_of(config: ModelConfig) -> tuple[SpectralConfig, RevqConfig]:
    """The backbone and the quantizer of a config.

    Raises:
        InputError: they are of kinds that cannot be trained.
    """
    if isinstance(config.backbone, SpectralConfig) and isinstance(config.quantizer, RevqConfig):
        return config.backbone, config.quantizer
    raise _unknown(config)


def _unknown(config: ModelConfig) -> InputError:
    kinds = f"a backbone of kind {config.backbone.kind!r} with a quantizer of kind {config.quantizer.kind!r}"
    return InputError(f"training does not support {kinds}, only {SpectralConfig.kind!r} with {RevqConfig.kind!r}")
