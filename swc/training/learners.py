"""What training does with a quantizer beside descending a gradient: averages, upkeep, and what is told of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from swc.config import TrainingConfig
from swc.nn.quantizers.fsq import Fsq
from swc.nn.quantizers.residual import ResidualQuantizer
from swc.nn.roles import Quantizer

AVERAGES = ("count", "total", "recent")  # of each codebook


class Learner:
    """A quantizer that learns by gradients alone."""

    def restart_averages(self) -> None:
        """Averages from the weights as they are."""

    def maintain(self, generator: torch.Generator) -> None:
        """Upkeep after some steps; `generator` is on the CPU."""

    def health(self) -> dict[str, Any]:
        """What the log keeps of it."""
        return {}

    def summary(self) -> str:
        """The same for people, to follow the losses; may be empty."""
        return ""

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps beside the model's state: the tensors themselves, by name."""
        return {}


class CodebookLearner(Learner):
    """Codebooks that are averages, and what chooses among them."""

    def __init__(self, quantizer: ResidualQuantizer, training: TrainingConfig) -> None:
        self.quantizer, self.training, self.replaced = quantizer, training, 0

    def restart_averages(self) -> None:
        self.quantizer.restart_averages(self.training.codebook_horizon)

    def maintain(self, generator: torch.Generator) -> None:
        self.replaced = self.quantizer.maintain(self.training.drps_gamma, self.training.drps_dead, generator)

    def health(self) -> dict[str, Any]:
        """Codebook perplexities, codes nearly out of use, and the share of windows that chose each expert."""
        books = self.quantizer.books()
        return {
            "perplexity": [round(b.perplexity(), 1) for b in books],
            "dead": [int((b.recent < 0.02 * b.recent.mean()).sum()) for b in books],
            "replaced": self.replaced,
            "expert_load": [round(float(x), 3) for x in self.quantizer.counters().get("usage", ())],
        }

    def summary(self) -> str:
        perplexity, load = (self.health()[name] for name in ("perplexity", "expert_load"))
        loads = f", load {min(load):.2f}-{max(load):.2f}" if load else ""
        return f", perplexity {min(perplexity):.0f}-{max(perplexity):.0f}{loads}"

    def tensors(self) -> dict[str, Tensor]:
        books = enumerate(self.quantizer.books())
        averages = {f"book.{i}.{name}": getattr(book, name) for i, book in books for name in AVERAGES}
        return averages | self.quantizer.counters()


class ScalarLearner(Learner):
    """Numbers that are rounded, with the statistics of the last batch, see `Fsq.fold_statistics`."""

    def __init__(self, quantizer: Fsq) -> None:
        self.quantizer = quantizer

    def tensors(self) -> dict[str, Tensor]:
        return {"numbers.mean": self.quantizer.mean, "numbers.deviation": self.quantizer.deviation}


def learner_of(quantizer: Quantizer, training: TrainingConfig) -> Learner:
    """The learner for a quantizer of any kind."""
    if isinstance(quantizer, ResidualQuantizer):
        return CodebookLearner(quantizer, training)
    return ScalarLearner(quantizer) if isinstance(quantizer, Fsq) else Learner()
