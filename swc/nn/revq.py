"""Residual Experts Vector Quantization (SwitchCodec, Wang et al., arXiv 2505.24437, section III).

One shared codebook quantizes every latent; a router then picks k_r of N_r expert codebooks for each window. The chosen
experts run on the residual in index order, whatever their scores. Equation numbers are the paper's.

With `predictive`, all this happens to innovations: what a latent differs by from a linear prediction out of the one
before it as the decoder has it (predictive vector quantization, Cuperman & Gersho 1985). The decoder adds up. A run of
latents that is decoded by itself, such as a chunk, starts from zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swc.config import RevqConfig
from swc.nn.codebook import Codebook
from swc.nn.search import dense_greedy_mask, greedy_mask

RARE = 0.05  # codes used less than this share of the mean are put where vectors are poorly served


@dataclass
class Quantized:
    """What the quantizer returns in training.

    Attributes:
        latents: quantized latents (B, W * T, D), with straight-through gradients to the encoder and the router.
        shared_commitment: scalar, mean squared error of the latents after the shared stage.
        commitment: scalar, mean squared error of the latents at the end.
        imitation: scalar, for the router alone: cross entropy between its scores and the masks that were searched for.
        error: scalar without gradient, energy of the final residual.
    """

    latents: Tensor
    shared_commitment: Tensor
    commitment: Tensor
    imitation: Tensor
    error: Tensor


@dataclass
class _Choice:
    """What a codebook chose: codes (B, T), vectors (B, T, D), for the windows that it serves (B,)."""

    index: int
    codes: Tensor
    quantized: Tensor
    weight: Tensor


@dataclass
class Assigned:
    """What `Revq.assign` found for B windows of latents in runs.

    Attributes:
        mask: the experts chosen, 1 or 0 (B, N_r).
        error: of the latents that the decoder predicts from, in runs.
        target: what is quantized, latents or innovations (B, T, D).
        after_shared: what the shared codebooks say of it (B, T, D).
        quantized: what all codebooks say of it (B, T, D).
        chosen: what each of them says.
    """

    mask: Tensor
    error: Tensor
    target: Tensor
    after_shared: Tensor
    quantized: Tensor
    chosen: list[_Choice]


class Revq(nn.Module):
    """Quantizes windows of latents (B, T, D): one routing mask for each of the B windows."""

    bias: Tensor
    load: Tensor
    windows: Tensor
    usage: Tensor

    def __init__(self, config: RevqConfig, dim: int) -> None:
        super().__init__()
        self.config = config
        self.shared = nn.ModuleList(Codebook(config.codebook_size, dim) for _ in range(config.shared))
        self.experts = nn.ModuleList(Codebook(config.codebook_size, dim) for _ in range(config.routed))
        self.router = nn.Linear(dim, config.routed, bias=False)
        self.predictor = nn.Linear(dim, dim, bias=False) if config.predictive else None
        self.register_buffer("bias", torch.zeros(config.routed))
        self.register_buffer("load", torch.zeros(config.routed), persistent=False)
        self.register_buffer("windows", torch.zeros(()), persistent=False)
        self.register_buffer("usage", torch.zeros(config.routed), persistent=False)  # load of the last period
        self.horizon = 90.0
        self._seen: dict[int, tuple[Tensor, Tensor]] = {}  # the last batch, for replacing dead codes

    def books(self) -> list[Codebook]:
        """All codebooks, shared ones first."""
        return [b for group in (self.shared, self.experts) for b in group if isinstance(b, Codebook)]

    def scores(self, z: Tensor) -> Tensor:
        """Affinity of each window to each expert, eq. (1) with DRPS's bias, eq. (5): (B, T, D) -> (B, N_r)."""
        scores: Tensor = self.router(z).mean(1)
        return scores + self.bias

    @staticmethod
    def top(scores: Tensor, experts: Tensor) -> Tensor:
        """Mask of the highest scores, eq. (2): (B, N_r), k_r of each window (B,) -> bool (B, N_r)."""
        rank = scores.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)
        return rank < experts[:, None]

    def innovations(self, z: Tensor, error: Tensor | float = 0.0) -> Tensor:
        """What the codes of runs of latents (B, L, D) have to say, if quantizing them leaves `error`: (B, L, D)."""
        if self.predictor is None:
            return z
        return z - F.pad(self.predict((z - error)[:, :-1]), (0, 0, 1, 0))

    def predict(self, z: Tensor) -> Tensor:
        """What decoded latents (..., D) let expect of the ones behind them."""
        if self.predictor is None:
            return torch.zeros_like(z)
        expected: Tensor = self.predictor(z)
        return expected

    def latents(self, innovations: Tensor) -> Tensor:
        """Runs of latents of what their codes say, as the decoder has it: (B, L, D) -> (B, L, D)."""
        if self.predictor is None:
            return innovations
        z, found = torch.zeros_like(innovations[:, 0]), []
        for innovation in innovations.unbind(1):
            z = self.predict(z) + innovation
            found.append(z)
        return torch.stack(found, 1)

    def forward(self, z: Tensor, experts: Tensor, searched: Tensor | None = None, most: int = 0) -> Quantized:
        """Route, quantize and, in training mode, learn the codebooks.

        Args:
            z: runs of latents (B, W * T, D), each of W windows.
            experts: k_r of each window (B * W,).
            searched: windows whose experts are searched for instead of routed (B * W,), bool. If given, the router
                learns by imitating what is found there, and no longer by eq. (3).
            most: the largest k_r of the windows that are searched.
        """
        with torch.autocast(z.device.type, enabled=False):
            z = z.float()
            found = self.assign(z.detach(), experts, searched, most)
            windows, imitation = z.reshape(found.quantized.shape), z.new_zeros(())
            straight = found.quantized - found.target
            if searched is None:
                straight = straight + self._gate(self.scores(windows), found.chosen)
            else:
                imitation = self._imitation(windows.detach(), found.mask, searched.float())
            target = self.innovations(z, found.error).reshape(windows.shape)
            return Quantized(
                latents=z + straight.reshape(z.shape),
                shared_commitment=(target - found.after_shared).square().mean(),
                commitment=(target - found.quantized).square().mean(),
                imitation=imitation,
                error=(found.target - found.quantized).square().mean(),
            )

    @torch.no_grad()
    def assign(self, z: Tensor, experts: Tensor, searched: Tensor | None, most: int) -> Assigned:
        """All of `forward` that has no gradients, and the learning of the codebooks. Arguments are those of `forward`.

        On a GPU nothing here waits for a result or has a shape that depends on one, so that it can be recorded; the
        order by score alone does.
        """
        runs, z = z, z.reshape(len(experts), -1, z.shape[-1])
        target, error = self.innovations(runs).reshape(z.shape), torch.zeros_like(z)
        scores = self.scores(z)
        chosen_experts = self.top(scores, experts)
        if searched is not None:
            # every third latent is enough to tell which experts help, as in the encoder
            chosen_experts = self._search(target[:, ::3], experts, chosen_experts, searched, most)
        if self.predictor is not None:
            # a decoder predicts from latents with errors; these ones are like them, and found without a loop
            error = target - self.decode(self.encode(target, chosen_experts))
            target = self.innovations(runs, error.reshape(runs.shape)).reshape(z.shape)
        mask, books = chosen_experts.float(), self.books()
        quantized = after_shared = torch.zeros_like(z)
        chosen: list[_Choice] = []
        for index, weight in self._sequence(mask, scores):
            codes = books[index].nearest(target - quantized)
            q = books[index].code[codes] * weight[:, None, None]
            chosen.append(_Choice(index, codes, q, weight))
            quantized = quantized + q
            if index == len(self.shared) - 1:
                after_shared = quantized
        if self.training:
            self._learn(chosen, target - quantized)
            self.load += mask.sum(0)
            self.windows += len(mask)
        return Assigned(mask, error.reshape(runs.shape), target, after_shared, quantized, chosen)

    def _search(self, z: Tensor, experts: Tensor, routed: Tensor, searched: Tensor, most: int) -> Tensor:
        """The masks `routed` (B, N_r), with those of the windows `searched` replaced by what a search finds for z."""
        if z.is_cuda:
            return torch.where(searched[:, None], dense_greedy_mask(self, z, experts, most), routed)
        mask = routed.clone()
        mask[searched] = greedy_mask(self, z[searched], experts[searched])
        return mask

    def _gate(self, scores: Tensor, chosen: list[_Choice]) -> Tensor:
        """Eq. (3), a straight-through mask: nothing but gradients to the scores (B, N_r); (B, T, D)."""
        gate = torch.zeros_like(chosen[0].quantized)
        for choice in chosen:
            if choice.index >= len(self.shared):
                s = scores[:, choice.index - len(self.shared), None, None]
                gate = gate + (s - s.detach()) * choice.quantized
        return gate

    def _sequence(self, mask: Tensor, scores: Tensor) -> list[tuple[int, Tensor]]:
        """Codebooks in the order in which the residual passes them, with the windows (B,) that each one serves."""
        shared = len(self.shared)
        steps = [(index, torch.ones_like(mask[:, 0])) for index in range(shared)]
        if self.config.order == "index":
            return steps + [(shared + j, mask[:, j]) for j in range(mask.shape[1])]
        rank = scores.masked_fill(mask == 0, -torch.inf).argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        for place in range(int(mask.sum(1).max())):
            here = mask * (rank == place)
            steps += [(shared + j, here[:, j]) for j in here.any(0).nonzero().flatten().tolist()]
        return steps

    def _imitation(self, z: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
        """Scalar: cross entropy between each expert's score and whether the mask has it, given how many it has."""
        chosen = mask.sum(1, keepdim=True)
        odds = (chosen + 0.5) / (mask.shape[1] - chosen + 0.5)
        logits = self.router(z).mean(1) + odds.log()
        entropy = F.binary_cross_entropy_with_logits(logits, mask, reduction="none").mean(1)
        return (entropy * weight).sum() / weight.sum().clamp_min(1)

    @torch.no_grad()
    def _learn(self, chosen: list[_Choice], residual: Tensor) -> None:
        """Each codebook moves to what all the others leave it: (B, T, D), the residual after the last stage.

        That is one small step down the least squares of `swc.training.refit`. A codebook that learns what the stages
        before it leave, as in plain RVQ, averages over far larger vectors and knows nothing of those behind it.
        """
        energy = residual.square().sum(-1).flatten() + 1e-12
        for choice in chosen:
            flat = (choice.quantized + residual).flatten(0, 1)
            rows = choice.weight.repeat_interleave(residual.shape[1])
            self.books()[choice.index].update(flat, choice.codes.flatten(), rows, self.horizon)
            self._seen[choice.index] = (flat, rows * energy)

    @torch.no_grad()
    def encode(self, z: Tensor, mask: Tensor) -> Tensor:
        """Nearest codes of each stage, of windows of latents or, if predictive, of innovations.

        Args:
            z: windows (B, T, D).
            mask: chosen experts (B, N_r), bool.

        Returns:
            int64 (B, stages, T), stages = shared + N_r in index order; -1 where an expert is not chosen.
        """
        residual, books = z.float(), self.books()
        codes = torch.full((z.shape[0], len(books), z.shape[1]), -1, device=z.device)
        for index, weight in self._sequence(mask.float(), self.scores(z.float())):
            on = weight[:, None] > 0
            chosen = books[index].nearest(residual)
            codes[:, index] = torch.where(on, chosen, codes[:, index])
            residual = residual - torch.where(on[..., None], books[index].code[chosen], 0.0)
        return codes

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """What codes say, of whatever `encode` was given: (B, stages, T) -> (B, T, D)."""
        total = torch.zeros((), device=codes.device)
        for index, book in enumerate(self.books()):
            q = book.code[codes[:, index].clamp_min(0)]
            total = total + torch.where(codes[:, index, :, None] >= 0, q, 0.0)
        return total

    @torch.no_grad()
    def fit_predictor(self, z: Tensor, decoded: Tensor) -> None:
        """Least squares of latents on those before them as the decoder has them: runs (B, L, D)."""
        if self.predictor is not None:
            before, after = decoded[:, :-1].flatten(0, 1), z[:, 1:].flatten(0, 1)
            normal = before.t() @ before
            normal.diagonal().add_(1e-4 * normal.diagonal().mean() + 1e-12)
            self.predictor.weight.copy_(torch.linalg.solve(normal, before.t() @ after).t())

    @torch.no_grad()
    def fit(self, z: Tensor, generator: torch.Generator, iterations: int = 10) -> None:
        """k-means of each codebook on the residual that reaches it: windows of latents or innovations (B, T, D)."""
        n, residual = self.config.routed, z
        for book in self.shared:
            residual = self._fit_stage(book, residual, torch.ones(len(z), dtype=torch.bool), generator, iterations)
        experts = torch.randint(n // 4, n // 2 + 1, (len(z),), generator=generator).to(z.device)
        mask = self.top(self.scores(z), experts).cpu()
        for j, book in enumerate(self.experts):
            residual = self._fit_stage(book, residual, mask[:, j], generator, iterations)

    @staticmethod
    def _fit_stage(
        book: nn.Module, residual: Tensor, on: Tensor, generator: torch.Generator, iterations: int
    ) -> Tensor:
        if not isinstance(book, Codebook):
            raise TypeError("not a codebook")
        rows = residual[on.to(residual.device)]
        if len(rows) == 0:  # an expert that no window chose starts from all of them
            rows = residual
        book.fit(rows.reshape(-1, residual.shape[-1]), iterations, generator)
        quantized = book.code[book.nearest(residual)]
        return torch.where(on.to(residual.device)[:, None, None], residual - quantized, residual)

    @torch.no_grad()
    def maintain(self, gamma: float, dead: float, generator: torch.Generator) -> int:
        """Router protection (DRPS, eq. 4) and dead codes; call every n training steps.

        Args:
            gamma: what a neglected expert's bias gains.
            dead: the dead threshold, as a share of the mean load.

        Returns:
            How many codes were replaced.
        """
        mean = self.load.mean()
        self.bias[self.load < dead * mean] += gamma
        self.bias[self.load > mean] = 0
        self.usage.copy_(self.load / self.windows.clamp_min(1))
        self.load.zero_()
        self.windows.zero_()
        return sum(
            book.replace_dead(*self._seen[index], RARE, generator)
            for index, book in enumerate(self.books())
            if index in self._seen
        )

    def change_basis(self, basis: Tensor, inverse: Tensor) -> None:
        """Quantize latents that come multiplied by `basis` (D, D), float64. Restart the codebooks' averages then."""
        for book in self.books():
            book.code.copy_(book.code.double() @ basis.t())
        self.router.weight.copy_(self.router.weight.double() @ inverse)
        if self.predictor is not None:
            self.predictor.weight.copy_(basis @ self.predictor.weight.double() @ inverse)

    def restart_averages(self, horizon: float) -> None:
        """Codebook averages after loading weights or after `fit`."""
        self.horizon = horizon
        for book in self.books():
            book.restart_averages(horizon)
