"""Sizes of the `fsq` quantizer, and of the transformers around it (SQCodec, arXiv 2504.04949)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from swc.bitstream.layouts.fsq import FsqLayout
from swc.bitstream.limits import LIMITS
from swc.config.checks import at_least, require
from swc.config.roles import QuantizerConfig


@dataclass(frozen=True)
class FsqConfig(QuantizerConfig):
    """One number a latent, whose digits are a few numbers that are rounded to levels.

    Attributes:
        levels: of each of those numbers.
        features_per_latent: parts of a latent, one after the other in time.
        layers: of the transformer on latents, on either side.
        fine_layers: of the one on their parts.
        heads: of their attention.
        head_dim: numbers in a head.
    """

    kind: ClassVar[str] = "fsq"
    window: int = 400
    windows_per_chunk: int = 2
    levels: tuple[int, ...] = (7, 7, 7, 7, 7, 7)
    features_per_latent: int = 1
    layers: int = 3
    fine_layers: int = 0
    heads: int = 6
    head_dim: int = 64

    def __post_init__(self) -> None:
        at_least(self, 1, "window", "windows_per_chunk", "features_per_latent", "heads", "head_dim")
        at_least(self, 0, "layers", "fine_layers")
        most = LIMITS["windows_per_chunk"][1]
        require(self.windows_per_chunk <= most, f"at most {most} windows a chunk")
        require(all(n >= 2 for n in self.levels), "levels must be at least 2")
        low, high = (greatest + 1 for greatest in LIMITS["greatest_code"])
        require(low <= math.prod(self.levels) <= high, f"the product of the levels must be {low} to {high}")
        require(self.features_per_latent > 1 or self.fine_layers == 0, "fine_layers need features_per_latent above 1")

    @property
    def layout(self) -> FsqLayout:
        return FsqLayout(math.prod(self.levels) - 1)

    @property
    def semantic_tensors(self) -> tuple[str, ...]:
        return ("expand.",)

    def semantics(self) -> dict[str, Any]:
        return {"family": "fsq", "levels": list(self.levels)}
