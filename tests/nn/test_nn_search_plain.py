"""The search finds what a plain one finds, which tries everything, one latent at a time."""

from __future__ import annotations

import pytest
import torch
from nn_samples import revq
from torch import Tensor

from swc.nn.quantizers.beam import beam_codes, codes_in_turn, smallest
from swc.nn.quantizers.prediction import Predictor
from swc.nn.quantizers.revq import Revq
from swc.nn.quantizers.runs import Runs

pytestmark = pytest.mark.usefixtures("each_way")
D, WINDOW = 6, 4


@pytest.fixture
def quantizer() -> Revq:
    generator = torch.Generator().manual_seed(7)
    q = revq(D, routed=5, codebook_bits=4, window=WINDOW, predictive=True)
    for i, book in enumerate(q.books()):
        book.code.copy_(torch.randn(16, D, generator=generator) * 0.9**i)
    return q.requires_grad_(False)


def numbers(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def plain_beam(q: Revq, z: Tensor, mask: Tensor, width: int) -> list[int]:
    """Codes of a latent (D,), of every codebook: all continuations of all paths, sorted."""
    paths = [(0.0, list[int](), z.double())]
    for index, book in enumerate(q.books()):
        if index and not mask[index - 1]:
            paths = [(energy, [*codes, -1], left) for energy, codes, left in paths]
            continue
        longer = [
            (float((left - code).square().sum()), [*codes, number], left - code)
            for _, codes, left in paths
            for number, code in enumerate(book.code.double())
        ]
        paths = sorted(longer, key=lambda path: path[0])[:width]
    return paths[0][1]


def plain_greedy(q: Revq, target: Tensor, k: int) -> Tensor:
    """The mask of a window of latents (T, D): one expert after the other, each the best of all."""

    def left(residual: Tensor, book: int) -> Tensor:
        code = q.books()[book].code
        return residual - code[torch.cdist(residual, code).argmin(1)]

    residual, mask = left(target, 0), torch.zeros(5, dtype=torch.bool)
    for _ in range(k):
        energy = [float(left(residual, 1 + e).square().sum()) if not mask[e] else torch.inf for e in range(5)]
        best = min(range(5), key=energy.__getitem__)
        mask[best], residual = True, left(residual, 1 + best)
    return mask


@pytest.mark.parametrize("width", [1, 3, 8, 16, 40])
def test_the_beam_in_turn(quantizer: Revq, width: int) -> None:
    assert isinstance(quantizer.predictor, Predictor)
    lengths = [11, 11, 8, 6, 1]
    runs = [numbers(1, length, D, seed=length + i) * 2 for i, length in enumerate(lengths)]
    mask = torch.rand(len(runs), 3, 5, generator=torch.Generator().manual_seed(2)) < 0.6
    codes = codes_in_turn(
        quantizer.books(), quantizer.predictor, Runs(runs, [torch.zeros(1, 3)] * len(runs)), mask, WINDOW, width
    )
    for run, z in enumerate(runs):
        before = torch.zeros(D)
        for t, latent in enumerate(z[0]):
            expected = plain_beam(
                quantizer, latent - quantizer.predictor(before), mask[run, t // WINDOW], min(width, 16)
            )
            assert codes[run, :, t].tolist() == expected
            before = quantizer.predictor(before) + quantizer.look_up(codes[run : run + 1, :, t : t + 1])[0, 0]
        assert (codes[run, :, z.shape[1] :] == -1).all()


@pytest.mark.parametrize("width", [1, 5])
def test_the_beam_of_windows(quantizer: Revq, width: int) -> None:
    z, mask = numbers(7, 3, D, seed=5), torch.rand(7, 5, generator=torch.Generator().manual_seed(3)) < 0.5
    codes = beam_codes(quantizer.books(), z, mask, width)
    for window in range(7):
        found = codes[window].t().tolist()
        assert found == [plain_beam(quantizer, latent, mask[window], width) for latent in z[window]]


def test_experts(quantizer: Revq) -> None:
    target, k = numbers(12, 5, D, seed=9) * 2, torch.arange(12) % 5
    mask = quantizer.search_mask(target, k)
    assert mask.tolist() == [plain_greedy(quantizer, t, int(n)).tolist() for t, n in zip(target, k, strict=True)]


@pytest.mark.parametrize(("paths", "size", "width"), [(1, 50, 8), (8, 50, 8), (8, 5, 8), (3, 100, 7)])
def test_the_smallest_of_all_come_in_order(paths: int, size: int, width: int) -> None:
    distance = numbers(20, paths, size, seed=1)
    assert torch.equal(smallest(distance, width), distance.flatten(1).argsort(1)[:, :width])
