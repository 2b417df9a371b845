"""The predictive quantizer: what it says adds up again, errors don't, and correlated latents cost fewer bits."""

from __future__ import annotations

import pytest
import torch

from swc.config import RevqConfig
from swc.errors import InputError
from swc.nn.revq import Revq
from swc.nn.search import EFFORTS, search
from swc.training.refit import refit

D, T = 6, 8


def latents(runs: int, length: int, seed: int, memory: float = 0.9) -> torch.Tensor:
    """Runs of a first-order autoregressive process of variance 1 (runs, length, D)."""
    generator = torch.Generator().manual_seed(seed)
    z = [torch.randn(runs, D, generator=generator)]
    for _ in range(length - 1):
        z.append(memory * z[-1] + (1 - memory**2) ** 0.5 * torch.randn(runs, D, generator=generator))
    return torch.stack(z, 1)


def quantizer(predictive: bool) -> Revq:
    """A quantizer fitted to such runs."""
    torch.manual_seed(0)
    q = Revq(RevqConfig(shared=1, routed=4, codebook_bits=5, window=T, predictive=predictive), D).eval()
    z, generator = latents(300, 2 * T, 1), torch.Generator().manual_seed(0)
    q.fit_predictor(z, z + 0.2 * torch.randn(z.shape, generator=generator))
    q.fit(q.innovations(z).reshape(-1, T, D), generator)
    for _ in refit(q, z, torch.full((600,), 2), generator, rounds=3):
        pass
    return q


@torch.no_grad()
def coded(q: Revq, z: torch.Tensor, experts: int = 2, effort: int = 1) -> torch.Tensor:
    """Latents as the decoder has them."""
    counts = torch.full((len(z), -(-z.shape[1] // T)), experts)
    return q.latents(q.decode(search(q, z, counts, T, EFFORTS[effort])[1]))


@pytest.fixture(scope="module")
def predictive() -> Revq:
    return quantizer(predictive=True)


@torch.no_grad()
def test_latents_are_the_inverse_of_innovations(predictive: Revq) -> None:
    z = latents(5, 20, 2)
    said = predictive.innovations(z)
    assert torch.equal(said[:, 0], z[:, 0])
    assert float(said.square().mean()) < 0.5 * float(z.square().mean())
    assert torch.allclose(predictive.latents(said), z, atol=1e-4)


@torch.no_grad()
def test_fit_predictor_finds_the_process() -> None:
    q = Revq(RevqConfig(shared=1, routed=4, codebook_bits=5, window=T, predictive=True), D)
    z = latents(2000, 2 * T, 3)
    q.fit_predictor(z, z)
    assert torch.allclose(q.predict(torch.eye(D)), 0.9 * torch.eye(D), atol=0.03)


@pytest.mark.parametrize("effort", list(EFFORTS))
def test_errors_do_not_add_up_over_a_run(predictive: Revq, effort: int) -> None:
    z = latents(60, 12 * T, 4)
    error = (z - coded(predictive, z, effort=effort)).square().mean((0, 2))
    assert float(error[-2 * T :].mean()) < 1.2 * float(error[T : 3 * T].mean())


def test_prediction_leaves_less_of_correlated_latents(predictive: Revq) -> None:
    plain, z = quantizer(predictive=False), latents(60, 4 * T, 5)
    before, now = (float((z - coded(q, z)).square().mean()) for q in (plain, predictive))
    assert now < 0.75 * before


def test_runs_are_coded_by_themselves_and_in_order_of_time(predictive: Revq) -> None:
    z = latents(3, 2 * T + 3, 6)
    together = coded(predictive, z)
    assert together.shape == z.shape
    for i in range(3):
        assert torch.allclose(coded(predictive, z[i : i + 1]), together[i : i + 1], atol=1e-5)
    # the experts of a window come from all of it, but windows behind change nothing
    assert torch.allclose(coded(predictive, z[:, :T]), together[:, :T], atol=1e-5)


@torch.no_grad()
def test_training_sees_errors_like_those_of_the_loop(predictive: Revq) -> None:
    z = latents(60, 2 * T, 7)
    counts = torch.full((60, 2), 2)
    loop = float((z - coded(predictive, z, effort=0)).square().mean())
    quantized = predictive(z, counts.flatten())
    assert quantized.latents.shape == z.shape
    assert float(quantized.error) == pytest.approx(loop, rel=0.1)
    assert float((z - quantized.latents).square().mean()) == pytest.approx(float(quantized.error), rel=1e-4)


def test_gradients_reach_encoder_and_predictor(predictive: Revq) -> None:
    z = latents(4, 2 * T, 8).requires_grad_()
    quantized = predictive(z, torch.full((8,), 2), torch.zeros(8, dtype=torch.bool))  # without the gate of eq. (3)
    quantized.commitment.backward(retain_graph=True)
    assert predictive.predictor is not None
    assert float(predictive.predictor.weight.grad.norm()) > 0
    z.grad = None
    quantized.latents.sum().backward()
    assert torch.allclose(z.grad, torch.ones_like(z))  # straight through


def test_only_index_order_can_be_predictive() -> None:
    with pytest.raises(InputError, match="order"):
        RevqConfig(order="score", predictive=True)
