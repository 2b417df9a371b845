"""The stage "weighting": another basis of the latents, in which the decoder hears all directions more alike."""

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
from swc.training.initialise import fit_codebooks
from swc.training.stages.weighting import POWER, change_basis, weigh
from swc.training.validation import quantize


@pytest.fixture
def basis(config: Config) -> torch.Tensor:
    dim = config.model.backbone.latent_dim
    turned = torch.linalg.qr(torch.randn(dim, dim, generator=torch.Generator().manual_seed(3)))[0]
    return turned @ torch.diag(torch.linspace(0.6, 1.5, dim))


@pytest.fixture
def changed(config: Config, model: CodecModel, basis: torch.Tensor) -> CodecModel:
    other = CodecModel(config.model)
    other.load_state_dict(model.state_dict())
    change_basis(other, basis)
    return other.eval()


@torch.no_grad()
def test_latents_are_those_of_the_new_basis(
    config: Config, model: CodecModel, changed: CodecModel, basis: torch.Tensor, corpus: Corpus
) -> None:
    audio = corpus.crops(3, config.crop, torch.Generator().manual_seed(1))
    assert torch.allclose(changed.encoder.encode(audio), model.encoder.encode(audio) @ basis.t(), atol=1e-4)


@torch.no_grad()
def test_the_same_codes_are_the_same_audio_and_the_router_chooses_the_same(
    config: Config, model: CodecModel, changed: CodecModel, corpus: Corpus
) -> None:
    audio = corpus.crops(3, config.crop, torch.Generator().manual_seed(1))
    z, q = model.encoder.encode(audio), model.quantizer
    assert torch.allclose(q.scores(z), changed.quantizer.scores(changed.encoder.encode(audio)), atol=1e-4)
    codes = q.encode(z, torch.tensor([[1], [2], [3]]), z.shape[1], effort=0)
    decoded = [m.decoder.compressed(m.quantizer.decode(codes)) for m in (model, changed)]
    assert torch.allclose(decoded[0], decoded[1], atol=1e-4)


def _predictive(config: Config, corpus: Corpus) -> CodecModel:
    quantizer = dataclasses.replace(config.model.quantizer, predictive=True)
    torch.manual_seed(0)
    model = CodecModel(dataclasses.replace(config.model, quantizer=quantizer)).eval()
    with torch.no_grad():
        z = model.encoder.encode(corpus.crops(8, config.crop, torch.Generator().manual_seed(2)))
        model.quantizer.predictor.fit(z, z)
        innovations = model.quantizer.predictor.innovations(z)
        fit_codebooks(model.quantizer, innovations, torch.Generator().manual_seed(0))
    return model


@torch.no_grad()
def test_predictions_change_with_the_latents(config: Config, basis: torch.Tensor, corpus: Corpus) -> None:
    model = _predictive(config, corpus)
    z = torch.randn(2, 5, config.model.backbone.latent_dim, generator=torch.Generator().manual_seed(4))
    before = model.quantizer.predictor.latents(z)
    assert not torch.allclose(before, z), "it predicts"
    change_basis(model, basis)
    assert torch.allclose(model.quantizer.predictor.latents(z @ basis.t()), before @ basis.t(), atol=1e-4)


def _weigh(model: CodecModel, audio: torch.Tensor) -> torch.Tensor:
    return torch.tensor(weigh(model, audio.split(6), 2, torch.Generator().manual_seed(0)).sensitivity)


@torch.no_grad()
def _damage(model: CodecModel, audio: torch.Tensor) -> float:
    """What quantization does to compressed magnitudes."""
    z = model.encoder.encode(audio)
    original, decoded = (model.decoder.compressed(v) for v in (z, quantize(model, z, 2)))
    return float((original - decoded).square().mean())


def test_errors_are_made_where_they_are_heard_least(config: Config, model: CodecModel, corpus: Corpus) -> None:
    measured, others = corpus.crops(30, config.crop, torch.Generator().manual_seed(9)).split(18)
    with torch.no_grad():
        model.decoder.linear.weight[:, 0] *= 10  # an inconspicuous direction becomes the most audible one
        power = float(model.encoder.encode(measured).square().mean())
    before = _damage(model, others)
    first = _weigh(model, measured)
    assert first[-1] > 5 * first[-2]
    assert _damage(model, others) < 0.9 * before
    with torch.no_grad():
        assert float(model.encoder.encode(measured).square().mean()) == pytest.approx(power, rel=1e-3)
    second = _weigh(model, measured)
    # what the decoder hears of the new latents: eigenvalues to the power 1 - POWER
    spread = [float((v[-1] / v.median()).log()) for v in (first, second)]
    assert spread[1] / spread[0] == pytest.approx(1 - POWER, abs=0.05)


def test_a_run_with_a_stage_of_weighting(
    config: Config, corpus: Corpus, model: CodecModel, audio_folder: Path, tmp_path: Path
) -> None:
    stage = SolvedStage("weighting", steps=2, batch=4)
    alone = dataclasses.replace(config, training=dataclasses.replace(config.training, stages=(stage,)))
    save_weights(tmp_path / "even.safetensors", model.state_dict())
    weights = train(alone, audio_folder, tmp_path / "out", init=tmp_path / "even.safetensors")
    assert weights is not None
    (row,) = (json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines())
    assert row["stage"] == "weighting"
    found = row["weighting"]["sensitivity"]
    assert len(found) == config.model.backbone.latent_dim
    assert found == sorted(found)
    assert found[0] < 1 < found[-1]
    weighted = CodecModel(config.model)
    load_weights(weighted, weights)
    books = zip(model.quantizer.books(), weighted.quantizer.books(), strict=True)
    assert all(not torch.allclose(a.code, b.code, atol=1e-3) for a, b in books)
