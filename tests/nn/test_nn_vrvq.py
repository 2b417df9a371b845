"""VRVQ against the paper's equations: the surrogate of the hard step, and which codebooks a latent uses at a level."""

from __future__ import annotations

import math

import pytest
import torch

from swc.config import ModelConfig, SpectralConfig, VrvqConfig
from swc.nn.quantizers.vrvq import Vrvq, hard_step, smooth_step

pytestmark = pytest.mark.usefixtures("each_way")
D, BOOKS, WINDOW = 8, 5, 4


def vrvq(predictive: bool) -> Vrvq:
    torch.manual_seed(0)
    sizes = VrvqConfig(codebooks=BOOKS, codebook_bits=4, window=WINDOW, predictive=predictive, dim=8, blocks=1)
    q = Vrvq(ModelConfig("test", SpectralConfig(latent_dim=D), sizes)).eval()
    for index, book in enumerate(q.books()):
        book.code.normal_(std=0.7**index)
    with torch.no_grad():
        q.importance.project.weight.mul_(6)
    if predictive:
        q.predictor.weight.data = 0.5 * torch.eye(D)
    return q


@pytest.fixture(params=[False, True], ids=["plain", "predictive"])
def quantizer(request: pytest.FixtureRequest) -> Vrvq:
    return vrvq(request.param)


def latents(runs: int = 3, length: int = 10, seed: int = 1) -> torch.Tensor:
    return torch.randn(runs, length, D, generator=torch.Generator().manual_seed(seed))


def depths(codes: torch.Tensor) -> torch.Tensor:
    return (codes >= 0).sum(1)


@pytest.mark.parametrize("a", [0.5, 2.0, 7.0])
def test_the_surrogate_is_the_papers(a: float) -> None:
    for x in (-3.0, -0.6, -0.2, 0.0, 0.3, 0.5, 1.4):
        expected = 0.5 + math.log(math.cosh(a * (x + 0.5)) / math.cosh(a * (x - 0.5))) / (2 * a)
        assert float(smooth_step(torch.tensor(x), a)) == pytest.approx(expected, abs=1e-5)
    far = smooth_step(torch.tensor([-1e4, 1e4]), a)
    assert torch.allclose(far, torch.tensor([0.0, 1.0]))


def test_the_hard_step_has_the_gradient_of_the_surrogate() -> None:
    x = torch.linspace(-2, 2, 41).requires_grad_()
    value = hard_step(x, 2.0)
    assert torch.equal(value.detach(), (x >= 0).float())
    (gradient,) = torch.autograd.grad(value.sum(), x)
    slope = 0.5 * (torch.tanh(2 * (x + 0.5)) - torch.tanh(2 * (x - 0.5)))
    assert torch.allclose(gradient, slope, atol=1e-6)


def test_a_level_gives_the_depths_of_the_papers_mask(quantizer: Vrvq) -> None:
    z = latents()
    p, thresholds = quantizer.importance(z), quantizer.thresholds(z)
    for level in (0.0, 0.3, 1.0, 2.5):
        mask = torch.stack([level * BOOKS * p - k >= 0 for k in range(BOOKS)], 2)
        assert torch.equal(1 + (thresholds <= level).sum(2), mask.sum(2))


@pytest.mark.parametrize("effort", [0, 1])
def test_windows_take_what_they_are_granted_where_it_is_most_important(quantizer: Vrvq, effort: int) -> None:
    z, grants = latents(), torch.tensor([[0, 3, 1], [16, 7, 8], [5, 5, 2]])
    codes = quantizer.encode(z, grants, WINDOW, effort)
    found, thresholds = depths(codes), quantizer.thresholds(z)
    assert codes.shape == (3, BOOKS, 10)
    assert torch.equal(codes >= 0, torch.arange(BOOKS)[:, None] < found[:, None])
    for number, window in enumerate(torch.split(found, WINDOW, 1)):
        assert torch.equal((window - 1).sum(1), grants[:, number])
    for run, latent in ((0, 5), (1, 6), (2, 1)):  # what was taken has lower thresholds than what was not
        window = slice(latent // WINDOW * WINDOW, latent // WINDOW * WINDOW + WINDOW)
        taken = torch.arange(1, BOOKS) < found[run, window, None]
        t = thresholds[run, window]
        assert t[taken].max() <= t[~taken].min()


def test_depths_of_a_level_come_back_from_their_sums(quantizer: Vrvq) -> None:
    z = latents(length=12)
    wanted = 1 + (quantizer.thresholds(z) <= 1.1).sum(2)
    assert 1 < float(wanted.float().mean()) < BOOKS
    grants = torch.stack([(window - 1).sum(1) for window in torch.split(wanted, WINDOW, 1)], 1)
    assert torch.equal(depths(quantizer.encode(z, grants, WINDOW, 0)), wanted)


def test_training_pass_equals_the_coding_path() -> None:
    q, z, level = vrvq(predictive=False), latents(length=12), 1.1
    masked = q(z, torch.full((3,), level), 2.0)
    grants = torch.stack([(window - 1).sum(1) for window in torch.split(masked.depths, WINDOW, 1)], 1).long()
    codes = q.encode(z, grants, WINDOW, 0)
    assert torch.equal(depths(codes), masked.depths.long())
    assert torch.allclose(masked.latents, q.decode(codes), atol=1e-5)
    assert float(masked.error) == pytest.approx(float((z - q.decode(codes)).square().mean()), rel=1e-4)


def test_gradients_reach_the_importance_alone(quantizer: Vrvq) -> None:
    z = latents()
    masked = quantizer(z, torch.tensor([0.5, 1.0, 2.0]), 2.0)
    (masked.latents - z).square().mean().backward()
    got = {name for name, p in quantizer.named_parameters() if p.grad is not None and bool(p.grad.any())}
    assert got
    assert all(name.startswith("importance.") for name in got)


def test_more_depth_is_worth_more_where_more_is_left() -> None:
    """The gradient of the error asks for depth where it helps: at a latent that the first codebook leaves far away."""
    q, z = vrvq(predictive=False), latents(1, 8)
    z[0, :4] = q.books()[0].code[3]  # nothing is left of these
    masked = q(z, torch.tensor([0.01]), 2.0)
    error = (masked.latents - z).square().sum()
    (gradient,) = torch.autograd.grad(error, masked.importance)
    assert gradient[0, 4:].mean() < gradient[0, :4].mean()


def test_wider_beams_do_not_lose(quantizer: Vrvq) -> None:
    z, grants = latents(40), torch.full((40, 3), 5)
    errors = [float((z - quantizer.decode(quantizer.encode(z, grants, WINDOW, e))).square().mean()) for e in (0, 1)]
    assert errors[1] <= errors[0]


def test_tensors_that_change_what_codes_mean_are_declared(quantizer: Vrvq) -> None:
    codes = torch.randint(0, 16, (2, BOOKS, 6))
    before = quantizer.decode(codes)
    for name, tensor in quantizer.state_dict().items():
        kept = tensor.clone()
        tensor += 1
        meaning = not torch.equal(quantizer.decode(codes), before)
        tensor.copy_(kept)
        assert meaning == name.startswith(quantizer.config.semantic_tensors), name
