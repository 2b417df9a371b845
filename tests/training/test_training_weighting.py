"""The stage "weighting": another basis of the latents, in which the decoder hears all directions more alike."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from swc.config import Config, StageConfig
from swc.errors import InputError
from swc.nn.model import CodecModel
from swc.nn.weights import load_weights, save_weights
from swc.training import train
from swc.training.corpus import Corpus
from swc.training.validation import quantize_windows
from swc.training.weighting import POWER, weigh


@pytest.fixture
def basis(config: Config) -> torch.Tensor:
    dim = config.backbone.latent_dim
    turned = torch.linalg.qr(torch.randn(dim, dim, generator=torch.Generator().manual_seed(3)))[0]
    return turned @ torch.diag(torch.linspace(0.6, 1.5, dim))


@pytest.fixture
def changed(config: Config, model: CodecModel, basis: torch.Tensor) -> CodecModel:
    other = CodecModel(config)
    other.load_state_dict(model.state_dict())
    other.change_basis(basis)
    return other.eval()


@torch.no_grad()
def test_latents_are_those_of_the_new_basis(
    config: Config, model: CodecModel, changed: CodecModel, basis: torch.Tensor, corpus: Corpus
) -> None:
    audio = corpus.crops(3, config.crop, torch.Generator().manual_seed(1))
    assert torch.allclose(changed.encoder(audio), model.encoder(audio) @ basis.t(), atol=1e-4)


@torch.no_grad()
def test_the_same_codes_are_the_same_audio_and_the_router_chooses_the_same(
    config: Config, model: CodecModel, changed: CodecModel, corpus: Corpus
) -> None:
    audio = corpus.crops(3, config.crop, torch.Generator().manual_seed(1))
    z, q = model.encoder(audio), model.quantizer
    assert torch.allclose(q.scores(z), changed.quantizer.scores(changed.encoder(audio)), atol=1e-4)
    codes = q.encode(z, q.top(q.scores(z), torch.tensor([1, 2, 3])))
    said = [m.decoder.compressed(m.quantizer.latents(m.quantizer.decode(codes))) for m in (model, changed)]
    assert torch.allclose(said[0], said[1], atol=1e-4)


def _predictive(config: Config, corpus: Corpus) -> CodecModel:
    quantizer = dataclasses.replace(config.quantizer, predictive=True)
    torch.manual_seed(0)
    model = CodecModel(dataclasses.replace(config, quantizer=quantizer)).eval()
    with torch.no_grad():
        z = model.encoder(corpus.crops(8, config.crop, torch.Generator().manual_seed(2)))
        model.quantizer.fit_predictor(z, z)
        model.quantizer.fit(model.quantizer.innovations(z), torch.Generator().manual_seed(0))
    return model


@torch.no_grad()
def test_predictions_change_with_the_latents(config: Config, basis: torch.Tensor, corpus: Corpus) -> None:
    model = _predictive(config, corpus)
    z = torch.randn(2, 5, config.backbone.latent_dim, generator=torch.Generator().manual_seed(4))
    before = model.quantizer.latents(z)
    assert not torch.allclose(before, z), "it predicts"
    model.change_basis(basis)
    assert torch.allclose(model.quantizer.latents(z @ basis.t()), before @ basis.t(), atol=1e-4)


def _weigh(model: CodecModel, audio: torch.Tensor) -> torch.Tensor:
    return torch.tensor(weigh(model, audio.split(6), 2, torch.Generator().manual_seed(0)).sensitivity)


@torch.no_grad()
def _heard(model: CodecModel, audio: torch.Tensor) -> float:
    """What quantization does to compressed magnitudes."""
    z = model.encoder(audio)
    heard, said = (model.decoder.compressed(v) for v in (z, quantize_windows(model, z, 2)))
    return float((heard - said).square().mean())


def test_errors_are_made_where_they_are_heard_least(config: Config, model: CodecModel, corpus: Corpus) -> None:
    measured, others = corpus.crops(30, config.crop, torch.Generator().manual_seed(9)).split(18)
    with torch.no_grad():
        model.decoder.linear.weight[:, 0] *= 10  # an inconspicuous direction becomes the most audible one
        power = float(model.encoder(measured).square().mean())
    before = _heard(model, others)
    first = _weigh(model, measured)
    assert first[-1] > 5 * first[-2]
    assert _heard(model, others) < 0.9 * before
    with torch.no_grad():
        assert float(model.encoder(measured).square().mean()) == pytest.approx(power, rel=1e-3)
    second = _weigh(model, measured)
    # what the decoder hears of the new latents: eigenvalues to the power 1 - POWER
    spread = [float((v[-1] / v.median()).log()) for v in (first, second)]
    assert spread[1] / spread[0] == pytest.approx(1 - POWER, abs=0.05)


def test_a_run_with_a_stage_of_weighting(
    config: Config, corpus: Corpus, model: CodecModel, audio_folder: Path, tmp_path: Path
) -> None:
    stage = StageConfig("weighting", steps=2, batch=4)
    alone = dataclasses.replace(config, training=dataclasses.replace(config.training, stages=(stage,)))
    save_weights(tmp_path / "even.safetensors", model.state_dict())
    weights = train(alone, audio_folder, tmp_path / "out", init=tmp_path / "even.safetensors")
    assert weights is not None
    (row,) = (json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines())
    assert row["stage"] == "weighting"
    found = row["weighting"]["sensitivity"]
    assert len(found) == config.backbone.latent_dim
    assert found == sorted(found)
    assert found[0] < 1 < found[-1]
    weighted = CodecModel(config)
    load_weights(weighted, weights)
    books = zip(model.quantizer.books(), weighted.quantizer.books(), strict=True)
    assert all(not torch.allclose(a.code, b.code, atol=1e-3) for a, b in books)


@pytest.mark.parametrize("kind", ["codebooks", "weighting"])
def test_what_changes_more_than_the_decoder_says_so(kind: str) -> None:
    with pytest.raises(InputError, match="more than the decoder"):
        StageConfig(kind, steps=1, trains="decoder")
