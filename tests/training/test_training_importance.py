"""The stage "importance": the rest of the model stays as it is, what costs more than it is worth gets less."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from tiny import TINY, tiny_vrvq

from swc.bundle import find_bundle
from swc.bundle.weights import load_weights
from swc.config import Config
from swc.config.toml import read_toml
from swc.config.training import ImportanceStage
from swc.errors import InputError, ModelError
from swc.nn.model import CodecModel
from swc.training import train
from swc.training.checkpoint import load_checkpoint, save_checkpoint
from swc.training.data.corpus import Corpus, load_corpus
from swc.training.stages.importance import ImportanceObjective
from swc.training.trainer import Trainer

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def models(vrvq_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SWC_MODELS", str(vrvq_bundle.parent))
    return vrvq_bundle.parent


@pytest.fixture
def config(vrvq_bundle: Path) -> Config:
    return Config.from_toml(vrvq_bundle / "config.toml")


@pytest.fixture
def corpus(config: Config, audio_folder: Path) -> Corpus:
    return load_corpus(audio_folder, config.model, workers=1)


def with_importance(config: Config, **changes: object) -> Config:
    stage = dataclasses.replace(config.training.stages[1], **changes)  # type: ignore[arg-type]
    return dataclasses.replace(config, training=dataclasses.replace(config.training, stages=(stage,)))


def started(config: Config, vrvq_bundle: Path) -> Trainer:
    """A run that begins with the weights of the bundle."""
    torch.manual_seed(0)
    run = Trainer(config, CPU, seed=0)
    base = find_bundle(vrvq_bundle).base
    assert base is not None
    load_weights(run.model, vrvq_bundle / "weights.safetensors", base=base.weights)
    run.restart_averages()
    return run


def test_a_run_starts_from_the_base_and_changes_the_quantizer_alone(vrvq_bundle: Path, config: Config) -> None:
    log = [json.loads(line) for line in (vrvq_bundle / "log.jsonl").read_text().splitlines()]
    assert [entry["stage"] for entry in log] == ["codebooks", "codebooks", "importance"]
    assert log[1]["round"]["solved"] < log[0]["round"]["found"]
    assert {"magnitude", "rate", "depth", "error", "total"} == log[2]["losses"].keys()


def test_only_the_importance_learns(config: Config, corpus: Corpus, vrvq_bundle: Path) -> None:
    run = started(with_importance(config), vrvq_bundle)
    before = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    for _ in range(3):
        run.train_step(corpus)
    changed = {name for name, tensor in run.model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(name.startswith("quantizer.importance.") for name in changed)
    assert all(name.startswith("quantizer.") for name in run.own_state())


def test_a_higher_price_of_the_rate_lowers_the_importance(config: Config, corpus: Corpus, vrvq_bundle: Path) -> None:
    rates = []
    for weight in (0.0, 60.0):
        run = started(with_importance(config, rate_weight=weight, learning_rate=3e-3, steps=40), vrvq_bundle)
        for _ in range(25):
            losses = run.train_step(corpus)
        rates.append(float(losses["rate"]))
    assert rates[1] < 0.7 * rates[0]


def test_a_resumed_run_equals_a_straight_one(config: Config, corpus: Corpus, vrvq_bundle: Path, tmp_path: Path) -> None:
    config = with_importance(config)
    straight = started(config, vrvq_bundle)
    for step in range(4):
        straight.train_step(corpus)
        if step == 1:
            save_checkpoint(straight, tmp_path / "last")
    resumed = Trainer(config, CPU, seed=7)
    load_checkpoint(resumed, tmp_path / "last")
    for _ in range(2):
        resumed.train_step(corpus)
    for name, tensor in straight.own_state().items():
        assert torch.allclose(tensor, resumed.own_state()[name], atol=1e-6), name


def test_levels_are_spread_over_their_range(config: Config) -> None:
    for rates in ("log", "uniform"):
        training = dataclasses.replace(config.training, other_rates=rates)
        stage = ImportanceObjective(
            ImportanceStage("importance", steps=1, levels=(0.1, 10.0)),
            dataclasses.replace(config, training=training),
            CPU,
        )
        levels = torch.cat([stage.levels(step, 5) for step in range(200)])
        assert 0.1 <= float(levels.min()) < float(levels.max()) <= 10.0
        middle = 1.0 if rates == "log" else 5.05
        assert float((levels < middle).float().mean()) == pytest.approx(0.5, abs=0.02)
        assert len(levels.unique()) > 990


def refused(table: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Config.from_table(table, "here")


def test_stages_that_do_not_fit_are_refused(vrvq_bundle: Path, tmp_path: Path) -> None:
    table = read_toml(vrvq_bundle / "config.toml")
    table["training"]["stages"] = [{"kind": "waveform", "steps": 1}]
    refused(table, "here: a quantizer of kind 'vrvq' cannot be trained by a stage of kind 'waveform'")
    table["training"]["stages"] = [{"kind": "importance", "steps": 1, "trains": "all"}]
    refused(table, "trains \"importance\", not 'all'")
    table["training"]["stages"] = [{"kind": "importance", "steps": 1, "levels": [2.0, 1.0]}]
    refused(table, "levels must be two rising numbers above 0")
    path = tmp_path / "config.toml"
    path.write_text(TINY)
    other = read_toml(path)
    other["training"]["stages"] = [{"kind": "importance", "steps": 1}]
    refused(other, "a quantizer of kind 'revq' cannot be trained by a stage of kind 'importance'")
    other["training"]["stages"] = [{"kind": "waveform", "steps": 1}]
    refused({**other, "base": "0" * 16}, "a stage of kind 'waveform' changes encoder and decoder, which are the base's")


def test_a_base_that_is_not_installed_is_named(audio_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(tiny_vrvq("0" * 16))
    with pytest.raises(ModelError, match=r"model 'tiny-vrvq' needs the encoder and decoder of .* 0000000000000000"):
        train(Config.from_toml(path), audio_folder, tmp_path / "out")


def test_a_bundle_with_a_base_can_be_trained_further(
    config: Config, vrvq_bundle: Path, audio_folder: Path, tmp_path: Path
) -> None:
    weights = train(with_importance(config, steps=1), audio_folder, tmp_path, init=vrvq_bundle / "weights.safetensors")
    before, after = CodecModel(config.model), CodecModel(config.model)
    for model, path in ((before, vrvq_bundle / "weights.safetensors"), (after, weights)):
        load_weights(model, path, base=find_bundle(vrvq_bundle).base.weights)
    assert torch.equal(before.quantizer.books()[3].code, after.quantizer.books()[3].code)
    assert torch.equal(before.encoder.linear.weight, after.encoder.linear.weight)


def test_without_a_base_all_is_kept(config: Config, audio_folder: Path, tmp_path: Path) -> None:
    alone = dataclasses.replace(config, model=dataclasses.replace(config.model, base=""))
    weights = train(with_importance(alone, steps=1), audio_folder, tmp_path)
    load_weights(CodecModel(alone.model), weights)
