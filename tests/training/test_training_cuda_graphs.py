"""What `--compile` captures on a GPU; on a CPU it leaves everything as it is."""

from __future__ import annotations

import pytest
import torch

from swc.config import Config
from swc.nn.model import CodecModel
from swc.training.cuda_graphs import GraphedCallable, capture

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def test_nothing_is_captured_on_a_cpu(model: CodecModel) -> None:
    capture(model)
    assert "assign" not in vars(model.quantizer)
    assert "phases" not in vars(model.decoder)


@GPU
def test_a_graph_gives_what_the_function_gives() -> None:
    total = torch.zeros(3, device="cuda")

    def function(x: torch.Tensor, factor: int) -> torch.Tensor:
        total.add_(x)
        return x * factor

    graphed = GraphedCallable(function)
    for value in (1.0, 2.0):
        x = torch.full((3,), value, device="cuda")
        assert torch.equal(graphed(x, 2), 2 * x)
    assert torch.equal(graphed(x, 3), 3 * x), "another constant, another graph"
    assert torch.equal(graphed(torch.ones(5, device="cuda")[:3], 2), 2 * torch.ones(3, device="cuda"))
    before = total.clone()
    graphed(x, 2)
    assert torch.equal(total, before + x), "what is changed in place changes in replays too"


@GPU
def test_a_captured_model_is_the_same_model(model: CodecModel, config: Config) -> None:
    model = model.cuda()
    audio = 0.1 * torch.randn(4, config.crop, device="cuda")
    k = torch.tensor([[1], [2], [2], [5]], device="cuda")
    searched = torch.tensor([[True], [True], [False], [False]], device="cuda")

    def run() -> tuple[torch.Tensor, torch.Tensor]:
        latents = model.quantizer(model.encoder.encode(audio), k, searched, 2).latents
        return latents, model.decoder.compressed(latents)

    with torch.no_grad():
        plain, c = run()
        spectrum = model.decoder.spectrum(c)
        capture(model)
        for _ in range(2):
            latents, again = run()
            assert torch.allclose(latents, plain, atol=1e-4)
            assert torch.allclose(again, c, atol=1e-3)
            assert torch.allclose(model.decoder.spectrum(c), spectrum, atol=1e-3)
