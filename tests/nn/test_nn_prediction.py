"""The predictive quantizer: innovations add up again, errors don't, and correlated latents cost fewer bits."""

from __future__ import annotations

import pytest
import torch
from nn_samples import revq

from swc.nn.quantizers.revq import Revq
from swc.training.initialise import fit_codebooks
from swc.training.stages.codebooks import refit

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
    q = revq(D, routed=4, codebook_bits=5, window=T, predictive=predictive).eval()
    z, generator = latents(300, 2 * T, 1), torch.Generator().manual_seed(0)
    q.predictor.fit(z, z + 0.2 * torch.randn(z.shape, generator=generator))
    fit_codebooks(q, q.predictor.innovations(z).reshape(-1, T, D), generator)
    for _ in refit(q, z, torch.full((300, 2), 2), generator, rounds=3):
        pass
    return q


@torch.no_grad()
def coded(q: Revq, z: torch.Tensor, k: int = 2, effort: int = 1) -> torch.Tensor:
    """Latents as the decoder has them."""
    return q.decode(q.encode(z, torch.full((len(z), -(-z.shape[1] // T)), k), T, effort))


@pytest.fixture(scope="module")
def predictive() -> Revq:
    return quantizer(predictive=True)


@torch.no_grad()
def test_latents_are_the_inverse_of_innovations(predictive: Revq) -> None:
    z = latents(5, 20, 2)
    innovations = predictive.predictor.innovations(z)
    assert torch.equal(innovations[:, 0], z[:, 0])
    assert float(innovations.square().mean()) < 0.5 * float(z.square().mean())
    assert torch.allclose(predictive.predictor.latents(innovations), z, atol=1e-4)


@torch.no_grad()
def test_fit_predictor_finds_the_process() -> None:
    q = revq(D, routed=4, codebook_bits=5, window=T, predictive=True)
    z = latents(2000, 2 * T, 3)
    q.predictor.fit(z, z)
    assert torch.allclose(q.predictor(torch.eye(D)), 0.9 * torch.eye(D), atol=0.03)


@pytest.mark.parametrize("effort", [0, 1, 2])
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
    # the experts of a window come from all of it, but later windows change nothing
    assert torch.allclose(coded(predictive, z[:, :T]), together[:, :T], atol=1e-5)


@torch.no_grad()
def test_training_sees_errors_like_those_of_the_loop(predictive: Revq) -> None:
    z = latents(60, 2 * T, 7)
    loop = float((z - coded(predictive, z, effort=0)).square().mean())
    quantized = predictive(z, torch.full((60, 2), 2))
    assert quantized.latents.shape == z.shape
    assert float(quantized.error) == pytest.approx(loop, rel=0.1)
    assert float((z - quantized.latents).square().mean()) == pytest.approx(float(quantized.error), rel=1e-4)


def test_gradients_reach_encoder_and_predictor(predictive: Revq) -> None:
    z = latents(4, 2 * T, 8).requires_grad_()
    quantized = predictive(z, torch.full((4, 2), 2), torch.zeros(4, 2, dtype=torch.bool))  # without the gate of eq. (3)
    quantized.commitment.backward(retain_graph=True)
    assert float(predictive.predictor.weight.grad.norm()) > 0
    z.grad = None
    quantized.latents.sum().backward()
    assert torch.allclose(z.grad, torch.ones_like(z))  # straight through
