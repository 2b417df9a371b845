"""Stages of training, one file for each kind."""

from __future__ import annotations

import torch

from swc.config import Config, StageConfig
from swc.training.stages.adversarial import AdversarialObjective
from swc.training.stages.codebooks import CodebooksSolver
from swc.training.stages.gains import GainsSolver
from swc.training.stages.importance import ImportanceObjective
from swc.training.stages.listed import ListedObjective
from swc.training.stages.magnitude import MagnitudeObjective
from swc.training.stages.sharpness import SharpnessSolver
from swc.training.stages.stage import BatchSolver, Objective, Outcome, Solver, Stage
from swc.training.stages.waveform import WaveformObjective
from swc.training.stages.weighting import WeightingSolver

__all__ = ["STAGES", "BatchSolver", "Objective", "Outcome", "Solver", "Stage", "stage_of"]

STAGES: dict[str, type[Stage]] = {
    "magnitude": MagnitudeObjective,
    "waveform": WaveformObjective,
    "adversarial": AdversarialObjective,
    "listed": ListedObjective,
    "codebooks": CodebooksSolver,
    "weighting": WeightingSolver,
    "gains": GainsSolver,
    "importance": ImportanceObjective,
    "sharpness": SharpnessSolver,
}
"""The class for each kind of `[[training.stages]]`; their settings are in `swc.config.training`."""


def stage_of(settings: StageConfig, config: Config, device: torch.device) -> Stage:
    """A stage at work, with fresh networks of its own."""
    return STAGES[settings.kind](settings, config, device)
