"""What quantizers say of themselves that are codebooks in a row, each of what the ones before it leave."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from swc.bitstream.limits import LIMITS
from swc.config.checks import at_least, require
from swc.config.roles import QuantizerConfig


@dataclass(frozen=True)
class ResidualConfig(QuantizerConfig):
    """Codebooks that every latent uses, and others that are chosen.

    Attributes:
        codebook_bits: bits a code.
        predictive: codes are the difference from a linear prediction out of the previous latent.
    """

    codebook_bits: int
    predictive: bool

    def __post_init__(self) -> None:
        at_least(self, 1, "shared", "window", "windows_per_chunk")
        most = {name: LIMITS[name][1] for name in ("n_routed", "windows_per_chunk")}
        require(self.shared + self.routed <= most["n_routed"], f"at most {most['n_routed']} codebooks in all")
        require(
            self.windows_per_chunk <= most["windows_per_chunk"], f"at most {most['windows_per_chunk']} windows a chunk"
        )
        low, high = LIMITS["codebook_bits"]
        require(low <= self.codebook_bits <= high, f"codebook_bits must be {low} to {high}")

    @property
    @abstractmethod
    def shared(self) -> int:
        """Codebooks that every latent uses."""

    @property
    @abstractmethod
    def routed(self) -> int:
        """Codebooks that are chosen or not."""

    @property
    def codebook_size(self) -> int:
        return 1 << self.codebook_bits
