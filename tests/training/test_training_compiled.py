"""What `--compile` records on a GPU; on a CPU it leaves everything as it is."""

from __future__ import annotations

import pytest
import torch

from swc.nn.model import CodecModel
from swc.training.compiled import Recorded, record

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def test_nothing_is_recorded_on_a_cpu(model: CodecModel) -> None:
    record(model)
    assert "assign" not in vars(model.quantizer)
    assert "phases" not in vars(model.decoder)


@GPU
def test_a_recording_gives_what_the_function_gives() -> None:
    total = torch.zeros(3, device="cuda")

    def function(x: torch.Tensor, factor: int) -> torch.Tensor:
        total.add_(x)
        return x * factor

    recorded = Recorded(function)
    for value in (1.0, 2.0):
        x = torch.full((3,), value, device="cuda")
        assert torch.equal(recorded(x, 2), 2 * x)
    assert torch.equal(recorded(x, 3), 3 * x), "another constant, another recording"
    assert torch.equal(recorded(torch.ones(5, device="cuda")[:3], 2), 2 * torch.ones(3, device="cuda"))
    before = total.clone()
    recorded(x, 2)
    assert torch.equal(total, before + x), "what is changed in place changes in replays too"


@GPU
def test_a_recorded_model_is_the_same_model(model: CodecModel) -> None:
    model = model.cuda()
    config = model.config
    audio = 0.1 * torch.randn(4, config.crop, device="cuda")
    experts = torch.tensor([1, 2, 2, 5], device="cuda")
    searched = torch.tensor([True, True, False, False], device="cuda")
    with torch.no_grad():
        plain, c = model(audio, experts, searched, 2)
        spectrum = model.decoder.spectrum(c)
        record(model)
        for _ in range(2):
            recorded, again = model(audio, experts, searched, 2)
            assert torch.allclose(recorded.latents, plain.latents, atol=1e-4)
            assert torch.allclose(again, c, atol=1e-3)
            assert torch.allclose(model.decoder.spectrum(c), spectrum, atol=1e-3)
