"""Sizes of the `conv` backbone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from swc.config.checks import at_least, require
from swc.config.roles import BackboneConfig


@dataclass(frozen=True)
class ConvConfig(BackboneConfig):
    """Widths in channels. What is not given is as in DAC at 44.1 kHz, and so in SwitchCodec."""

    kind: ClassVar[str] = "conv"
    latent_dim: int = 1024
    strides: tuple[int, ...] = (2, 4, 8, 8)  # of the encoder; the decoder has them in reverse
    encoder_widths: tuple[int, ...] = (64, 128, 256, 512, 1024)  # before the first stride and after each
    decoder_widths: tuple[int, ...] = (1536, 768, 384, 192, 96)  # the same for the decoder
    dilations: tuple[int, ...] = (1, 3, 9)  # of the residual units of a block
    stem: int = 0  # bands of a lapped transform that is the first and the last layer; 0: none
    exponent: float = 0.3  # that the transform's coefficients are compressed with

    def __post_init__(self) -> None:
        at_least(self, 1, "latent_dim")
        at_least(self, 0.01, "exponent")
        require(bool(self.strides), "strides must have at least one number")
        require(all(n >= 2 for n in self.strides), f"strides must be 2 or more each, not {list(self.strides)}")
        for name in ("encoder_widths", "decoder_widths"):
            widths = getattr(self, name)
            require(len(widths) == len(self.strides) + 1, f"{name} must have one number more than strides")
            require(all(n >= 1 for n in widths), f"{name} must be 1 or more each, not {list(widths)}")
        require(all(n >= 1 for n in self.dilations), f"dilations must be 1 or more each, not {list(self.dilations)}")
        require(self.stem >= 0 and self.stem % 2 == 0, f"stem must be an even number of bands or 0, not {self.stem}")

    @property
    def hop(self) -> int:
        return max(1, self.stem) * math.prod(self.strides)
