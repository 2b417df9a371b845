"""The three parts of a codec, whatever their kind. B: recordings or channels, L: latents, D: numbers in a latent.

They are base classes and not protocols, since a codec is a module that holds them: state, device and mode go with it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from torch import Tensor, nn

from swc.dsp.ahead import Each
from swc.dsp.causal import CausalSynthesis
from swc.dsp.context import Context, Segment
from swc.errors import ModelError
from swc.nn.layers.convnext import Memory


class Encoder(nn.Module, ABC):
    """Audio -> latents."""

    @property
    @abstractmethod
    def context(self) -> Context:
        """Samples before and after a stretch that `following` needs."""

    @abstractmethod
    def encode(self, audio: Tensor) -> Tensor:
        """Latents (B, samples // hop, D) of level-normalised audio (B, samples)."""

    def following(self, stretch: Segment, hop: int, memory: Memory) -> tuple[Tensor, Memory]:
        """Latents (B, length // hop, D) of a stretch of a recording, as they are in the whole.

        Args:
            stretch: whole latents of audio, with `context` around them as far as there is audio.
            hop: samples a latent.
            memory: left by the previous stretch; empty at the start. Networks that are not causal have none.
        """
        latents = slice(stretch.before // hop, (stretch.before + stretch.length) // hop)
        return self.encode(stretch.signal)[:, latents], memory


class Quantizer(nn.Module, ABC):
    """Latents <-> codes. A run of latents, such as a chunk, is coded by itself."""

    @abstractmethod
    def encode(self, z: Tensor, grants: Tensor, window: int, effort: int) -> Tensor:
        """Codes of runs of latents.

        Args:
            z: runs of latents (B, L, D).
            grants: for each of their windows (B, ceil(L / window)), how many steps above the least of the layout's
                `sizes` it may take.
            window: latents a window; the last one may be shorter.
            effort: 0 takes the first suitable codes; 1 and 2 search for better ones, longer each time.

        Returns:
            int64 (B, stages, L) in the order of the layout, -1 where a stage is unused.
        """

    def choose(self, runs: Sequence[Tensor], grants: Sequence[Tensor], window: int, effort: int) -> Any:
        """The first half of the work for codes of several groups of runs; threads share halves better than wholes.

        Nothing here; a quantizer that chooses codebooks does so, for all runs together where that is faster.

        Args:
            runs: groups of runs of latents, (B, L, D) each.
            grants: of each group, as for `encode`.
            window, effort: as for `encode`.

        Returns:
            What `code` takes.
        """
        return tuple(zip(runs, grants, strict=True))

    def code(self, chosen: Any, window: int, effort: int) -> list[Tensor]:
        """Codes of groups of runs, those that `encode` gives for each, on a CPU to the bit.

        Args:
            chosen: by `choose`.
            window, effort: the same as there.

        Returns:
            int64 (B, stages, L) each.
        """
        return [self.encode(z, grants, window, effort) for z, grants in chosen]

    @abstractmethod
    def decode(self, codes: Tensor) -> Tensor:
        """Latents (B, L, D) of runs of codes (B, stages, L)."""

    def tables(self) -> tuple[Tensor, Tensor | None]:
        """The tensors that `decode` uses, for a decoder without torch (see `swc.dsp.codes`).

        Returns:
            Codebooks (stages, size, D), whose vectors are added up; and the weights (D, D) of the prediction from the
            previous latent if the sums are innovations, else None.

        Raises:
            ModelError: this kind decodes in another way.
        """
        raise ModelError(f"{type(self).__name__} has no tables, so its models cannot be exported")


class LevelQuantizer(Quantizer):
    """A quantizer whose latents take as many codebooks as they are important, times a level.

    A step of a window's size is a codebook more for one of its latents: those come first that join in at the lowest
    levels.
    """

    @abstractmethod
    def thresholds(self, z: Tensor) -> Tensor:
        """The level from which on a latent uses each codebook after the first, (B, L, stages - 1), rising; z as for
        `encode`."""


class Decoder(nn.Module, ABC):
    """Latents -> audio."""

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """Audio (B, L * hop), float32, of whole runs of latents (B, L, D)."""

    @abstractmethod
    def synthesise(
        self, chunks: Iterable[Tensor], latents: int, window: int, each: Each = map, first: int = 0
    ) -> Iterator[Tensor]:
        """Audio (B, n * hop) of each of a stream's chunks, once as many of the next are there as it depends on.

        Args:
            chunks: latents (B, n, D) of each.
            latents: of every chunk but the last.
            window: latents a window.
            each: what maps functions of one chunk and its surroundings over them.
            first: latents in the stream before these chunks.
        """

    @abstractmethod
    def overlap(self, window: int) -> Context:
        """Samples before and after a chunk in which the audio that `synthesise` gives depends on it."""

    def causal(self, first: int = 0) -> CausalSynthesis:
        """Synthesis that goes on from chunk to chunk, for networks that are causal; `first` is as in `synthesise`.

        Raises:
            ModelError: they are not.
        """
        raise ModelError(f"{type(self).__name__} is not causal")
