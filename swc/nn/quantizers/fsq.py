"""Finite scalar quantization between two local transformers (SQCodec, Zhai et al. 2025, arXiv 2504.04949, section 3.1).

A latent becomes a few numbers, each of which is rounded to one of its levels (FSQ, Mentzer et al. 2023, arXiv
2309.15505); together they are one code, whose digits they are. The transformers look at a run of latents alone, so
that a chunk is decoded without the ones before. The paper's see a whole recording, as far as three windows back; here
the first window of a chunk has none before it.

Features are the parts of a latent, F = L * features_per_latent of them, of C numbers each.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from swc.config import FsqConfig, ModelConfig
from swc.nn.layers.local_attention import LocalTransformer
from swc.nn.layers.upsample import upsample
from swc.nn.roles import Quantizer

NOISY = 0.5  # share of the numbers that get noise in training, and are not rounded
SPREAD = 0.9  # standard deviation of the numbers before they are bounded: all levels are used about equally often
TINY = 1e-6  # of a variance
SHARE = 0.6  # of what the last layer gives wrongly that `Fsq.fold_statistics` puts right


class Fsq(Quantizer):
    """Quantizes runs of latents (B, L, D), a code each; it has one rate, so that grants say nothing."""

    top: Tensor
    basis: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        q = config.quantizer
        if not isinstance(q, FsqConfig):
            raise TypeError(f"the quantizer is of kind {q.kind!r}, not fsq")
        self.parts, dim = q.features_per_latent, config.backbone.latent_dim // q.features_per_latent
        self.register_buffer("top", torch.tensor(q.levels) - 1, persistent=False)  # the highest digits
        basis = [math.prod(q.levels[:n]) for n in range(len(q.levels))]
        self.register_buffer("basis", torch.tensor(basis), persistent=False)  # what a digit counts in a code

        def transformer(layers: int, window: int) -> nn.Module:
            return LocalTransformer(dim, layers, q.heads, q.head_dim, window) if layers else nn.Identity()

        fine, coarse = q.window * self.parts, q.window
        self.before_fine, self.after_fine = (transformer(q.fine_layers, fine) for _ in range(2))
        self.before, self.after = (transformer(q.layers, coarse) for _ in range(2))
        self.join = nn.Linear(dim * self.parts, dim) if self.parts > 1 else nn.Identity()
        self.squeeze = nn.Linear(dim, len(q.levels))
        # of what that gives, over the last batch of training
        self.register_buffer("mean", torch.zeros(len(q.levels)), persistent=False)
        self.register_buffer("deviation", torch.full((len(q.levels),), SPREAD), persistent=False)
        self.expand = nn.Linear(len(q.levels), dim)

    @torch.no_grad()
    def encode(self, z: Tensor, grants: Tensor, window: int, effort: int) -> Tensor:
        # one run after the other: a number that is on the edge would be rounded otherwise beside others
        digits = [self._digits(self.bounded(run)) for run in torch.split(z, 1)]
        return (torch.cat(digits) * self.basis).sum(-1).unsqueeze(1)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        digits = codes[:, 0, :, None] // self.basis % (self.top + 1)
        return torch.cat([self.latents(2 * run / self.top - 1) for run in torch.split(digits, 1)])

    def forward(self, z: Tensor, noise: Tensor) -> Tensor:
        """Latents as in training, with gradients: (B, L, D) -> (B, L, D).

        Half of the numbers are rounded, with straight-through gradients; the others get noise as large as rounding
        errors are (Parker et al. 2024, arXiv 2411.19842).

        Before they are bounded, numbers are normalised over the batch (Ioffe & Szegedy 2015, arXiv 1502.03167): those
        that drift to a bound say nothing any more, and have no gradient that could bring them back.

        Args:
            z: runs of latents.
            noise: uniform from 0 to 1, (2, B, L, numbers).
        """
        numbers = self._numbers(z)
        mean, deviation = numbers.mean((0, 1)), (numbers.var((0, 1)) + TINY).sqrt()
        self.mean.copy_(mean.detach())
        self.deviation.copy_(deviation.detach())
        bounded = torch.tanh(SPREAD * (numbers - mean) / deviation)
        rounded = bounded + (2 * self._digits(bounded) / self.top - 1 - bounded).detach()
        noisy = bounded + (2 * noise[1] - 1) / self.top
        return self.latents(torch.where(noise[0] < NOISY, noisy, rounded))

    def bounded(self, z: Tensor) -> Tensor:
        """The numbers that are rounded, -1 to 1, float32: (B, L, D) -> (B, L, numbers)."""
        return torch.tanh(self._numbers(z))

    @torch.no_grad()
    def fold_statistics(self) -> None:
        """Let the last layer give what training normalises numbers to, since a codec has no batches."""
        factor = (SPREAD / self.deviation) ** SHARE
        self.squeeze.bias.sub_(SHARE * self.mean).mul_(factor)
        self.squeeze.weight.mul_(factor[:, None])

    def _numbers(self, z: Tensor) -> Tensor:
        """The numbers before they are bounded, float32: (B, L, D) -> (B, L, numbers)."""
        B, L, _ = z.shape
        features = self.before_fine(z.reshape(B, L * self.parts, -1))
        features = self.before(self.join(features.reshape(B, L, -1)))
        numbers: Tensor = self.squeeze(features).float()
        return numbers

    def latents(self, numbers: Tensor) -> Tensor:
        """What a decoder makes of numbers -1 to 1: (B, L, numbers) -> (B, L, D)."""
        B, L, _ = numbers.shape
        features: Tensor = self.after(self.expand(numbers))
        if self.parts > 1:
            features = self.after_fine(upsample(features.transpose(1, 2), self.parts).transpose(1, 2))
        return features.reshape(B, L, -1)

    def _digits(self, bounded: Tensor) -> Tensor:
        """The nearest levels, counted from 0, as int64, of numbers -1 to 1."""
        return ((bounded + 1) / 2 * self.top).round().long()
