"""A vector-quantization codebook, learned by exponential moving averages (van den Oord et al. 2017, app. A.1)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

import torch
from torch import Tensor, nn

from swc.nn.layers.rows import Counts, by_group
from swc.nn.quantizers.native_search import Packed

T = TypeVar("T")

RECENT = 15.0  # vectors per code within which a code must have been chosen now and then


def distances(z: Tensor, code: Tensor, energy: Tensor, counts: Counts = None) -> Tensor:
    """Squared distances from vectors (n, dim) to codes (size, dim), less the vectors' own squares: (n, size).

    `energy` is the codes' squares (size,); `counts` divides the vectors into groups, see `by_group`.
    """
    return by_group(lambda rows: torch.addmm(energy, rows, code.t(), alpha=-2), z, counts)


@dataclass
class Kept(Generic[T]):
    """What was made of codes: these, in which version, and it; set at once, since threads share it."""

    made: tuple[Tensor, int, T] | None = None


class Codebook(nn.Module):
    """`size` code vectors of `dim` numbers. Everything here is float32, with autocast off.

    `count` and `total` are moving averages of the number and the sum of the vectors that chose each code. They forget
    by vectors seen, not by steps (`horizon` vectors per code), so that an expert that few windows choose, or a small
    batch, averages over as many vectors as any other. `recent` is a count with a shorter memory that soon shows which
    codes have fallen out of use.
    """

    code: Tensor
    count: Tensor
    total: Tensor
    recent: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("code", torch.zeros(size, dim))
        self.register_buffer("count", torch.zeros(size), persistent=False)
        self.register_buffer("total", torch.zeros(size, dim), persistent=False)
        self.register_buffer("recent", torch.zeros(size), persistent=False)
        self._squares, self._packed = Kept[Tensor](), Kept[Packed]()

    def train(self, mode: bool = True) -> Self:
        """As `nn.Module.train`; training may change codes without their version, as recorded graphs do."""
        self._squares, self._packed = Kept[Tensor](), Kept[Packed]()
        return super().train(mode)

    def refresh(self) -> None:
        """Update what is derived from parameters after they have learned; nothing is here."""

    @property
    def size(self) -> int:
        return self.code.shape[0]

    @property
    def energy(self) -> Tensor:
        """Squares of the codes (size,); outside training, they are computed again only where the codes have changed."""
        return self._keep(self._squares, lambda: self.code.square().sum(1))

    @property
    def packed(self) -> Packed:
        """The codebook for `swc.nn.quantizers.native_search`, kept as `energy` is."""
        return self._keep(self._packed, lambda: Packed(self.code, self.code, self.energy))

    @property
    def packed_key(self) -> Packed:
        """As `packed`, with the `key`."""
        return self.packed

    def _keep(self, kept: Kept[T], compute: Callable[[], T]) -> T:
        code = self.code
        if self.training or code.is_inference():  # such tensors do not tell whether they have changed
            return compute()
        made = kept.made
        if made is None or made[0] is not code or made[1] != code._version:
            with torch.inference_mode(False), torch.no_grad():
                kept.made = made = code, code._version, compute()
        return made[2]

    @property
    def key(self) -> tuple[Tensor, Tensor]:
        """What `distances` compares vectors with, to find the nearest code."""
        return self.code, self.energy

    def nearest(self, z: Tensor, counts: Counts = None) -> Tensor:
        """Index of the nearest code: (..., dim) -> (...) int64. Ties go to the lower index."""
        distance = distances(z.reshape(-1, z.shape[-1]), *self.key, counts)
        return distance.argmin(-1).reshape(z.shape[:-1])

    @torch.no_grad()
    def update(self, z: Tensor, chosen: Tensor, weight: Tensor, horizon: float) -> None:
        """Move codes towards the vectors that chose them.

        Args:
            z: vectors (n, dim).
            chosen: the code of each (n,).
            weight: 1 for vectors that count, 0 for those of windows that skip this codebook (n,).
            horizon: vectors a code that the average remembers.
        """
        keep, scale = self._count(chosen, weight, horizon)
        total = torch.zeros_like(self.total).index_add_(0, chosen, z * weight[:, None])
        self.total.mul_(keep).add_(total * scale)
        self.code.copy_(
            torch.where(self.count[:, None] > 1e-3, self.total / self.count.clamp_min(1e-3)[:, None], self.code)
        )

    def _count(self, chosen: Tensor, weight: Tensor, horizon: float) -> tuple[Tensor, Tensor]:
        """Count the codes that were chosen (n,); what averages keep, and what new vectors weigh."""
        keep, forget = (torch.exp(-weight.sum() / (memory * self.size)) for memory in (horizon, RECENT))
        each = self.size / weight.sum().clamp_min(1)
        scale = (1 - keep) * horizon * each
        count = torch.zeros_like(self.count).index_add_(0, chosen, weight)
        self.recent.mul_(forget).add_(count * (1 - forget) * RECENT * each)
        self.count.mul_(keep).add_(count * scale)
        return keep, scale

    @torch.no_grad()
    def restart_averages(self, horizon: float) -> None:
        """Averages as if every code had been chosen equally often: after loading weights."""
        self.count.fill_(horizon)
        self.recent.fill_(RECENT)
        self.total.copy_(self.code * horizon)

    @torch.no_grad()
    def replace_dead(self, z: Tensor, weight: Tensor, share: float, generator: torch.Generator) -> int:
        """Put vectors z (n, dim), drawn by weight (n,), where codes are used less than `share` of the mean."""
        dead = (self.recent < share * self.recent.mean()).nonzero().flatten()
        if len(dead) == 0 or not bool((weight > 0).any()):
            return 0
        pick = torch.multinomial(weight.cpu(), len(dead), replacement=True, generator=generator)
        self._put(dead, z[pick.to(z.device)], 0.5 * self.count.mean())
        self.recent[dead] = RECENT
        return len(dead)

    def _put(self, dead: Tensor, vectors: Tensor, count: Tensor) -> None:
        """Put vectors (n, dim), as if each had been chosen so often, where codes are dead (n,)."""
        self.code[dead], self.count[dead], self.total[dead] = vectors, count, vectors * count

    @torch.no_grad()
    def fit(self, z: Tensor, iterations: int, generator: torch.Generator) -> None:
        """k-means on vectors z (n, dim), starting from random ones of them."""
        n = z.shape[0]
        draw = torch.randint(0, n, (self.size,), generator=generator)
        if n >= self.size:
            draw = torch.randperm(n, generator=generator)[: self.size]
        self.code.copy_(z[draw.to(z.device)])
        for _ in range(iterations):
            chosen = torch.cat([self.nearest(part) for part in torch.split(z, 1 << 16)])
            count = torch.bincount(chosen, minlength=self.size).float()
            total = torch.zeros_like(self.code).index_add_(0, chosen, z)
            spare = z[torch.randint(0, n, (self.size,), generator=generator).to(z.device)]
            self.code.copy_(torch.where(count[:, None] > 0, total / count.clamp_min(1)[:, None], spare))

    def perplexity(self) -> float:
        """exp of the entropy of the codes' use in the moving average: `size` when all are used equally."""
        p = self.count / self.count.sum().clamp_min(1e-9)
        return math.exp(-float((p * (p + 1e-12).log()).sum()))
