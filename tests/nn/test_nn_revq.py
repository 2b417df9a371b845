"""REVQ against the paper's equations, and its codebooks' learning."""

from __future__ import annotations

import copy

import pytest
import torch
from nn_samples import revq

from swc.nn.quantizers.beam import beam_codes
from swc.nn.quantizers.codebook import Codebook
from swc.nn.quantizers.revq import Revq
from swc.nn.quantizers.routing import Router

D = 8


@pytest.fixture
def quantizer() -> Revq:
    torch.manual_seed(0)
    q = revq(D, routed=6, codebook_bits=5, window=10)
    for i, book in enumerate(q.books()):
        book.code.normal_(std=0.8**i)
    q.restart_averages(20.0)
    return q


def latents(n: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(n, 10, D, generator=torch.Generator().manual_seed(seed))


def test_scores_are_the_mean_affinity_plus_bias(quantizer: Revq) -> None:
    z = latents(3)
    quantizer.bias.copy_(torch.arange(6.0))
    expected = torch.stack([(w @ quantizer.router.weight.t()).mean(0) for w in z]) + torch.arange(6.0)
    assert torch.allclose(quantizer.scores(z), expected, atol=1e-6)
    assert quantizer.router.bias is None


def test_mask_has_exactly_k_of_the_highest(quantizer: Revq) -> None:
    scores = torch.tensor([[0.1, 0.9, 0.5, 0.7, 0.2, 0.0]] * 7)
    mask = Router.top(scores, torch.arange(7))
    assert mask.sum(1).tolist() == list(range(7))
    assert mask[3].tolist() == [False, True, True, True, False, False]


def test_training_pass_equals_the_coding_path(quantizer: Revq) -> None:
    quantizer.eval()
    z, k = latents(4), torch.tensor([0, 2, 4, 6])
    coded = quantizer.decode(quantizer.encode(z, k[:, None], window=10, effort=0))
    assert torch.allclose(quantizer(z, k[:, None]).latents, coded, atol=1e-5)


def test_straight_through_gradients_reach_latents_and_router(quantizer: Revq) -> None:
    z = latents(4).requires_grad_()
    quantizer(z, torch.full((4, 1), 3)).latents.square().sum().backward()
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()
    gradient = quantizer.router.weight.grad
    assert gradient is not None
    assert float(gradient.abs().sum()) > 0


def test_drps_lifts_the_neglected_and_resets_the_busy(quantizer: Revq) -> None:
    quantizer.bias.fill_(0.5)
    quantizer.router.load.copy_(torch.tensor([0.0, 0.5, 9.0, 20.0, 10.0, 10.0]))  # mean 8.25, dead below 0.825
    quantizer.maintain(0.01, 0.1, torch.Generator())
    assert torch.allclose(quantizer.bias, torch.tensor([0.51, 0.51, 0.0, 0.0, 0.0, 0.0]))
    assert float(quantizer.router.load.sum()) == 0


def test_a_codebook_learns_what_all_others_leave_it(quantizer: Revq) -> None:
    z, k = latents(30), torch.full((30,), 3)
    mask = Router.top(quantizer.scores(z), k)
    codes = beam_codes(quantizer.books(), z, mask, 1)
    residual = z - quantizer.look_up(codes)
    quantizer.restart_averages(20.0)
    expected = copy.deepcopy(quantizer).books()
    for stage, book in enumerate(expected):
        on = codes[:, stage] >= 0
        chosen = codes[:, stage].clamp_min(0)
        target = residual + torch.where(on[..., None], book.code[chosen], 0.0)
        book.update(target.flatten(0, 1), chosen.flatten(), on.float().flatten(), 20.0)
    quantizer.train()
    quantizer(z, k[:, None])
    for book, wanted in zip(quantizer.books(), expected, strict=True):
        assert torch.allclose(book.code, wanted.code, atol=1e-5)


@pytest.mark.parametrize("inference", [False, True])
def test_squares_are_those_of_the_codes_after_every_change(inference: bool) -> None:
    with torch.inference_mode(inference):  # as where a model is loaded in it
        book = Codebook(4, 3).eval()
        for change in (book.code.normal_, book.code.zero_, lambda: book.code.add_(1.0), book.double, book.float):
            change()
            assert torch.equal(book.energy, book.code.square().sum(1))
            assert torch.equal(book.energy, book.code.square().sum(1))
        book.code = torch.ones(4, 3)
        assert torch.equal(book.energy, torch.full((4,), 3.0))
        book.train().code.data.add_(1.0)  # as recorded graphs do, without another version
        assert torch.equal(book.eval().energy, torch.full((4,), 12.0))


def test_codebook_average_moves_to_the_mean_of_its_vectors() -> None:
    book = Codebook(2, 1)
    book.code.copy_(torch.tensor([[-1.0], [1.0]]))
    book.restart_averages(5.0)
    z = torch.tensor([[-3.0], [-3.0], [2.0], [2.0]])
    for _ in range(100):
        book.update(z, book.nearest(z), torch.ones(4), 5.0)
    assert torch.allclose(book.code, torch.tensor([[-3.0], [2.0]]), atol=1e-3)


def test_unselected_windows_do_not_teach_a_codebook() -> None:
    book = Codebook(2, 1)
    book.code.copy_(torch.tensor([[-1.0], [1.0]]))
    book.restart_averages(5.0)
    z = torch.tensor([[-9.0], [9.0]])
    book.update(z, book.nearest(z), torch.zeros(2), 5.0)
    assert torch.allclose(book.code, torch.tensor([[-1.0], [1.0]]))


def test_horizon_counts_vectors_not_batches() -> None:
    books = [Codebook(2, 1) for _ in range(2)]
    z = torch.randn(64, 1, generator=torch.Generator().manual_seed(0)).sign() * 2
    for book, parts in zip(books, (1, 64), strict=True):
        book.code.copy_(torch.tensor([[-1.0], [1.0]]))
        book.restart_averages(40.0)
        for part in z.chunk(parts):
            book.update(part, book.nearest(part), torch.ones(len(part)), 40.0)
    assert torch.allclose(books[0].code, books[1].code, atol=0.02)
    assert float(books[0].code[1]) > 1.4


def test_dead_codes_are_replaced_by_vectors_of_the_batch() -> None:
    book = Codebook(4, 1)
    book.code.copy_(torch.tensor([[0.0], [1.0], [100.0], [200.0]]))
    book.restart_averages(10.0)
    z = torch.rand(50, 1, generator=torch.Generator().manual_seed(0))
    for _ in range(60):
        book.update(z, book.nearest(z), torch.ones(50), 10.0)
    assert book.replace_dead(z, torch.ones(50), 0.02, torch.Generator().manual_seed(0)) == 2
    assert float(book.code.max()) <= 1


def test_codes_that_fall_out_of_use_are_noticed_before_their_average_fades() -> None:
    book = Codebook(4, 1)
    book.code.copy_(torch.tensor([[0.0], [1.0], [2.0], [3.0]]))
    book.restart_averages(300.0)
    z = torch.tensor([[0.0], [1.0]]).repeat(60, 1)
    book.update(z, book.nearest(z), torch.ones(120), 300.0)
    assert float(book.count.min()) > 0.8 * float(book.count.mean())  # nothing to see here yet
    for _ in range(2):
        book.update(z, book.nearest(z), torch.ones(120), 300.0)
    assert book.replace_dead(z, torch.ones(120), 0.05, torch.Generator().manual_seed(0)) == 2
    assert float(book.code.max()) <= 1
    assert book.replace_dead(z, torch.ones(120), 0.05, torch.Generator().manual_seed(0)) == 0  # they get their chance


def test_perplexity() -> None:
    book = Codebook(8, 1)
    book.restart_averages(3.0)
    assert book.perplexity() == pytest.approx(8, rel=1e-3)
    book.count[4:] = 0
    assert book.perplexity() == pytest.approx(4, rel=1e-3)


def test_searched_windows_leave_less_residual_than_routed_ones(quantizer: Revq) -> None:
    quantizer.eval()
    z, k = latents(12), torch.full((12, 1), 2)
    routed = quantizer(z, k).error
    searched = quantizer(z, k, torch.ones(12, 1, dtype=torch.bool)).error
    assert float(searched) < float(routed)


def test_the_router_learns_what_the_search_finds(quantizer: Revq) -> None:
    quantizer.eval()
    z = latents(64) + torch.randn(64, 1, D, generator=torch.Generator().manual_seed(3))
    k, everyone = torch.full((64,), 2), torch.ones(64, 1, dtype=torch.bool)
    found = quantizer.search_mask(z[:, ::2], k)

    def agreement() -> float:
        return float((Router.top(quantizer.scores(z), k) & found).sum() / found.sum())

    before = agreement()
    optimizer = torch.optim.Adam(quantizer.router.parameters(), 0.05)
    for _ in range(100):
        optimizer.zero_grad()
        quantizer(z, k[:, None], everyone).imitation.backward()
        optimizer.step()
    assert agreement() > before + 0.1


def test_beside_a_search_the_router_gets_no_straight_through_gradient(quantizer: Revq) -> None:
    z, k = latents(4).requires_grad_(), torch.full((4, 1), 2)
    quantizer(z, k, torch.tensor([[True], [True], [False], [False]])).latents.square().sum().backward()
    assert quantizer.router.weight.grad is None or not quantizer.router.weight.grad.any()
    quantizer(z, k).latents.square().sum().backward()
    assert quantizer.router.weight.grad is not None
    assert bool(quantizer.router.weight.grad.any())


@pytest.mark.parametrize("predictive", [False, True])
def test_tensors_that_change_what_codes_mean_are_declared(predictive: bool) -> None:
    torch.manual_seed(0)
    q = revq(D, routed=3, codebook_bits=3, predictive=predictive).eval()
    with torch.no_grad():
        for tensor in q.state_dict().values():
            tensor.normal_()
        codes = torch.randint(0, 8, (2, 4, 6))
        before = q.decode(codes)
        for name, tensor in q.state_dict().items():
            kept = tensor.clone()
            tensor += 1
            meaning = not torch.equal(q.decode(codes), before)
            tensor.copy_(kept)
            assert meaning == name.startswith(q.config.semantic_tensors), name
