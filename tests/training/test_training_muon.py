"""Muon: orthogonal steps for matrices, also those of convolutions, and AdamW for the rest."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from swc.config import Config
from swc.nn.model import CodecModel
from swc.training.muon import Muon, is_hidden_matrix, orthogonalise
from swc.training.optimization import optimizers


@pytest.mark.parametrize("shape", [(30, 80), (80, 30), (50, 50)])
def test_singular_values_become_nearly_one(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    scales = 10 ** torch.linspace(0, -1.5, min(shape))
    u, v = (torch.linalg.qr(torch.randn((n, min(shape)), generator=generator))[0] for n in shape)
    values = torch.linalg.svdvals(orthogonalise(u * scales @ v.T))
    assert float(values.min()) > 0.6
    assert float(values.max()) < 1.3
    # and the directions stay
    product = u.T @ orthogonalise(u * scales @ v.T) @ v
    assert torch.allclose(product, torch.diag(product.diagonal()), atol=1e-4)


def test_steps_have_the_stated_size_whatever_the_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    for scale in (1e-6, 1.0, 1e6):
        weight = nn.Parameter(torch.zeros((64, 16, 4)))
        descent = Muon([{"params": [weight], "scale": 1.0}], 0.01)
        weight.grad = scale * torch.randn(weight.shape, generator=generator)
        descent.step()
        assert float(weight.detach().square().mean().sqrt()) == pytest.approx(0.004, rel=0.3)
        assert float((weight.detach() * weight.grad).sum()) < 0


def test_it_solves_what_is_badly_scaled_sooner_than_adamw() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn((512, 40), generator=generator) * 10 ** torch.linspace(0, -1.5, 40)
    rotation = torch.linalg.qr(torch.randn((40, 40), generator=generator))[0]
    wanted = torch.randn((24, 40), generator=generator)

    def left(kind: str) -> float:
        weight = nn.Parameter(torch.zeros((24, 40)))
        groups = [{"params": [weight], "scale": 1.0}]
        descent = Muon(groups, 0.1) if kind == "muon" else torch.optim.AdamW(groups, 0.1)
        for step in range(100):
            descent.param_groups[0]["lr"] = 0.1 * (1 - step / 100)
            descent.zero_grad()
            (((weight - wanted) @ rotation @ inputs.T).square().mean()).backward()
            descent.step()
        return float((weight.detach() - wanted).square().mean())

    assert left("muon") < 0.5 * left("adamw")


def test_parameters_are_shared_out(config: Config) -> None:
    model = CodecModel(config.model)
    stage = dataclasses.replace(config.training.stages[0], matrices="muon")
    both = optimizers(model, stage)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    taken = {kind: {names[id(p)] for g in o.param_groups for p in g["params"]} for kind, o in both.items()}
    assert taken["muon"]
    assert all(is_hidden_matrix(model.get_parameter(name)) for name in taken["muon"])
    assert not taken["muon"] & taken["optimizer"]
    assert taken["muon"] | taken["optimizer"] == set(names.values())
    assert any("linear" in name or "project" in name for name in taken["optimizer"])  # maps that learn slowly
    assert list(optimizers(model, config.training.stages[0])) == ["optimizer"]
