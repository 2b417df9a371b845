"""Sizes of the `revq` quantizer (SwitchCodec, arXiv 2505.24437)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from swc.bitstream.layouts.revq import RevqLayout
from swc.config.checks import at_least, require
from swc.config.residual import ResidualConfig


@dataclass(frozen=True)
class RevqConfig(ResidualConfig):
    """One or more shared codebooks, and routed ones (experts), of which each window chooses some."""

    kind: ClassVar[str] = "revq"
    window: int = 43
    windows_per_chunk: int = 4
    shared: int = 1
    routed: int = 17
    codebook_bits: int = 10
    predictive: bool = False  # codes are the difference from a linear prediction from the previous latent
    codebook_dim: int = 0  # numbers of a code, projected to and from latents as in DAC; 0: codes are latents

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "routed")
        at_least(self, 0, "codebook_dim")
        require(
            not (self.predictive and self.codebook_dim), "predictive codes cannot be projected: codebook_dim must be 0"
        )

    @property
    def layout(self) -> RevqLayout:
        return RevqLayout(self.shared, self.routed, self.codebook_bits)

    @property
    def semantic_tensors(self) -> tuple[str, ...]:
        return ("shared.", "experts.", *(("predictor.",) if self.predictive else ()))

    def semantics(self) -> dict[str, Any]:
        parts: dict[str, Any] = {
            "family": "revq",
            "shared": self.shared,
            "routed": self.routed,
            "codebook_bits": self.codebook_bits,
        }
        parts |= {"predictive": True} if self.predictive else {}
        return parts | ({"codebook_dim": self.codebook_dim} if self.codebook_dim else {})
