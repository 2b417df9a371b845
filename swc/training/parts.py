"""The kinds of networks that can be trained so far, narrowed from the roles that a model holds."""

from __future__ import annotations

from typing import NamedTuple

from swc.config import ModelConfig, ResidualConfig, RevqConfig, SpectralConfig, VrvqConfig
from swc.errors import InputError
from swc.nn.backbones.spectral import SpectralDecoder, SpectralEncoder
from swc.nn.model import CodecModel
from swc.nn.quantizers.residual import ResidualQuantizer


class Parts(NamedTuple):
    """The networks of a model."""

    encoder: SpectralEncoder
    quantizer: ResidualQuantizer
    decoder: SpectralDecoder


def parts_of(model: CodecModel) -> Parts:
    """A model's networks; raises InputError as `sizes_of`."""
    encoder, quantizer, decoder = model.encoder, model.quantizer, model.decoder
    if not isinstance(encoder, SpectralEncoder) or not isinstance(decoder, SpectralDecoder):
        raise _unknown(model.config)
    if isinstance(quantizer, ResidualQuantizer):
        return Parts(encoder, quantizer, decoder)
    raise _unknown(model.config)


def sizes_of(config: ModelConfig) -> tuple[SpectralConfig, ResidualConfig]:
    """The backbone and the quantizer of a config.

    Raises:
        InputError: they are of kinds that cannot be trained.
    """
    if isinstance(config.backbone, SpectralConfig) and isinstance(config.quantizer, ResidualConfig):
        return config.backbone, config.quantizer
    raise _unknown(config)


def _unknown(config: ModelConfig) -> InputError:
    kinds = f"a backbone of kind {config.backbone.kind!r} with a quantizer of kind {config.quantizer.kind!r}"
    return InputError(
        f"training does not support {kinds}, only {SpectralConfig.kind!r} with {RevqConfig.kind!r} "
        f"or {VrvqConfig.kind!r}"
    )
