"""Backbones: encoders and decoders, a folder a kind."""

from __future__ import annotations

from collections.abc import Callable

from swc.config import ModelConfig
from swc.nn.backbones.spectral import SpectralDecoder, SpectralEncoder
from swc.nn.backbones.sq import SqDecoder, SqEncoder
from swc.nn.roles import Decoder, Encoder

BACKBONES: dict[str, tuple[Callable[[ModelConfig], Encoder], Callable[[ModelConfig], Decoder]]] = {
    "spectral": (SpectralEncoder, SpectralDecoder),
    "sq": (SqEncoder, SqDecoder),
}
"""The networks of each kind of `[backbone]`."""
