"""A training run from start to end: corpus, stages, log, validation, checkpoints."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from swc.bundle.find import base_of
from swc.bundle.weights import load_weights, save_weights
from swc.codec.device import find_device
from swc.config import Config
from swc.config.training import GradientStage
from swc.errors import InputError
from swc.nn.model import CodecModel
from swc.training.checkpoint import load_checkpoint, save_checkpoint
from swc.training.data.corpus import Corpus, load_corpus
from swc.training.losses.reconstruction import MultiscaleMel
from swc.training.stages import Solver
from swc.training.trainer import Trainer
from swc.training.validation import ValidationSet, load_validation, merit, validate

LOG_EVERY = 50  # steps
REFINER = "decoder.refiner."
"""Tensors that initial weights may lack: the network then starts close to the identity."""


@dataclass(frozen=True)
class Progress:
    """A progress report of the trainer.

    Attributes:
        text: one line for a person.
        fraction: of the current stage, 0..1.
        remaining: seconds to the end of all stages as estimated, those limited by steps alone left out; nan while
            unknown.
        warning: whether it reports a problem.
    """

    text: str
    fraction: float = 0.0
    remaining: float = math.nan
    warning: bool = False


Report = Callable[[Progress], None]


def scaled(config: Config, max_minutes: float | None, max_steps: int | None) -> Config:
    """The config with its stages shortened or stretched, in proportion, to limits of minutes and of steps.

    Raises:
        InputError: no stages, a stage without exactly one limit, limits of another kind, or not above 0.
    """
    stages = config.training.stages
    if not stages:
        raise InputError("the config has no [[training.stages]]")
    # the steps of stages that solve are of another kind, and stay as they are
    descents = [stage for stage in stages if isinstance(stage, GradientStage)]
    if any((stage.minutes > 0) == (stage.steps > 0) for stage in descents):
        raise InputError("every [[training.stages]] needs minutes or steps above 0, and not both")
    if max_minutes is None and max_steps is None:
        return config
    if len({stage.minutes > 0 for stage in descents}) == 2:
        raise InputError("stages in minutes and stages in steps cannot share `max_minutes` or `max_steps`")
    if any(limit is not None and not 0 < limit < math.inf for limit in (max_minutes, max_steps)):
        raise InputError("`max_minutes` and `max_steps` must be above 0")
    total = sum(stage.minutes or stage.steps for stage in descents)

    def limited(stage: GradientStage) -> GradientStage:
        share = (stage.minutes or stage.steps) / total
        steps = 0 if max_steps is None else max(1, round(max_steps * share))
        return dataclasses.replace(stage, minutes=(max_minutes or 0.0) * share, steps=steps)

    stages = tuple(limited(stage) if isinstance(stage, GradientStage) else stage for stage in stages)
    return dataclasses.replace(config, training=dataclasses.replace(config.training, stages=stages))


def train(
    config: Config,
    data: Path,
    out: Path,
    *,
    val: Path | None = None,
    max_minutes: float | None = None,
    max_steps: int | None = None,
    resume: Path | None = None,
    init: Path | None = None,
    device: str = "cpu",
    seed: int = 0,
    cache: Path | None = None,
    compiled: bool = False,
    report: Report | None = None,
) -> Path | None:
    """Train a model, together with the other processes if torchrun has started several.

    Args:
        config: the model and its recipe; stages are scaled to `max_minutes` or `max_steps` in all.
        data: folder of audio or tar shards.
        out: folder for `last/` (checkpoint), `log.jsonl` and `weights.safetensors` (float16, averaged).
        val: folder of held-out clips.
        resume: checkpoint folder to continue from.
        init: weights to start from instead of the closed-form start.
        cache: file that keeps the decoded corpus between runs.
        compiled: compile the networks with torch.compile, which takes a minute first.
        report: called with every line of progress.

    Returns:
        The path of the final weights; None in all processes but the main one.

    Raises:
        InputError: unusable data or config.
        ModelError: a checkpoint or weights that do not fit.
    """
    if resume is not None and init is not None:
        raise InputError("`resume` continues a run and `init` starts one: give one of them")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is not a folder; `out` needs one")
    torch.manual_seed(seed)
    config = scaled(config, max_minutes, max_steps)
    run = Trainer(config, find_device(device), seed)
    if report is None or not run.workers.is_main:
        report = _silent
    if resume is not None:
        load_checkpoint(run, resume)
    clips = None if val is None else load_validation(val, config.model, partial(_leave_out, report))
    corpus = _load_corpus(run, data, cache, report)
    if resume is None:
        _start(run, corpus, init, report)
    if compiled:
        run.compile()
    weights = _Loop(run, corpus, clips, out, report).run_stages()
    run.workers.close()
    return weights


def _silent(_: Progress) -> None:
    """Report nothing."""


def _leave_out(report: Report, message: str) -> None:
    """Report a recording that cannot be used."""
    report(Progress(f"left out: {message}", warning=True))


def _load_corpus(run: Trainer, data: Path, cache: Path | None, report: Report) -> Corpus:
    """The corpus on the run's device, with its samples if they leave room there."""
    if cache is not None and not run.workers.is_main:
        run.workers.barrier()  # for the main process, which may have to make the cache
    report(Progress("decoding the corpus"))
    left_out: list[str] = []

    def failed(message: str) -> None:
        left_out.append(message)
        _leave_out(report, message)

    corpus = load_corpus(
        data,
        run.config.model,
        workers=os.cpu_count() or 1,
        cache=cache,
        progress=lambda done, total: report(Progress(f"decoding the corpus: {done} of {total}", done / total)),
        failed=failed,
    )
    if cache is not None and run.workers.is_main:
        run.workers.barrier()
    free = float(torch.cuda.mem_get_info(run.device)[0]) if run.device.type == "cuda" else math.inf  # bytes
    without = f"; {len(left_out)} could not be read" if left_out else ""
    report(Progress(f"{len(corpus.lengths)} recordings, {corpus.hours:.2f} h{without}"))
    return corpus.to(run.device, samples=corpus.samples.nbytes < 0.5 * free)


def _start(run: Trainer, corpus: Corpus, init: Path | None, report: Report) -> None:
    """Give a new run its first weights."""
    if init is not None:
        plain, base = CodecModel(run.config.model), base_of(run.config.model)
        load_weights(plain, init, may_lack=(REFINER,), base=base.weights if base else None)
        run.load(plain.state_dict())
    else:
        report(Progress("finding the first weights"))
        run.start(corpus)


class _Loop:
    """Runs a trainer to its end: logs, validates, keeps checkpoints."""

    def __init__(self, run: Trainer, corpus: Corpus, clips: ValidationSet | None, out: Path, report: Report) -> None:
        self.run, self.corpus, self.clips, self.out, self.report = run, corpus, clips, out, report
        self.mel = MultiscaleMel(run.config.model.sample_rate).to(run.device)
        self.smooth: dict[str, float] = {}

    def run_stages(self) -> Path | None:
        """Run the remaining stages; returns the path of the final weights in the main process."""
        run = self.run
        self.out.mkdir(parents=True, exist_ok=True)
        try:
            while not run.finished:
                if isinstance(run.stage, Solver):
                    self._solve()
                else:
                    self._descend()
                self._validate()
                run.next_stage()
                self._save()
        except (KeyboardInterrupt, SystemExit):  # Ctrl-C, or SIGTERM as the command line takes it
            self._save()
            self.report(Progress(f"interrupted; continue with `resume` {self.out / 'last'}"))
            raise
        if not run.workers.is_main:
            return None
        weights = self.out / "weights.safetensors"
        save_weights(weights, run.own_state())
        return weights

    def _save(self) -> None:
        if self.run.workers.is_main:
            save_checkpoint(self.run, self.out / "last")

    def _descend(self) -> None:
        run, t = self.run, self.run.config.training
        saved = validated = time.monotonic()
        while run.fraction < 1:
            losses = run.train_step(self.corpus)
            if run.step % LOG_EVERY == 0 or run.fraction >= 1:
                self._log_losses(losses)
            if time.monotonic() - saved > 60 * t.checkpoint_every:
                self._save()
                saved = time.monotonic()
            if self.clips is not None and time.monotonic() - validated > 60 * t.validate_every:
                self._validate()
                validated = time.monotonic()
        run.synchronise()

    def _solve(self) -> None:
        self.report(Progress(f"{self._stage}: measuring on the corpus"))
        for outcome in self.run.solve(self.corpus):
            self._write({type(outcome).__name__.lower(): dataclasses.asdict(outcome)})
            self.report(Progress(f"{self._stage}: {outcome}", self.run.fraction))

    @property
    def _stage(self) -> str:
        return f"stage {self.run.stage_index + 1} ({self.run.stage.settings.kind})"

    def _log_losses(self, losses: dict[str, Tensor]) -> None:
        run = self.run
        for name, value in losses.items():
            number = float(value)
            self.smooth[name] = 0.7 * self.smooth.get(name, number) + 0.3 * number
        speed = run.audio_seconds / max(run.seconds + run.elapsed, 1e-9)
        text = (
            f"{self._stage} step {run.stage_step}: "
            + " ".join(f"{k} {v:.4f}" for k, v in self.smooth.items())
            + f"{run.learner.summary()}, {speed:.0f} s/s"
        )
        self._write({"losses": {k: float(v) for k, v in losses.items()}, **run.learner.health()})
        self.report(Progress(text, run.fraction, self._remaining()))

    def _remaining(self) -> float:
        run = self.run
        if run.fraction <= 0:
            return math.nan
        here = run.stage_seconds / run.fraction * (1 - run.fraction)
        later = run.config.training.stages[run.stage_index + 1 :]
        return here + sum(60 * stage.minutes for stage in later if isinstance(stage, GradientStage))

    def _validate(self) -> None:
        run = self.run
        if self.clips is None or not run.workers.is_main:
            return
        scores = validate(run.averaged_model(), self.clips, self.mel)
        for score in scores:
            self.report(Progress(f"  {score}", run.fraction))
        self._write({"scores": [dataclasses.asdict(s) for s in scores]})
        if merit(scores) > run.best:
            run.best = merit(scores)
            name = f"best-{run.stage_index + 1}-{run.stage.settings.kind}.safetensors"
            save_weights(self.out / name, run.own_state())

    def _write(self, entry: dict[str, Any]) -> None:
        run = self.run
        if not run.workers.is_main:
            return
        head = {
            "stage": run.stage.settings.kind,
            "step": run.step,
            "minutes": round(run.seconds / 60, 2),
            "audio_hours": round(run.audio_seconds / 3600, 3),
        }
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as f:
            f.write(json.dumps(head | entry) + "\n")
