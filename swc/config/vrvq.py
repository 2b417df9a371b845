"""Sizes of the `vrvq` quantizer (VRVQ, arXiv 2410.06016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from swc.bitstream.layouts.vrvq import VrvqLayout
from swc.config.checks import at_least
from swc.config.residual import ResidualConfig


@dataclass(frozen=True)
class VrvqConfig(ResidualConfig):
    """Codebooks in order, of which each latent takes the first ones, as many as its importance asks for."""

    kind: ClassVar[str] = "vrvq"
    window: int = 43
    windows_per_chunk: int = 4
    codebooks: int = 16
    codebook_bits: int = 10
    predictive: bool = False
    dim: int = 64  # of the network that gives the importance
    blocks: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 2, "codebooks")
        at_least(self, 1, "dim", "blocks")

    @property
    def shared(self) -> int:
        return 1

    @property
    def routed(self) -> int:
        return self.codebooks - 1

    @property
    def layout(self) -> VrvqLayout:
        return VrvqLayout(self.shared, self.routed, self.codebook_bits)

    @property
    def semantic_tensors(self) -> tuple[str, ...]:
        return ("codebooks.", *(("predictor.",) if self.predictive else ()))

    def semantics(self) -> dict[str, Any]:
        parts = {"family": "vrvq", "codebooks": self.codebooks, "codebook_bits": self.codebook_bits}
        return parts | ({"predictive": True} if self.predictive else {})
