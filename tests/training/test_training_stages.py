"""Kinds of stages: registered in two places, unknown to the trainer and the run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from swc.config import Config
from swc.config import training as recipe
from swc.config.toml import read_toml
from swc.config.training import GradientStage, SolvedStage
from swc.errors import InputError
from swc.nn.model import CodecModel
from swc.training import stages, train
from swc.training.data.batches import Batch
from swc.training.data.corpus import Corpus
from swc.training.parts import parts_of
from swc.training.stages import BatchSolver, Objective, Outcome, Solver
from swc.training.trainer import Trainer


@dataclass(frozen=True)
class HumStage(GradientStage):
    """A stage of these tests alone."""

    kind: ClassVar[str] = "hum"
    pitch: float = 1.0


@dataclass(frozen=True)
class TallyStage(SolvedStage):
    """Another one."""

    kind: ClassVar[str] = "tally"


class HumObjective(Objective):
    """Pulls the latents towards a constant, after one step that leaves the model alone."""

    settings: HumStage
    delay = 1

    def losses(self, model: CodecModel, batch: Batch, step: int, factor: float) -> dict[str, Tensor]:
        distance = (parts_of(model).encoder.encode(batch.audio) - self.settings.pitch).square().mean()
        return {"distance": distance} if step < self.delay else {"distance": distance, "total": distance}


@dataclass(frozen=True)
class Tally(Outcome):
    crops: int


class TallySolver(BatchSolver):
    def measure(self, model: CodecModel, batches: Iterable[Tensor], generator: torch.Generator) -> Tally:
        assert not model.training
        return Tally(sum(len(batch) for batch in batches))


@pytest.fixture
def with_new_kinds(tiny_config: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The tiny config with stages of kinds that are registered for one test."""
    for settings, work in ((HumStage, HumObjective), (TallyStage, TallySolver)):
        monkeypatch.setitem(recipe.STAGES, settings.kind, settings)
        monkeypatch.setitem(stages.STAGES, settings.kind, work)
    table = read_toml(tiny_config)
    table["training"]["stages"] = [
        {"kind": "hum", "steps": 4, "batch": 2, "pitch": 0.5},
        {"kind": "tally", "steps": 3, "batch": 2},
    ]
    return Config.from_table(table, "here")


def test_every_kind_of_settings_has_its_work() -> None:
    assert stages.STAGES.keys() == recipe.STAGES.keys()
    for kind, settings in recipe.STAGES.items():
        role = Objective if issubclass(settings, GradientStage) else Solver
        assert issubclass(stages.STAGES[kind], role)


def test_new_kinds_run_once_they_are_registered(with_new_kinds: Config, audio_folder: Path, tmp_path: Path) -> None:
    weights = train(with_new_kinds, audio_folder, tmp_path)
    assert weights is not None
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["stage"] for entry in log] == ["hum", "tally"]
    assert log[0]["losses"].keys() == {"distance", "total"}
    assert log[1]["tally"] == {"crops": 6}


def test_steps_without_a_total_leave_the_model_as_it_is(with_new_kinds: Config, corpus: Corpus) -> None:
    run = Trainer(with_new_kinds, torch.device("cpu"), seed=0)
    run.start(corpus)
    weight = run.model.encoder.project.weight.clone()
    assert run.train_step(corpus).keys() == {"distance"}
    assert torch.equal(run.model.encoder.project.weight, weight)
    run.train_step(corpus)
    assert not torch.equal(run.model.encoder.project.weight, weight)
    with pytest.raises(TypeError, match="'hum' does not solve"):
        next(run.solve(corpus))


def test_an_unknown_kind_names_the_known_ones(tiny_config: Path) -> None:
    table = read_toml(tiny_config)
    table["training"]["stages"][0]["kind"] = "levels"
    known = "adversarial, codebooks, gains, importance, listed, magnitude, sharpness, waveform, weighting"
    with pytest.raises(InputError, match=f"kind must be one of {known}, not 'levels'"):
        Config.from_table(table, "here")


@pytest.mark.parametrize("kind", ["codebooks", "weighting", "gains", "sharpness"])
def test_stages_that_solve_have_no_settings_of_gradients(kind: str, tiny_config: Path) -> None:
    table = read_toml(tiny_config)
    table["training"]["stages"] = [{"kind": kind, "steps": 1, "trains": "decoder"}]
    with pytest.raises(InputError, match="unknown key 'trains'"):
        Config.from_table(table, "here")


def test_models_of_other_kinds_are_refused(config: Config) -> None:
    class OtherConfig(type(config.model.backbone)):  # type: ignore[misc]
        kind = "other"

    model = CodecModel(config.model)
    model.encoder = torch.nn.Identity()
    model.config = dataclasses.replace(config.model, backbone=OtherConfig())
    with pytest.raises(InputError, match="backbone of kind 'other' with a quantizer of kind 'revq'"):
        parts_of(model)
