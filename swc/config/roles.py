"""What every backbone and every quantizer says of itself, whatever its kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from swc.bitstream.layouts import Layout


@dataclass(frozen=True)
class BackboneConfig(ABC):
    """Sizes of an encoder and its decoder.

    Attributes:
        kind: what `[backbone]` calls it.
        latent_dim: numbers in a latent.
    """

    kind: ClassVar[str]
    latent_dim: int

    @property
    @abstractmethod
    def hop(self) -> int:
        """Samples a latent, at the model's rate."""


@dataclass(frozen=True)
class QuantizerConfig(ABC):
    """Sizes of a quantizer.

    Attributes:
        kind: what `[quantizer]` calls it.
        window: latents a window.
        windows_per_chunk: windows in every chunk but the last.
    """

    kind: ClassVar[str]
    window: int
    windows_per_chunk: int

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """How its codes are laid out in a stream."""

    @property
    @abstractmethod
    def semantic_tensors(self) -> tuple[str, ...]:
        """Prefixes of the names of the tensors that say what a code means; the fingerprint covers those tensors."""

    @abstractmethod
    def semantics(self) -> dict[str, Any]:
        """What in the config decides what a code means, as plain data for the fingerprint."""
