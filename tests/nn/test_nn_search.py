"""Encoder-side search: never worse than the plain path, exact where everything can be tried."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from swc.config import RevqConfig
from swc.nn.revq import Revq
from swc.nn.search import EFFORTS, beam_codes, dense_greedy_mask, greedy_mask, search

D = 6


@pytest.fixture
def quantizer() -> Revq:
    generator = torch.Generator().manual_seed(3)
    q = Revq(RevqConfig(shared=1, routed=5, codebook_bits=3, window=4), D)
    for i, book in enumerate(q.books()):
        book.code.copy_(torch.randn(8, D, generator=generator) * 0.8**i)
    return q


def latents(n: int = 5) -> torch.Tensor:
    return torch.randn(n, 4, D, generator=torch.Generator().manual_seed(1))


def errors(q: Revq, z: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    return (z - q.decode(codes)).square().sum(-1)


def test_width_one_is_the_nearest_code_of_each_stage(quantizer: Revq) -> None:
    z = latents()
    mask = torch.rand(5, 5, generator=torch.Generator().manual_seed(2)) < 0.5
    assert torch.equal(beam_codes(quantizer, z, mask, 1), quantizer.encode(z, mask))


def test_a_beam_as_wide_as_the_tree_finds_the_optimum(quantizer: Revq) -> None:
    z, mask = latents(2), torch.tensor([[False, True, False, False, False], [False, False, False, True, False]])
    found = errors(quantizer, z, beam_codes(quantizer, z, mask, 8))
    for window, expert in ((0, 1), (1, 3)):
        books = quantizer.books()
        sums = torch.stack([books[0].code[a] + books[1 + expert].code[b] for a, b in product(range(8), range(8))])
        optimum = torch.cdist(z[window], sums).square().amin(1)
        assert torch.allclose(found[window], optimum, atol=1e-5)


def test_wider_beams_do_not_lose(quantizer: Revq) -> None:
    z, mask = latents(40), torch.ones(40, 5, dtype=torch.bool)
    means = [float(errors(quantizer, z, beam_codes(quantizer, z, mask, w)).mean()) for w in (1, 2, 4, 8)]
    assert means == sorted(means, reverse=True)
    assert means[-1] < 0.9 * means[0]


def test_codes_hold_minus_one_where_no_expert_is_chosen(quantizer: Revq) -> None:
    mask = torch.tensor([[True, False, True, False, False]] * 5)
    codes = beam_codes(quantizer, latents(), mask, 4)
    assert codes.shape == (5, 6, 4)
    assert (codes[:, [0, 1, 3]] >= 0).all()
    assert (codes[:, [2, 4, 5]] == -1).all()


def test_greedy_takes_as_many_experts_as_asked_and_the_best_first(quantizer: Revq) -> None:
    z, k = latents(6), torch.tensor([0, 1, 2, 3, 4, 5])
    mask = greedy_mask(quantizer, z, k)
    assert mask.sum(1).tolist() == k.tolist()
    first = quantizer.books()[0]
    residual = z[1] - first.code[first.nearest(z[1])]
    left = [float((residual - book.code[book.nearest(residual)]).square().sum()) for book in quantizer.books()[1:]]
    assert mask[1].nonzero().item() == min(range(5), key=left.__getitem__)


def test_greedy_masks_of_all_experts_at_once_are_the_same(quantizer: Revq) -> None:
    z, k = latents(60), torch.randint(0, 5, (60,), generator=torch.Generator().manual_seed(2))
    mask = dense_greedy_mask(quantizer, z, k, 4)
    assert mask.sum(1).tolist() == k.tolist()
    assert torch.equal(mask, greedy_mask(quantizer, z, k))
    assert greedy_mask(quantizer, z[:0], k[:0]).shape == (0, 5)


def test_greedy_masks_leave_less_than_random_ones(quantizer: Revq) -> None:
    z, k = latents(50), torch.full((50,), 2)
    greedy = errors(quantizer, z, quantizer.encode(z, greedy_mask(quantizer, z, k))).mean()
    scores = torch.rand(50, 5, generator=torch.Generator().manual_seed(5))
    random = errors(quantizer, z, quantizer.encode(z, Revq.top(scores, k))).mean()
    assert float(greedy) < 0.95 * float(random)


def test_efforts_are_the_router_then_some_latents_then_all(quantizer: Revq) -> None:
    z, experts = latents(40), torch.full((40,), 2)
    found = {level: search(quantizer, z, experts[:, None], z.shape[1], effort) for level, effort in EFFORTS.items()}
    masks = {level: mask[:, 0] for level, (mask, _) in found.items()}
    assert torch.equal(masks[0], quantizer.top(quantizer.scores(z), experts))
    assert torch.equal(found[0][1], quantizer.encode(z, masks[0]))
    assert torch.equal(masks[1], greedy_mask(quantizer, z[:, ::3], experts))
    assert torch.equal(masks[2], greedy_mask(quantizer, z, experts))
    left = [float(errors(quantizer, z, codes).sum()) for _, codes in found.values()]
    assert left == sorted(left, reverse=True)
    assert left[2] < left[0]
