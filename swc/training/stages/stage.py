"""The two roles that a kind of stage can fill: it descends a gradient, or it solves.

The trainer and the run know only these roles, never a kind.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from swc.config import Config, StageConfig
from swc.config.training import GradientStage, SolvedStage
from swc.errors import InputError
from swc.nn.model import CodecModel
from swc.training.data.batches import Batch, draw_crops
from swc.training.data.corpus import Corpus

LEARNING = {"all": "", "decoder": "decoder.", "refiner": "decoder.refiner.", "importance": "quantizer.importance."}
"""Prefixes of the names of the parameters that a stage trains."""


class Stage:
    """A stage at work.

    Attributes:
        settings: its table of the recipe.
        config: of the run.
        device: of the run.
        backbone: the one kind that it is for; None: any.
    """

    settings: StageConfig
    backbone: ClassVar[str | None] = None

    def __init__(self, settings: StageConfig, config: Config, device: torch.device) -> None:
        self.settings, self.config, self.device = settings, config, device

    @classmethod
    def check(cls, settings: StageConfig, config: Config, *, first: bool) -> None:
        """Raise InputError unless this kind is for such a model; `first`: whether the recipe begins with it."""
        kind = config.model.backbone.kind
        if cls.backbone not in (None, kind):
            raise InputError(f'the stage "{settings.kind}" is for a backbone of kind {cls.backbone!r}, not {kind!r}')

    def begin(self, model: CodecModel) -> None:
        """Change a model before its first step, and whenever a run is resumed."""

    @property
    def brings_quantizer(self) -> bool:
        """Whether `begin` gives a new model its quantizer, so that none has to be fitted."""
        return False

    @property
    def learning(self) -> str:
        """The prefix of the names of the parameters that the stage trains."""
        return ""

    @property
    def frozen(self) -> bool:
        """Whether encoder and codebooks are frozen."""
        return bool(self.learning)

    def compile(self) -> None:
        """Compile the stage's own networks with torch.compile."""

    def parameters(self) -> Iterable[Tensor]:
        """Parameters of the stage's own networks, which all workers share."""
        return ()

    def state(self) -> dict[str, Tensor]:
        """The tensors of the stage itself for a checkpoint, by name."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take what `state` returned, among other tensors, from a checkpoint; raises KeyError or RuntimeError."""


class Objective(Stage, ABC):
    """A stage that descends the gradient of a loss.

    Attributes:
        delay: steps at its start that leave the model unchanged.
    """

    settings: GradientStage
    delay: int = 0

    @property
    def learning(self) -> str:
        return LEARNING[self.settings.trains]

    @abstractmethod
    def losses(self, model: CodecModel, batch: Batch, step: int, factor: float) -> dict[str, Tensor]:
        """Scalars by name, for the log; "total" is the loss itself, which the first `delay` steps do not have.

        Args:
            model: in training mode.
            batch: crops.
            step: of this stage.
            factor: of the learning rates, as scheduled.
        """


@dataclass(frozen=True)
class Outcome:
    """The result of a solver: its fields go into the log under the name of its class, `str` is for people."""


class Solver(Stage, ABC):
    """A stage that measures on the corpus and solves."""

    settings: SolvedStage

    @abstractmethod
    def solve(self, model: CodecModel, corpus: Corpus, generator: torch.Generator) -> Iterator[tuple[int, Outcome]]:
        """Change the model, which is in inference mode.

        Args:
            model: with averaged weights.
            corpus: to measure on.
            generator: on the CPU, of everything random.

        Yields:
            Steps done so far, and the result.
        """


class BatchSolver(Solver):
    """A solver that looks once at batches of crops; its steps are these batches."""

    def solve(self, model: CodecModel, corpus: Corpus, generator: torch.Generator) -> Iterator[tuple[int, Outcome]]:
        size, length, steps = self.settings.batch, self.config.crop, self.settings.steps
        batches = (draw_crops(self.config, corpus, size, length, generator) for _ in range(steps))
        yield steps, self.measure(model, batches, generator)

    @abstractmethod
    def measure(self, model: CodecModel, batches: Iterable[Tensor], generator: torch.Generator) -> Outcome:
        """Measure batches of crops (batch, samples), and change the model accordingly."""
