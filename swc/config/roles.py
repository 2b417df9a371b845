"""The properties of every backbone and every quantizer, whatever its kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from swc.bitstream.layouts import Layout


@dataclass(frozen=True)
class BackboneConfig(ABC):
    """Sizes of an encoder and its decoder.

    Attributes:
        kind: its name in `[backbone]`.
        latent_dim: numbers in a latent.
    """

    kind: ClassVar[str]
    latent_dim: int

    @property
    @abstractmethod
    def hop(self) -> int:
        """Samples a latent, at the model's rate."""

    @property
    def live_delay(self) -> int | None:
        """Samples that live audio is late by, beside the chunk that it lies in; None where networks are not causal."""
        return None


@dataclass(frozen=True)
class QuantizerConfig(ABC):
    """Sizes of a quantizer.

    Attributes:
        kind: its name in `[quantizer]`.
        window: latents a window.
        windows_per_chunk: windows in every chunk but the last.
    """

    kind: ClassVar[str]
    window: int
    windows_per_chunk: int

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """The layout of its codes in a stream."""

    @property
    @abstractmethod
    def semantic_tensors(self) -> tuple[str, ...]:
        """Prefixes of the names of the tensors that define the meaning of codes, which the fingerprint covers."""

    @abstractmethod
    def semantics(self) -> dict[str, Any]:
        """The part of the config that defines the meaning of codes, as plain data for the fingerprint."""
