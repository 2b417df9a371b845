"""The stage "gains": a decoder that is too soft is raised, in its weights alone."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from swc.bundle.weights import load_weights, save_weights
from swc.config import Config
from swc.config.training import SolvedStage
from swc.nn.model import CodecModel
from swc.training import train
from swc.training.data.corpus import Corpus
from swc.training.stages.gains import amplify, match_gains
from swc.training.trainer import Trainer


def test_amplified_weights_are_amplified_magnitudes(model: CodecModel, config: Config) -> None:
    z = torch.randn(2, 6, config.model.backbone.latent_dim, generator=torch.Generator().manual_seed(1))
    factors = torch.linspace(0.5, 2.0, model.decoder.bins)
    with torch.no_grad():
        before = model.decoder.compressed(z)
        amplify(model.decoder, factors)
        after = model.decoder.compressed(z)
    assert torch.allclose(after, before * factors.pow(config.model.backbone.exponent), atol=1e-5)


def test_a_decoder_that_is_too_soft_is_raised_by_half(model: CodecModel, config: Config, corpus: Corpus) -> None:
    batches = [corpus.crops(6, config.crop, torch.Generator().manual_seed(i)) for i in range(2)]
    before = torch.tensor(match_gains(model, batches, 2).missing)
    softer = torch.full((model.decoder.bins,), 0.5)
    softer[: model.decoder.bins // 8] = 1.0  # the bass as it was
    amplify(model.decoder, softer)
    found = torch.tensor(match_gains(model, batches, 2).missing)
    # 6 dB, where it is well above the floor
    assert 4.0 < float((found - before / 2)[-8:].mean()) < 6.5
    assert float((found - before / 2)[:8].mean()) == pytest.approx(0.0, abs=1.0)
    again = torch.tensor(match_gains(model, batches, 2).missing)
    assert 0.4 < float(again[-8:].mean() / found[-8:].mean()) < 0.75, "half of it is in the weights"


def test_silence_raises_nothing(model: CodecModel, config: Config) -> None:
    weight = model.decoder.project.weight.clone()
    assert set(match_gains(model, [torch.zeros(2, config.crop)], 2).missing) == {0.0}
    assert torch.equal(model.decoder.project.weight, weight)


def test_a_run_with_a_stage_of_gains(
    config: Config, corpus: Corpus, model: CodecModel, audio_folder: Path, tmp_path: Path
) -> None:
    stage = SolvedStage("gains", steps=2, batch=4)
    alone = dataclasses.replace(config, training=dataclasses.replace(config.training, stages=(stage,)))
    amplify(model.decoder, torch.full((model.decoder.bins,), 0.3))
    save_weights(tmp_path / "soft.safetensors", model.state_dict())
    weights = train(alone, audio_folder, tmp_path / "out", init=tmp_path / "soft.safetensors")
    assert weights is not None
    (row,) = (json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines())
    assert row["stage"] == "gains"
    assert min(row["gains"]["missing"]) > 3
    raised, soft = CodecModel(config.model), CodecModel(config.model)
    load_weights(raised, weights)
    load_weights(soft, tmp_path / "soft.safetensors")
    assert raised.decoder.project.weight.norm() > 1.05 * soft.decoder.project.weight.norm()
    for part in ("encoder", "quantizer"):
        for name, value in getattr(raised, part).state_dict().items():
            assert torch.equal(value, getattr(soft, part).state_dict()[name])


def test_what_a_stage_solves_for_stays_in_the_average(config: Config, corpus: Corpus) -> None:
    stages = (SolvedStage("codebooks", steps=2), SolvedStage("gains", steps=1, batch=2))
    solving = dataclasses.replace(config, training=dataclasses.replace(config.training, stages=stages))
    torch.manual_seed(0)
    run = Trainer(solving, torch.device("cpu"), 0)
    run.start(corpus)
    before = {name: value.clone() for name, value in run.averaged_state().items()}
    for changed in ("quantizer.shared.0.code", "decoder.project.weight"):
        assert len(list(run.solve(corpus))) > 0
        for name, value in run.averaged_state().items():
            assert torch.equal(value, run.model.state_dict()[name])
        assert not torch.equal(run.averaged_state()[changed], before[changed])
        run.next_stage()
