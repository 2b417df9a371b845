"""A codebook of few numbers a code, between projections (DAC, Kumar et al. 2023, arXiv 2306.06546, section 3.2).

Latents are projected down, compared with the codes by their directions alone (both L2-normalised; Yu et al. 2022), and
codes are projected up. Codes and projections learn by gradients.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swc.nn.quantizers.codebook import Codebook
from swc.nn.quantizers.native_search import Packed

COMMITMENT = 0.25  # weight of the commitment loss against the codebook loss


class Passed(NamedTuple):
    """What `ProjectedCodebook.forward` returns.

    Attributes:
        quantized: codes projected up (B, T, dim), with straight-through gradients.
        loss: scalar, codebook loss and `COMMITMENT` times the commitment loss.
    """

    quantized: Tensor
    loss: Tensor


class ProjectedCodebook(Codebook):
    """`size` codes of `inner` numbers for vectors of `dim`.

    `code` holds what they say of such vectors, made from `entry` by `refresh`; so the search sees no difference.
    """

    def __init__(self, size: int, dim: int, inner: int) -> None:
        super().__init__(size, dim)
        self.register_buffer("code", self.code, persistent=False)
        self.entry = nn.Parameter(torch.randn(size, inner))
        self.inward = nn.Linear(dim, inner)
        self.outward = nn.Linear(inner, dim)
        self.register_load_state_dict_post_hook(_refresh)  # type: ignore[no-untyped-call]
        self.refresh()

    @torch.no_grad()
    def refresh(self) -> None:
        """Update `code` after something has learned."""
        self.code.copy_(self.outward(self.entry))

    @property
    def key(self) -> tuple[Tensor, Tensor]:
        # the direction nearest to W z + b is that of the code c, of length 1, with the greatest c W z + c b
        directions = F.normalize(self.entry.detach(), dim=1)
        return directions @ self.inward.weight.detach(), -2 * (directions @ self.inward.bias.detach())

    @property
    def packed_key(self) -> Packed:
        return Packed(self.code, *self.key)

    def forward(self, residual: Tensor, codes: Tensor, weight: Tensor) -> Passed:
        """Chosen codes with gradients.

        Args:
            residual: what is to be quantized (B, T, dim).
            codes: that were chosen for it (B, T).
            weight: 1 or 0, for windows that skip this codebook (B,).
        """
        low, code, on = self.inward(residual), self.entry[codes], weight[:, None, None]
        learned, committed = (code - low.detach()).square(), (low - code.detach()).square()
        straight = low + (code - low).detach()
        return Passed(self.outward(straight) * on, ((learned + COMMITMENT * committed) * on).mean())

    @torch.no_grad()
    def update(self, z: Tensor, chosen: Tensor, weight: Tensor, horizon: float) -> None:
        """Count what was chosen; codes learn by gradients. Arguments are those of `Codebook.update`."""
        self._count(chosen, weight, horizon)

    def _put(self, dead: Tensor, vectors: Tensor, count: Tensor) -> None:
        self.entry[dead], self.count[dead] = self.inward(vectors), count
        self.refresh()

    @torch.no_grad()
    def fit(self, z: Tensor, iterations: int, generator: torch.Generator) -> None:
        """Principal directions of vectors z (n, dim) as projections, and k-means between them."""
        mean, inner = z.mean(0), self.entry.shape[1]
        directions = torch.linalg.eigh(torch.cov(z.t()))[1][:, -inner:]  # eigh sorts upwards
        self.inward.weight.copy_(directions.t())
        self.inward.bias.copy_(-(mean @ directions))
        self.outward.weight.copy_(directions)
        self.outward.bias.copy_(mean)
        means = Codebook(self.size, inner).to(z.device)
        means.fit(self.inward(z), iterations, generator)
        self.entry.copy_(means.code)
        self.refresh()


def _refresh(book: nn.Module, _: Any) -> None:
    if isinstance(book, ProjectedCodebook):
        book.refresh()
