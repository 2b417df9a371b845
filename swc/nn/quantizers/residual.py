"""What quantizers have in common whose codebooks each quantize what the ones before them leave."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from swc.config import ResidualConfig
from swc.dsp.codes import look_up
from swc.nn.quantizers.codebook import Codebook
from swc.nn.quantizers.prediction import NoPredictor, Predictor
from swc.nn.roles import Quantizer


class ResidualQuantizer(Quantizer):
    """Codebooks of latents or, if predictive, of innovations (see `swc.nn.quantizers.prediction`).

    Attributes:
        config: its sizes.
        predictor: of latents.
        horizon: vectors a code that the averages of the codebooks remember.
    """

    def __init__(self, sizes: ResidualConfig, dim: int) -> None:
        super().__init__()
        self.config, self.horizon = sizes, 90.0
        self.predictor = Predictor(dim) if sizes.predictive else NoPredictor()

    @abstractmethod
    def books(self) -> list[Codebook]:
        """All codebooks in order, first those that every latent uses."""

    @abstractmethod
    def route(self, z: Tensor, k: Tensor) -> Tensor:
        """Which further codebooks windows of latents (B, T, D) use, k of them each (B,): bool (B, N_r)."""

    @abstractmethod
    def search_mask(self, target: Tensor, k: Tensor) -> Tensor:
        """What `route` gives, or a better choice for what is quantized (B, T, D), latents or innovations."""

    def maintain(self, gamma: float, dead: float, generator: torch.Generator) -> int:
        """What training does every n steps, see `Revq.maintain`; how many codes were replaced."""
        return 0

    def counters(self) -> dict[str, Tensor]:
        """What training counts beside the use of codes, by name."""
        return {}

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        return self.predictor.latents(self.look_up(codes))

    @torch.no_grad()
    def look_up(self, codes: Tensor) -> Tensor:
        """The sum of the code vectors, of latents or, if predictive, innovations: (B, stages, T) -> (B, T, D)."""
        total: Tensor = look_up((book.code for book in self.books()), codes)
        return total

    def tables(self) -> tuple[Tensor, Tensor | None]:
        prediction = self.predictor.weight if isinstance(self.predictor, Predictor) else None
        return torch.stack([book.code for book in self.books()]), prediction

    def restart_averages(self, horizon: float) -> None:
        """Codebook averages after loading weights or after a fit."""
        self.horizon = horizon
        for book in self.books():
            book.restart_averages(horizon)
