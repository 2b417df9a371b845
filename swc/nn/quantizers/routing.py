"""The router: which experts serve a window (SwitchCodec, arXiv 2505.24437, eq. 1, 2, 4 and 5)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swc.nn.layers.rows import Counts, by_group


class Router(nn.Linear):
    """Scores windows of latents (B, T, D) against N_r experts, and counts which of them are chosen.

    DRPS's bias, eq. (5), is the quantizer's, with whose tensors it is stored.

    Attributes:
        load: windows that chose each expert since the last `protect` (N_r,).
        windows: all of them, scalar.
        usage: share of the windows that chose each expert, in the period before the last `protect` (N_r,).
    """

    load: Tensor
    windows: Tensor
    usage: Tensor

    def __init__(self, dim: int, experts: int) -> None:
        super().__init__(dim, experts, bias=False)
        self.register_buffer("load", torch.zeros(experts), persistent=False)
        self.register_buffer("windows", torch.zeros(()), persistent=False)
        self.register_buffer("usage", torch.zeros(experts), persistent=False)

    def affinity(self, z: Tensor, counts: Counts = None) -> Tensor:
        """Affinity of each window to each expert, eq. (1): (B, T, D) -> (B, N_r); `counts` of latents as `by_group`."""
        rows = by_group(self, z.flatten(0, 1), counts)
        return rows.reshape(*z.shape[:2], -1).mean(1)

    @staticmethod
    def top(scores: Tensor, k: Tensor) -> Tensor:
        """Mask of the highest scores, eq. (2): (B, N_r), k_r of each window (B,) -> bool (B, N_r)."""
        rank = scores.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)
        return rank < k[:, None]

    def imitation(self, z: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
        """Scalar: cross entropy between each expert's affinity and whether the mask has it, given how many it has.

        Args:
            z: windows of latents (B, T, D).
            mask: experts that a search chose, 1 or 0 (B, N_r).
            weight: of each window (B,).
        """
        chosen = mask.sum(1, keepdim=True)
        odds = (chosen + 0.5) / (mask.shape[1] - chosen + 0.5)
        logits = self.affinity(z) + odds.log()
        entropy = F.binary_cross_entropy_with_logits(logits, mask, reduction="none").mean(1)
        return (entropy * weight).sum() / weight.sum().clamp_min(1)

    @torch.no_grad()
    def count(self, mask: Tensor) -> None:
        """Count the experts that windows chose, 1 or 0 (B, N_r)."""
        self.load += mask.sum(0)
        self.windows += len(mask)

    @torch.no_grad()
    def protect(self, bias: Tensor, gamma: float, dead: float) -> None:
        """DRPS, eq. (4): raise the bias (N_r,) of neglected experts, and reset the counts.

        Args:
            bias: is changed.
            gamma: the increase for a neglected expert.
            dead: the dead threshold, as a share of the mean load.
        """
        mean = self.load.mean()
        bias[self.load < dead * mean] += gamma
        bias[self.load > mean] = 0
        self.usage.copy_(self.load / self.windows.clamp_min(1))
        self.load.zero_()
        self.windows.zero_()
