"""Codebooks between projections, as in DAC: what is nearest, what learns, and what a bundle holds."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from nn_samples import revq

from swc.nn.quantizers.projected import ProjectedCodebook
from swc.nn.quantizers.revq import Revq
from swc.training.initialise import fit_codebooks

pytestmark = pytest.mark.usefixtures("each_way")
D, INNER, T = 24, 4, 10


def latents(n: int, seed: int = 1) -> torch.Tensor:
    """Windows of latents that lie near a few directions."""
    generator = torch.Generator().manual_seed(seed)
    basis = torch.randn(8, D, generator=torch.Generator().manual_seed(0))
    return torch.randn(n, T, 8, generator=generator) @ basis + 0.1 * torch.randn(n, T, D, generator=generator)


@pytest.fixture
def quantizer() -> Revq:
    torch.manual_seed(0)
    q = revq(D, routed=4, codebook_bits=5, window=T, codebook_dim=INNER)
    fit_codebooks(q, latents(200), torch.Generator().manual_seed(0))
    q.restart_averages(20.0)
    return q


def test_the_nearest_code_is_that_of_the_nearest_direction() -> None:
    torch.manual_seed(0)
    book, z = ProjectedCodebook(32, D, INNER), latents(5)
    cosine = F.normalize(book.inward(z), dim=-1) @ F.normalize(book.entry, dim=-1).t()
    assert torch.equal(book.nearest(z), cosine.argmax(-1))


def test_training_pass_equals_the_coding_path(quantizer: Revq) -> None:
    quantizer.eval()
    z, k = latents(4, 2), torch.tensor([0, 1, 2, 4])
    coded = quantizer.decode(quantizer.encode(z, k[:, None], window=T, effort=0))
    assert torch.allclose(quantizer(z, k[:, None]).latents, coded, atol=1e-4)


def test_the_start_leaves_less_with_every_codebook_and_a_search_less_still(quantizer: Revq) -> None:
    quantizer.eval()
    z = latents(50, 3)
    errors = [
        [
            float((z - quantizer.decode(quantizer.encode(z, torch.full((50, 1), k), T, effort))).square().mean())
            for k in (0, 2, 4)
        ]
        for effort in (0, 1)
    ]
    assert errors[0] == sorted(errors[0], reverse=True)
    assert errors[0][-1] < 0.5 * float(z.square().mean())
    assert all(searched < nearest for nearest, searched in zip(*errors, strict=True))


def test_gradients_reach_latents_codes_and_projections(quantizer: Revq) -> None:
    z = latents(6, 4).requires_grad_()
    quantized = quantizer(z, torch.full((6, 1), 4))
    (quantized.latents.square().mean() + quantized.codebooks).backward()
    assert float(z.grad.norm()) > 0
    for book in quantizer.books():
        for parameter in (book.entry, book.inward.weight, book.outward.weight):
            assert float(parameter.grad.norm()) > 0


def test_codes_of_experts_that_no_window_chose_do_not_move(quantizer: Revq) -> None:
    quantizer(latents(6, 4), torch.zeros(6, 1).long()).codebooks.backward()
    assert float(quantizer.books()[0].entry.grad.norm()) > 0
    assert all(float(book.entry.grad.norm()) == 0 for book in quantizer.books()[1:])


def test_steps_on_its_loss_lower_the_error(quantizer: Revq) -> None:
    optimizer = torch.optim.Adam([p for book in quantizer.books() for p in book.parameters()], 3e-3)
    z, k = latents(60, 5), torch.full((60, 1), 3)
    before = float(quantizer(z, k).error)
    for _ in range(15):
        quantized = quantizer(z, k)
        optimizer.zero_grad()
        ((quantized.latents - z).square().mean() + quantized.codebooks).backward()
        optimizer.step()
    assert float(quantizer(z, k).error) < before


def test_what_codes_say_is_not_stored_but_made_when_loaded(quantizer: Revq) -> None:
    state = quantizer.state_dict()
    assert state["shared.0.entry"].shape == (32, INNER)
    assert not any(name.endswith(".code") for name in state)
    other = revq(D, routed=4, codebook_bits=5, window=T, codebook_dim=INNER)
    other.load_state_dict(state)
    for mine, theirs in zip(quantizer.books(), other.books(), strict=True):
        assert torch.allclose(theirs.code, mine.outward(mine.entry))


@torch.no_grad()
def test_dead_codes_are_put_where_vectors_are(quantizer: Revq) -> None:
    book, z = quantizer.books()[0], latents(3).flatten(0, 1)
    book.recent.fill_(1.0)
    book.recent[7] = 0.0
    assert book.replace_dead(z, torch.ones(len(z)), 0.05, torch.Generator().manual_seed(0)) == 1
    near = (book.inward(z) - book.entry[7]).square().sum(-1).min()
    assert float(near) < 1e-9
    assert torch.allclose(book.code[7], book.outward(book.entry[7]))
