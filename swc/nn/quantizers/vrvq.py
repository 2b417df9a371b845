"""Variable bitrate residual vector quantization (VRVQ, Chae et al., arXiv 2410.06016).

The codebooks of a chain quantize what the ones before them leave. A network gives each latent an importance p, between
0 and 1. At level l the latent uses those of N codebooks, counted from 0, for which l N p - k >= 0; so always the first.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swc.config import ModelConfig, VrvqConfig
from swc.nn.layers.convnext import Trunk
from swc.nn.quantizers.beam import beam_codes, codes_in_turn
from swc.nn.quantizers.codebook import Codebook
from swc.nn.quantizers.prediction import Predictor
from swc.nn.quantizers.residual import ResidualQuantizer
from swc.nn.quantizers.runs import Runs
from swc.nn.quantizers.search import EFFORTS
from swc.nn.roles import LevelQuantizer

EXPANSION, KERNEL = 3, 7


class Importance(nn.Module):
    """How much latents matter: runs (B, L, D) -> (B, L), between 0 and 1."""

    def __init__(self, inputs: int, dim: int, blocks: int) -> None:
        super().__init__()
        self.trunk = Trunk(inputs, dim, blocks, EXPANSION, KERNEL, 3, causal=False)
        self.project = nn.Linear(dim, 1)

    def forward(self, z: Tensor) -> Tensor:
        return torch.sigmoid(self.project(self.trunk(z))[..., 0])


class Masked(NamedTuple):
    """What the quantizer returns in training.

    Attributes:
        latents: quantized latents (B, L, D), with gradients to the importance alone.
        importance: (B, L).
        depths: codebooks that latents use (B, L).
        error: scalar, mean square of the final residual.
    """

    latents: Tensor
    importance: Tensor
    depths: Tensor
    error: Tensor


class Vrvq(ResidualQuantizer, LevelQuantizer):
    """Quantizes runs of latents (B, L, D), each latent by as many codebooks as it is worth."""

    def __init__(self, config: ModelConfig) -> None:
        sizes, dim = config.quantizer, config.backbone.latent_dim
        if not isinstance(sizes, VrvqConfig):
            raise TypeError(f"the quantizer is of kind {sizes.kind!r}, not vrvq")
        super().__init__(sizes, dim)
        self.codebooks = nn.ModuleList(Codebook(sizes.codebook_size, dim) for _ in range(sizes.codebooks))
        self.importance = Importance(dim, sizes.dim, sizes.blocks)

    def books(self) -> list[Codebook]:
        return [book for book in self.codebooks if isinstance(book, Codebook)]

    def route(self, z: Tensor, k: Tensor) -> Tensor:
        return torch.arange(self.config.routed, device=z.device) < k[:, None]

    def search_mask(self, target: Tensor, k: Tensor) -> Tensor:
        return self.route(target, k)

    @torch.no_grad()
    def thresholds(self, z: Tensor) -> Tensor:
        steps = torch.arange(1, len(self.codebooks), device=z.device)
        thresholds: Tensor = steps / (len(self.codebooks) * self.importance(z)[..., None])
        return thresholds

    @torch.no_grad()
    def encode(self, z: Tensor, grants: Tensor, window: int, effort: int) -> Tensor:
        used, books, beam = self._used(z, grants, window), self.books(), EFFORTS[effort].beam
        if isinstance(self.predictor, Predictor):
            return codes_in_turn(books, self.predictor, Runs([z], [grants]), used, 1, beam)
        codes = beam_codes(books, z.reshape(-1, 1, z.shape[-1]), used.flatten(0, 1), beam)  # (B * L, stages, 1)
        return codes.reshape(*z.shape[:2], -1).transpose(1, 2)

    def _used(self, z: Tensor, grants: Tensor, window: int) -> Tensor:
        """Which codebooks after the first latents use, bool (B, L, stages - 1): in each window as many as granted."""
        windows = torch.split(self.thresholds(z), window, 1)
        ranks = [one.flatten(1).argsort(dim=1, stable=True).argsort(1) for one in windows]
        granted = zip(ranks, grants.t(), windows, strict=True)
        return torch.cat([(rank < grant[:, None]).reshape(one.shape) for rank, grant, one in granted], 1)

    def forward(self, z: Tensor, level: Tensor, temperature: float) -> Masked:
        """Quantize at a level, so that the importance can learn from what becomes of it.

        Args:
            z: runs of latents (B, L, D).
            level: of each run (B,).
            temperature: of the surrogate, see `smooth_step`.
        """
        importance = self.importance(z)
        steps = torch.arange(1, len(self.codebooks), device=z.device)
        mask = hard_step(level[:, None, None] * len(self.codebooks) * importance[..., None] - steps, temperature)
        mask = torch.cat((torch.ones_like(mask[..., :1]), mask), 2)  # (B, L, stages)
        with torch.no_grad():
            target = self.predictor.innovations(z)
            error = target - _sum(mask, self._said(target))
            target = self.predictor.innovations(z, error)  # a decoder predicts from latents with errors
            said = self._said(target)
        left = target - _sum(mask, said)
        return Masked(z - left, importance, mask.detach().sum(2), left.detach().square().mean())

    def _said(self, target: Tensor) -> Tensor:
        """The nearest code of each codebook, of what those before it leave of vectors (B, L, D): (B, L, stages, D)."""
        said = []
        for book in self.books():
            said.append(book.code[book.nearest(target)])
            target = target - said[-1]
        return torch.stack(said, 2)


def _sum(mask: Tensor, said: Tensor) -> Tensor:
    """The sum of what those codebooks say that a mask (B, L, stages) has."""
    total: Tensor = (mask[..., None] * said).sum(2)
    return total


def hard_step(x: Tensor, temperature: float) -> Tensor:
    """1 where x >= 0, else 0, with the gradient of `smooth_step`."""
    smooth = smooth_step(x, temperature)
    return smooth + ((x >= 0).to(x.dtype) - smooth).detach()


def smooth_step(x: Tensor, temperature: float) -> Tensor:
    """The paper's surrogate, a ramp of unit width from 0 to 1: 1/2 + log(cosh(a (x + 1/2)) / cosh(a (x - 1/2))) / 2a.

    log cosh u is u + softplus(-2 u) - log 2, which never overflows.
    """
    above, below = (F.softplus(-2 * temperature * (x + half)) for half in (0.5, -0.5))
    return 1 + (above - below) / (2 * temperature)
