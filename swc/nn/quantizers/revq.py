"""Residual Experts Vector Quantization (SwitchCodec, Wang et al., arXiv 2505.24437, section III).

One shared codebook quantizes every latent; a router then picks k_r of N_r expert codebooks for each window. These
quantize the residual in index order, whatever their scores. Equation numbers are the paper's. With `predictive`,
all this happens to innovations (see `swc.nn.quantizers.prediction`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from swc.config import ModelConfig, RevqConfig
from swc.nn.layers.rows import Counts, counted
from swc.nn.quantizers.beam import beam_codes, codes_in_turn
from swc.nn.quantizers.codebook import Codebook
from swc.nn.quantizers.prediction import NoPredictor, Predictor
from swc.nn.quantizers.projected import ProjectedCodebook
from swc.nn.quantizers.quantized import Assigned, Choice, Quantized
from swc.nn.quantizers.residual import ResidualQuantizer
from swc.nn.quantizers.routing import Router
from swc.nn.quantizers.runs import Runs
from swc.nn.quantizers.search import EFFORTS, Effort, dense_greedy_mask, greedy_mask

RARE = 0.05  # codes used less than this share of the mean are moved to poorly served vectors
STRIDE = 3  # in training, every so many latents of a window take part in choosing its experts, as in the encoder


class Revq(ResidualQuantizer):
    """Quantizes runs of latents (B, L, D): one routing mask for each of their windows (B, W)."""

    bias: Tensor

    def __init__(self, config: ModelConfig) -> None:
        sizes, dim = config.quantizer, config.backbone.latent_dim
        if not isinstance(sizes, RevqConfig):
            raise TypeError(f"the quantizer is of kind {sizes.kind!r}, not revq")
        super().__init__(sizes, dim)
        self.shared = nn.ModuleList(_codebook(sizes, dim) for _ in range(sizes.shared))
        self.experts = nn.ModuleList(_codebook(sizes, dim) for _ in range(sizes.routed))
        self.router = Router(dim, sizes.routed)
        self.register_buffer("bias", torch.zeros(sizes.routed))
        self._seen: dict[int, tuple[Tensor, Tensor]] = {}  # the last batch, for replacing dead codes

    def books(self) -> list[Codebook]:
        return [b for group in (self.shared, self.experts) for b in group if isinstance(b, Codebook)]

    def scores(self, z: Tensor, counts: Counts = None) -> Tensor:
        """Affinity of each window to each expert with DRPS's bias, eq. (1) and (5): (B, T, D) -> (B, N_r)."""
        return self.router.affinity(z, counts) + self.bias

    def route(self, z: Tensor, k: Tensor) -> Tensor:
        return Router.top(self.scores(z), k)

    def counters(self) -> dict[str, Tensor]:
        return {name: getattr(self.router, name) for name in ("load", "windows", "usage")}

    def encode(self, z: Tensor, grants: Tensor, window: int, effort: int) -> Tensor:
        """Codes of runs of latents, see `Quantizer`; a grant is the k_r of a window."""
        (codes,) = self.code(self.choose([z], [grants], window, effort), window, effort)
        return codes

    @torch.no_grad()
    def choose(self, runs: Sequence[Tensor], grants: Sequence[Tensor], window: int, effort: int) -> tuple[Runs, Tensor]:
        """The runs together, and the experts of their windows (B, W, N_r), bool; see `Quantizer`."""
        together = Runs(runs, grants)
        # as if quantizing left no error: good enough to choose experts
        target = together.padded([self.predictor.innovations(group) for group in runs])
        mask = torch.zeros(*together.grants.shape, len(self.experts), dtype=torch.bool, device=target.device)
        for run, number, latents in together.windows(window):
            z, k, group = together.z[latents], together.grants[run, number], together.groups(run)
            mask[run, number] = self._mask(z, target[latents], k, EFFORTS[effort], group)
        return together, mask

    @torch.no_grad()
    def code(self, chosen: tuple[Runs, Tensor], window: int, effort: int) -> list[Tensor]:
        """See `Quantizer`."""
        (runs, mask), books, width = chosen, self.books(), EFFORTS[effort].beam
        if isinstance(self.predictor, Predictor):
            return runs.split(codes_in_turn(books, self.predictor, runs, mask, window, width))
        codes = torch.full((len(runs.z), len(books), runs.z.shape[1]), -1, device=mask.device)
        for run, number, latents in runs.windows(window):
            best = beam_codes(books, runs.z[latents], mask[run, number], width, runs.groups(run))
            codes.transpose(1, 2)[latents] = best.transpose(1, 2)
        return runs.split(codes)

    def _mask(self, z: Tensor, target: Tensor, k: Tensor, effort: Effort, group: Tensor | None) -> Tensor:
        """Masks (B, N_r) of windows of latents (B, T, D) with `target` to quantize: by search or by the router."""
        if effort.stride:
            return self.search_mask(target[:, :: effort.stride], k, group=group)
        return Router.top(self.scores(z, counted(group, None, z.shape[1])), k)

    @torch.no_grad()
    def search_mask(self, target: Tensor, k: Tensor, most: int | None = None, group: Tensor | None = None) -> Tensor:
        """Masks (B, N_r) of the experts that leave the least residual of windows of latents or innovations (B, T, D).

        Args:
            target: the vectors to quantize.
            k: k_r of each window (B,).
            most: the largest k_r; if given, nothing waits for a result.
            group: of each window, see `counted` (B,).
        """
        shared, residual, counts = len(self.shared), target, counted(group, None, target.shape[1])
        for book in self.books()[:shared]:
            residual = residual - book.code[book.nearest(residual, counts)]
        experts = self.books()[shared:]
        return (
            greedy_mask(experts, residual, k, group) if most is None else dense_greedy_mask(experts, residual, k, most)
        )

    def forward(self, z: Tensor, k: Tensor, searched: Tensor | None = None, most: int = 0) -> Quantized:
        """Route, quantize and, in training mode, learn the codebooks.

        Args:
            z: runs of latents (B, W * T, D), each of W windows.
            k: k_r of each window (B, W).
            searched: windows whose experts are searched for instead of routed (B, W), bool. If given, the router
                learns by imitating what is found there, and no longer by eq. (3).
            most: the largest k_r of the windows that are searched.
        """
        with torch.autocast(z.device.type, enabled=False):
            z = z.float()
            found = self.assign(z.detach(), k, searched, most)
            windows, imitation = z.reshape(found.quantized.shape), z.new_zeros(())
            straight, codebooks = self._straight(windows, found)
            if searched is None:
                straight = straight + self._gate(self.scores(windows), found.chosen)
            else:
                imitation = self.router.imitation(windows.detach(), found.mask, searched.flatten().float())
            target = self.predictor.innovations(z, found.error).reshape(windows.shape)
            return Quantized(
                latents=z + straight.reshape(z.shape),
                shared_commitment=(target - found.after_shared).square().mean(),
                commitment=(target - found.quantized).square().mean(),
                imitation=imitation,
                codebooks=codebooks,
                error=(found.target - found.quantized).square().mean(),
            )

    def _straight(self, windows: Tensor, found: Assigned) -> tuple[Tensor, Tensor]:
        """What quantizing adds to windows of latents (B, T, D), and the loss of codebooks that learn by gradients."""
        total, loss = torch.zeros_like(windows), windows.new_zeros(())
        if not isinstance(self.books()[0], ProjectedCodebook):
            return found.quantized - found.target, loss
        for choice in found.chosen:
            passed = self.books()[choice.index](windows - total, choice.codes, choice.weight)
            total, loss = total + passed.quantized, loss + passed.loss
        return total - windows, loss

    @torch.no_grad()
    def assign(self, z: Tensor, k: Tensor, searched: Tensor | None, most: int) -> Assigned:
        """All of `forward` that has no gradients, and the learning of the codebooks. Arguments are those of `forward`.

        On a GPU nothing here waits for a result or has a shape that depends on one, so that it can be recorded.
        """
        for book in self.books():
            book.refresh()
        runs, z = z, z.reshape(k.numel(), -1, z.shape[-1])
        target, error = self.predictor.innovations(runs).reshape(z.shape), torch.zeros_like(z)
        experts = Router.top(self.scores(z), k.flatten())
        if searched is not None:
            experts = self._searched(target[:, ::STRIDE], k.flatten(), experts, searched.flatten(), most)
        if not isinstance(self.predictor, NoPredictor):
            # a decoder predicts from latents with errors; these are similar, and computed without a loop
            error = target - self._pass(target, experts.float())[0]
            target = self.predictor.innovations(runs, error.reshape(runs.shape)).reshape(z.shape)
        mask = experts.float()
        quantized, after_shared, chosen = self._pass(target, mask)
        if self.training:
            self._learn(chosen, target - quantized)
            self.router.count(mask)
        return Assigned(mask, error.reshape(runs.shape), target, after_shared, quantized, chosen)

    def _pass(self, target: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, list[Choice]]:
        """Nearest codes of each stage in index order, eq. (2): approximations of windows (B, T, D) by all and by the
        shared ones, and each choice."""
        quantized = after_shared = torch.zeros_like(target)
        chosen: list[Choice] = []
        shared = len(self.shared)
        for index, book in enumerate(self.books()):
            weight = mask[:, index - shared] if index >= shared else torch.ones_like(mask[:, 0])
            codes = book.nearest(target - quantized)
            q = book.code[codes] * weight[:, None, None]
            chosen.append(Choice(index, codes, q, weight))
            quantized = quantized + q
            if index == shared - 1:
                after_shared = quantized
        return quantized, after_shared, chosen

    def _searched(self, target: Tensor, k: Tensor, routed: Tensor, searched: Tensor, most: int) -> Tensor:
        """The masks `routed` (B, N_r), with those of the windows `searched` replaced by the results of a search."""
        if target.is_cuda:
            return torch.where(searched[:, None], self.search_mask(target, k, most), routed)
        mask = routed.clone()
        mask[searched] = self.search_mask(target[searched], k[searched])
        return mask

    def _gate(self, scores: Tensor, chosen: list[Choice]) -> Tensor:
        """Eq. (3), a straight-through mask: nothing but gradients to the scores (B, N_r); (B, T, D)."""
        gate = torch.zeros_like(chosen[0].quantized)
        for choice in chosen[len(self.shared) :]:
            s = scores[:, choice.index - len(self.shared), None, None]
            gate = gate + (s - s.detach()) * choice.quantized
        return gate

    @torch.no_grad()
    def _learn(self, chosen: list[Choice], residual: Tensor) -> None:
        """Each codebook moves towards the residual of all the others: (B, T, D), the residual after the last stage.

        That is one small step down the least squares of `swc.training.stages.codebooks`. A codebook that learns the
        residual of the previous stages, as in plain RVQ, averages over far larger vectors and ignores later stages.
        """
        energy = residual.square().sum(-1).flatten() + 1e-12
        for choice in chosen:
            flat = (choice.quantized + residual).flatten(0, 1)
            rows = choice.weight.repeat_interleave(residual.shape[1])
            self.books()[choice.index].update(flat, choice.codes.flatten(), rows, self.horizon)
            self._seen[choice.index] = (flat, rows * energy)

    @torch.no_grad()
    def maintain(self, gamma: float, dead: float, generator: torch.Generator) -> int:
        """Router protection (DRPS) and dead codes; call every n training steps.

        Args:
            gamma, dead: as `Router.protect`.

        Returns:
            How many codes were replaced.
        """
        self.router.protect(self.bias, gamma, dead)
        return sum(
            book.replace_dead(*self._seen[index], RARE, generator)
            for index, book in enumerate(self.books())
            if index in self._seen
        )


def _codebook(sizes: RevqConfig, dim: int) -> Codebook:
    """A codebook for latents of `dim` numbers."""
    if sizes.codebook_dim:
        return ProjectedCodebook(sizes.codebook_size, dim, sizes.codebook_dim)
    return Codebook(sizes.codebook_size, dim)
