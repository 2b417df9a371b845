"""Stage "codebooks": all of them are refitted together, with the encoder frozen.

While encoder and codebooks learn side by side, each code lags behind its vectors, and has seen few of them. Afterwards
the codes that a search finds for many latents are taken as given, and all codebooks are solved for at once, repeatedly:
the least squares of additive quantization (Babenko & Lempitsky 2014; Martinez et al. 2018).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from swc.config import Config, RevqConfig, StageConfig
from swc.errors import InputError
from swc.nn.model import CodecModel
from swc.nn.quantizers.beam import beam_codes
from swc.nn.quantizers.residual import ResidualQuantizer
from swc.training.data.batches import draw_k
from swc.training.data.corpus import Corpus
from swc.training.data.recordings import NARROW_HZ
from swc.training.optimization import mixed_precision
from swc.training.parts import parts_of
from swc.training.stages.stage import Outcome, Solver

PART = 64  # windows at a time
STRIDE = 4  # every so many latents of a window take part in choosing its experts
BEAM = 4  # paths of the search for codes
RIDGE = 2.0  # pull of a code to its old place, in vectors
STEPS = 12  # of conjugate gradients a round
RARE = 0.05  # codes used less than this share of the mean are moved to badly served vectors


@dataclass(frozen=True)
class Round(Outcome):
    """One round.

    Attributes:
        found: mean square of the residual after the search for codes.
        solved: the same after solving for the codebooks.
        replaced: rare codes that were moved.
    """

    found: float
    solved: float
    replaced: int

    def __str__(self) -> str:
        return f"error {self.found:.4f} found, {self.solved:.4f} solved, {self.replaced} rare codes replaced"


class CodebooksSolver(Solver):
    """Its steps are rounds."""

    @classmethod
    def check(cls, settings: StageConfig, config: Config, *, first: bool) -> None:
        super().check(settings, config, first=first)
        quantizer = config.model.quantizer
        if isinstance(quantizer, RevqConfig) and quantizer.codebook_dim:
            raise InputError('the stage "codebooks" solves for codes that are latents: codebook_dim must be 0')

    def solve(self, model: CodecModel, corpus: Corpus, generator: torch.Generator) -> Iterator[tuple[int, Outcome]]:
        runs = latents_of(model, corpus, self.config, generator)
        k = draw_k(self.config, len(runs), generator).to(runs.device)
        quantizer = parts_of(model).quantizer
        yield from enumerate(refit(quantizer, runs, k, generator, rounds=self.settings.steps), 1)


@torch.no_grad()
def latents_of(model: CodecModel, corpus: Corpus, config: Config, generator: torch.Generator) -> Tensor:
    """Runs of latents (B, L, D), float16, as long as training crops, from up to `refit_hours` of whole recordings.

    They come in random order. The random gain and the rarity of narrow recordings are those of training.
    """
    encoder, t, length = parts_of(model).encoder, config.training, config.crop
    limit = t.refit_hours * 3600 * config.model.sample_rate
    windows, done = [], 0
    for index in torch.randperm(len(corpus.lengths), generator=generator).tolist():
        gain, keep = torch.rand(2, generator=generator).tolist()
        whole = int(corpus.lengths[index]) // length
        narrow = bool(corpus.bandwidths[index] < NARROW_HZ)
        if whole == 0 or (narrow and keep > t.narrow_weight):
            continue
        if done >= limit:
            break
        audio = corpus.recording(index, t.gain_db[0] + gain * (t.gain_db[1] - t.gain_db[0]))[None, : whole * length]
        with mixed_precision(audio.device):
            z = encoder.encode(audio)
        windows.append(z.reshape(whole, length // config.model.hop, -1).half())
        done += whole * length
    if not windows:  # nothing but recordings shorter than a window
        audio = corpus.crops(PART, length, generator, gain_db=t.gain_db)
        windows.append(encoder.encode(audio).half())
    return torch.cat(windows)


@torch.no_grad()
def refit(
    quantizer: ResidualQuantizer, runs: Tensor, k: Tensor, generator: torch.Generator, *, rounds: int
) -> Iterator[Round]:
    """Search for masks once, then alternate between the search for codes and the least squares for all codebooks.

    The input of a predictive quantizer depends on the errors of the previous latents: those of the previous round are
    used instead.

    Args:
        quantizer: its codebooks are changed.
        runs: latents (B, W * T, D).
        k: k_r of their windows (B, W).
        generator: on the CPU, for the replacement of rare codes.
        rounds: their number.

    Yields:
        The result of each round.
    """

    def windows(error: Tensor | float = 0.0) -> Tensor:
        return quantizer.predictor.innovations(runs.float(), error).reshape(k.numel(), -1, runs.shape[-1])

    target = windows()
    parts = zip(torch.split(target, PART), torch.split(k.flatten(), PART), strict=True)
    mask = torch.cat([quantizer.search_mask(z[:, ::STRIDE], k_part) for z, k_part in parts])
    if quantizer.config.predictive:
        target = windows(_search(quantizer, target, mask, beam=1)[1].reshape(runs.shape))
    for index in range(rounds):
        codes, residual = _search(quantizer, target, mask)
        found = float(residual.square().mean())
        residual = solve_least_squares(quantizer, residual, codes)
        replaced = _replace_rare(quantizer, residual, codes, generator) if index < rounds - 1 else 0
        yield Round(found, float(residual.square().mean()), replaced)
        if index < rounds - 1:
            target = windows(residual.reshape(runs.shape))


def _search(quantizer: ResidualQuantizer, windows: Tensor, mask: Tensor, beam: int = BEAM) -> tuple[Tensor, Tensor]:
    """Codes (B, stages, T) and the residual (B, T, D)."""
    codes, residual = [], []
    for z, on in zip(torch.split(windows, PART), torch.split(mask, PART), strict=True):
        codes.append(beam_codes(quantizer.books(), z, on, beam))
        residual.append(z - quantizer.look_up(codes[-1]))
    return torch.cat(codes), torch.cat(residual)


def solve_least_squares(quantizer: ResidualQuantizer, residual: Tensor, codes: Tensor) -> Tensor:
    """Move all codes to the ridge regression of the vectors on their codes.

    Args:
        quantizer: its codebooks are changed.
        residual: of the vectors after their codes (B, T, D).
        codes: int64 (B, stages, T), -1 where an expert is not chosen.

    Returns:
        The residual with the moved codes (B, T, D).
    """
    books = quantizer.books()
    size, D = books[0].size, residual.shape[-1]
    flat = codes.transpose(1, 2).flatten(0, 1)  # (n, stages)
    unused = len(books) * size  # a row of zeros stands for "not chosen"
    offset = torch.arange(len(books), device=codes.device) * size
    index = torch.where(flat >= 0, flat + offset, unused)
    r = residual.flatten(0, 1)

    def forward(delta: Tensor) -> Tensor:
        return F.embedding_bag(index, delta, mode="sum", padding_idx=unused)

    def transpose(error: Tensor) -> Tensor:
        total = error.new_zeros(unused + 1, D)
        for stage in range(index.shape[1]):
            on = index[:, stage] < unused
            total.index_add_(0, index[on, stage], error[on])
        total[unused] = 0
        return total

    count = torch.bincount(index.flatten(), minlength=unused + 1).to(r)[:, None]
    scale = (count + RIDGE).reciprocal()  # Jacobi
    delta = r.new_zeros(unused + 1, D)
    gradient = transpose(r)
    step = scale * gradient
    power = (gradient * step).sum(0)
    for _ in range(STEPS):
        image = transpose(forward(step)) + RIDGE * step
        length = power / (step * image).sum(0).clamp_min(1e-12)
        delta += length * step
        gradient = gradient - length * image
        following = (gradient * scale * gradient).sum(0)
        step = scale * gradient + (following / power.clamp_min(1e-12)) * step
        power = following
    for book, change in zip(books, torch.split(delta[:unused], size), strict=True):
        book.code += change
    return (r - forward(delta)).reshape(residual.shape)


def _replace_rare(quantizer: ResidualQuantizer, residual: Tensor, codes: Tensor, generator: torch.Generator) -> int:
    """Rare codes become copies of a vector's own code, moved by this vector's whole residual."""
    replaced = 0
    energy = residual.square().sum(-1).flatten().clamp_min(1e-12)  # of silence too, or there is nothing to draw
    flat = residual.flatten(0, 1)
    for stage, book in enumerate(quantizer.books()):
        chosen = codes[:, stage].flatten()
        on = (chosen >= 0).nonzero().flatten()
        count = torch.bincount(chosen[on], minlength=book.size)
        rare = (count < RARE * count.float().mean()).nonzero().flatten()
        if len(rare) == 0 or len(on) < book.size:
            continue
        pick = on[torch.multinomial(energy[on].cpu()[: 1 << 24], len(rare), generator=generator).to(on.device)]
        book.code[rare] = book.code[chosen[pick]] + flat[pick]
        replaced += len(rare)
    return replaced
