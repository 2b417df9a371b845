"""Encoder-side search: never worse than the plain path, exact where everything can be tried."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from nn_samples import revq

from swc.nn.quantizers.beam import beam_codes
from swc.nn.quantizers.revq import Revq
from swc.nn.quantizers.routing import Router
from swc.nn.quantizers.search import EFFORTS

pytestmark = pytest.mark.usefixtures("each_way")
D = 6


@pytest.fixture
def quantizer() -> Revq:
    generator = torch.Generator().manual_seed(3)
    q = revq(D, routed=5, codebook_bits=3, window=4)
    for i, book in enumerate(q.books()):
        book.code.copy_(torch.randn(8, D, generator=generator) * 0.8**i)
    return q


def latents(n: int = 5) -> torch.Tensor:
    return torch.randn(n, 4, D, generator=torch.Generator().manual_seed(1))


def errors(q: Revq, z: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    return (z - q.look_up(codes)).square().sum(-1)


def test_width_one_is_the_nearest_code_of_each_stage_in_index_order(quantizer: Revq) -> None:
    z = latents()
    mask = torch.rand(5, 5, generator=torch.Generator().manual_seed(2)) < 0.5
    codes = beam_codes(quantizer.books(), z, mask, 1)
    assert codes.shape == (5, 6, 4)
    for window, chosen in enumerate(mask):
        residual = z[window]
        for stage, book in enumerate(quantizer.books()):
            if stage == 0 or chosen[stage - 1]:
                nearest = torch.cdist(residual, book.code).argmin(1)
                assert torch.equal(codes[window, stage], nearest)
                residual = residual - book.code[nearest]
            else:
                assert (codes[window, stage] == -1).all()
        assert torch.allclose(z[window] - quantizer.look_up(codes)[window], residual, atol=1e-6)


def test_a_beam_as_wide_as_the_tree_finds_the_optimum(quantizer: Revq) -> None:
    z, mask = latents(2), torch.tensor([[False, True, False, False, False], [False, False, False, True, False]])
    found = errors(quantizer, z, beam_codes(quantizer.books(), z, mask, 8))
    for window, expert in ((0, 1), (1, 3)):
        books = quantizer.books()
        sums = torch.stack([books[0].code[a] + books[1 + expert].code[b] for a, b in product(range(8), range(8))])
        optimum = torch.cdist(z[window], sums).square().amin(1)
        assert torch.allclose(found[window], optimum, atol=1e-5)


def test_wider_beams_do_not_lose(quantizer: Revq) -> None:
    z, mask = latents(40), torch.ones(40, 5, dtype=torch.bool)
    means = [float(errors(quantizer, z, beam_codes(quantizer.books(), z, mask, w)).mean()) for w in (1, 2, 4, 8)]
    assert means == sorted(means, reverse=True)
    assert means[-1] < 0.9 * means[0]


def test_codes_hold_minus_one_where_no_expert_is_chosen(quantizer: Revq) -> None:
    mask = torch.tensor([[True, False, True, False, False]] * 5)
    codes = beam_codes(quantizer.books(), latents(), mask, 4)
    assert codes.shape == (5, 6, 4)
    assert (codes[:, [0, 1, 3]] >= 0).all()
    assert (codes[:, [2, 4, 5]] == -1).all()


def test_greedy_takes_as_many_experts_as_asked_and_the_best_first(quantizer: Revq) -> None:
    z, k = latents(6), torch.tensor([0, 1, 2, 3, 4, 5])
    mask = quantizer.search_mask(z, k)
    assert mask.sum(1).tolist() == k.tolist()
    first = quantizer.books()[0]
    residual = z[1] - first.code[first.nearest(z[1])]
    left = [float((residual - book.code[book.nearest(residual)]).square().sum()) for book in quantizer.books()[1:]]
    assert mask[1].nonzero().item() == min(range(5), key=left.__getitem__)


def test_greedy_masks_of_all_experts_at_once_are_the_same(quantizer: Revq) -> None:
    z, k = latents(60), torch.randint(0, 5, (60,), generator=torch.Generator().manual_seed(2))
    mask = quantizer.search_mask(z, k, 4)
    assert mask.sum(1).tolist() == k.tolist()
    assert torch.equal(mask, quantizer.search_mask(z, k))
    assert quantizer.search_mask(z[:0], k[:0]).shape == (0, 5)


def test_greedy_masks_leave_less_than_random_ones(quantizer: Revq) -> None:
    z, k = latents(50), torch.full((50,), 2)
    scores = torch.rand(50, 5, generator=torch.Generator().manual_seed(5))
    greedy, random = (
        float(errors(quantizer, z, beam_codes(quantizer.books(), z, mask, 1)).mean())
        for mask in (quantizer.search_mask(z, k), Router.top(scores, k))
    )
    assert greedy < 0.95 * random


def test_efforts_are_the_router_then_some_latents_then_all(quantizer: Revq) -> None:
    z, k = latents(40), torch.full((40,), 2)
    found = [quantizer.encode(z, k[:, None], z.shape[1], effort) for effort in range(len(EFFORTS))]
    masks = [codes[:, 1:, 0] >= 0 for codes in found]
    assert torch.equal(masks[0], Router.top(quantizer.scores(z), k))
    assert torch.equal(found[0], beam_codes(quantizer.books(), z, masks[0], 1))
    assert torch.equal(masks[1], quantizer.search_mask(z[:, ::3], k))
    assert torch.equal(masks[2], quantizer.search_mask(z, k))
    left = [float(errors(quantizer, z, codes).sum()) for codes in found]
    assert left == sorted(left, reverse=True)
    assert left[2] < left[0]
