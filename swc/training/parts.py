"""The kinds of networks that can be trained so far, narrowed from the roles that a model holds."""

from __future__ import annotations

from typing import NamedTuple

from swc.config import BackboneConfig, ConvConfig, ModelConfig, ResidualConfig, RevqConfig, SpectralConfig, VrvqConfig
from swc.errors import InputError
from swc.nn.backbones.conv import ConvDecoder, ConvEncoder
from swc.nn.backbones.spectral import SpectralDecoder, SpectralEncoder
from swc.nn.model import CodecModel
from swc.nn.quantizers.residual import ResidualQuantizer


class Parts(NamedTuple):
    """The networks of a model."""

    encoder: SpectralEncoder | ConvEncoder
    quantizer: ResidualQuantizer
    decoder: SpectralDecoder | ConvDecoder


class SpectralNetworks(NamedTuple):
    """Encoder and decoder of a model whose backbone is `spectral`."""

    encoder: SpectralEncoder
    decoder: SpectralDecoder


class SpectralParts(NamedTuple):
    """The networks of one that has codebooks, too."""

    encoder: SpectralEncoder
    quantizer: ResidualQuantizer
    decoder: SpectralDecoder


def parts_of(model: CodecModel) -> Parts:
    """A model's networks; raises InputError as `sizes_of`."""
    encoder, quantizer, decoder = model.encoder, model.quantizer, model.decoder
    if not isinstance(encoder, SpectralEncoder | ConvEncoder) or not isinstance(decoder, SpectralDecoder | ConvDecoder):
        raise _unknown(model.config)
    if isinstance(quantizer, ResidualQuantizer):
        return Parts(encoder, quantizer, decoder)
    raise _unknown(model.config)


def spectral_parts_of(model: CodecModel) -> SpectralParts:
    """The networks of a model whose backbone is `spectral`, with codebooks; raises InputError where it is another."""
    encoder, decoder = spectral_networks_of(model)
    return SpectralParts(encoder, parts_of(model).quantizer, decoder)


def spectral_networks_of(model: CodecModel) -> SpectralNetworks:
    """Those of a model whose backbone is `spectral`; raises InputError where it is another."""
    encoder, decoder = model.encoder, model.decoder
    if isinstance(encoder, SpectralEncoder) and isinstance(decoder, SpectralDecoder):
        return SpectralNetworks(encoder, decoder)
    raise InputError(f"a backbone of kind {model.config.backbone.kind!r} is not {SpectralConfig.kind!r}")


def sizes_of(config: ModelConfig) -> tuple[BackboneConfig, ResidualConfig]:
    """The backbone and the quantizer of a config.

    Raises:
        InputError: they are of kinds that cannot be trained.
    """
    if isinstance(config.backbone, SpectralConfig | ConvConfig) and isinstance(config.quantizer, ResidualConfig):
        return config.backbone, config.quantizer
    raise _unknown(config)


def _unknown(config: ModelConfig) -> InputError:
    kinds = f"a backbone of kind {config.backbone.kind!r} with a quantizer of kind {config.quantizer.kind!r}"
    return InputError(
        f"training does not support {kinds}, only {SpectralConfig.kind!r} or {ConvConfig.kind!r} "
        f"with {RevqConfig.kind!r} or {VrvqConfig.kind!r}"
    )
