"""A transformer that looks back as far as the window before its own (SQCodec, arXiv 2504.04949, section 3.1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EXPANSION = 4


class Attention(nn.Module):
    """Attention of several heads with a bias for each pair of positions: (B, T, C) -> (B, T, C)."""

    def __init__(self, dim: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.inward = nn.Linear(dim, 3 * heads * head_dim, bias=False)
        self.outward = nn.Linear(heads * head_dim, dim, bias=False)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Args: x, and the bias (heads, T, T), -inf where a position does not look at another one."""
        B, T, _ = x.shape
        query, key, value = self.inward(self.norm(x)).reshape(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(query, key, value, bias.to(query.dtype))  # (B, heads, T, head_dim)
        out: Tensor = self.outward(found.transpose(1, 2).flatten(2))
        return out


class FeedForward(nn.Module):
    """A gated linear unit, 2/3 as wide as a plain layer would be (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        width = EXPANSION * dim * 2 // 3
        self.norm = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, 2 * width, bias=False)
        self.down = nn.Linear(width, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.up(self.norm(x)).chunk(2, -1)
        out: Tensor = self.down(F.gelu(gate) * value)
        return out


class PositionBias(nn.Module):
    """A learned function of how far back a position looks, for each head."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(1, dim), nn.SiLU(), nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, heads))

    def forward(self, positions: int, window: int) -> Tensor:
        """The bias (heads, T, T) of so many positions in windows."""
        at = torch.arange(positions, device=next(self.parameters()).device)
        back = at[:, None] - at
        seen = (back >= 0) & (at[:, None] // window - at // window <= 1)
        by_distance: Tensor = self.layers((at / window)[:, None]).t()  # (heads, T)
        return by_distance[:, back.clamp_min(0)].masked_fill(~seen, -torch.inf)


class LocalTransformer(nn.Module):
    """Layers of attention and feed-forward, (B, T, C) -> (B, T, C).

    Time is divided into windows, from the first position on. A position sees those before it in its window, and all of
    the window before.
    """

    def __init__(self, dim: int, layers: int, heads: int, head_dim: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.bias = PositionBias(dim // 2, heads)
        self.attention = nn.ModuleList(Attention(dim, heads, head_dim) for _ in range(layers))
        self.feed_forward = nn.ModuleList(FeedForward(dim) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        bias = self.bias(x.shape[1], self.window)
        for attention, feed_forward in zip(self.attention, self.feed_forward, strict=True):
            x = x + attention(x, bias)
            x = x + feed_forward(x)
        return x
