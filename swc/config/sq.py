"""Sizes of the `sq` backbone (SQCodec, arXiv 2504.04949)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from swc.config.checks import at_least, require
from swc.config.roles import BackboneConfig


@dataclass(frozen=True)
class SqConfig(BackboneConfig):
    """Stages from the waveform to latents, and back; their widths in channels. The defaults are those for 3 kbit/s.

    Attributes:
        features_per_latent: steps of the networks in a latent, which has the numbers of all of them.
        strides: by how much each stage of the encoder shortens.
        widths: of the encoder's stages, and of what follows them.
        depths: blocks of each.
        rates: by how much each stage of the decoder lengthens.
        decoder_widths: of the decoder's stages, and of what follows them.
        decoder_depths: blocks of each stage.
        span: latents over which the decoder's attention is normalised.
    """

    kind: ClassVar[str] = "sq"
    latent_dim: int = 256
    features_per_latent: int = 1
    strides: tuple[int, ...] = (6, 5, 3)
    widths: tuple[int, ...] = (24, 48, 96, 192)
    depths: tuple[int, ...] = (1, 1, 1, 2)
    rates: tuple[int, ...] = (5, 3, 3, 2)
    decoder_widths: tuple[int, ...] = (384, 192, 96, 48, 24)
    decoder_depths: tuple[int, ...] = (3, 2, 2, 1)
    span: int = 45

    def __post_init__(self) -> None:
        at_least(self, 1, "latent_dim", "features_per_latent", "span")
        sizes = (*self.strides, *self.widths, *self.depths, *self.rates, *self.decoder_widths, *self.decoder_depths)
        require(all(size >= 1 for size in sizes), "strides, widths, depths and rates must be at least 1")
        require(self.span % 2 == 1, "span must be odd")
        require(self.latent_dim % self.features_per_latent == 0, "latent_dim must be a multiple of features_per_latent")
        require(math.prod(self.strides) == math.prod(self.rates), "strides and rates must have the same product")
        require(
            len(self.widths) == len(self.depths) == len(self.strides) + 1, "widths and depths: one more than strides"
        )
        require(len(self.decoder_widths) == len(self.rates) + 1, "decoder_widths must be one more than rates")
        require(len(self.decoder_depths) == len(self.rates), "decoder_depths must be as many as rates")

    @property
    def hop(self) -> int:
        return math.prod(self.strides) * self.features_per_latent

    @property
    def features(self) -> int:
        """Numbers in a step of the networks."""
        return self.latent_dim // self.features_per_latent
