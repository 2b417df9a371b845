"""A training run from start to end: corpus, stages, log, validation, checkpoints."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from swc.config import SOLVED, Config
from swc.device import find_device
from swc.errors import InputError
from swc.nn.weights import load_weights, save_weights
from swc.training.corpus import Corpus, load_corpus
from swc.training.team import Team
from swc.training.trainer import Trainer
from swc.training.validation import Score, ValidationSet, load_validation, validate

LOG_EVERY = 50  # steps


@dataclass(frozen=True)
class Progress:
    """What the trainer tells its caller.

    Attributes:
        text: one line for a person.
        fraction: of the current stage, 0..1.
        remaining: seconds to the end of all stages as estimated, those limited by steps alone left out; nan while
            unknown.
    """

    text: str
    fraction: float = 0.0
    remaining: float = math.nan


Report = Callable[[Progress], None]


def scaled(config: Config, max_minutes: float | None, max_steps: int | None) -> Config:
    """The config with its stages shortened or stretched, in proportion, to limits of minutes and of steps."""
    stages = config.training.stages
    if not stages:
        raise InputError("the config has no [[training.stages]]")
    for stage in stages:
        if (stage.minutes > 0) == (stage.steps > 0):
            raise InputError("every [[training.stages]] needs minutes or steps above 0, and not both")
    if max_minutes is None and max_steps is None:
        return config
    # the steps of stages that solve are of another kind, and stay as they are
    lengths = [0 if stage.kind in SOLVED else stage.minutes or stage.steps for stage in stages]
    by_time = {stage.minutes > 0 for stage, length in zip(stages, lengths, strict=True) if length}
    if len(by_time) == 2:
        raise InputError("stages in minutes and stages in steps cannot share --max-minutes or --max-steps")
    if any(limit is not None and not 0 < limit < math.inf for limit in (max_minutes, max_steps)):
        raise InputError("--max-minutes and --max-steps must be above 0")
    share = 1 / max(sum(lengths), 1e-9)
    stages = tuple(
        dataclasses.replace(
            stage,
            minutes=(max_minutes or 0.0) * length * share,
            steps=0 if max_steps is None else max(1, round(max_steps * length * share)),
        )
        if length
        else stage
        for stage, length in zip(stages, lengths, strict=True)
    )
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
        The path of the final weights; None in a process that does not lead its team.

    Raises:
        InputError: unusable data or config.
        ModelError: a checkpoint or weights that do not fit.
    """
    if resume is not None and init is not None:
        raise InputError("--resume continues a run and --init starts one: give one of them")
    report = report or _silent
    torch.manual_seed(seed)
    config = scaled(config, max_minutes, max_steps)
    where = find_device(device)
    team = Team(where)
    if not team.leads:
        report = _silent
    run = Trainer(config, where, seed, team)
    if resume is not None:
        run.load(resume)
    clips = None if val is None else load_validation(val, config)
    if not team.leads and cache is not None:
        team.wait()  # for the leader, who may have to make the cache
    report(Progress("decoding the corpus"))
    corpus = load_corpus(
        data,
        config,
        workers=os.cpu_count() or 1,
        cache=cache,
        progress=lambda done, total: report(Progress(f"decoding the corpus: {done} of {total}", done / total)),
    )
    if team.leads and cache is not None:
        team.wait()
    corpus = corpus.to(run.device, samples=corpus.samples.nbytes < 0.5 * _free_bytes(run.device))
    report(Progress(f"{len(corpus.lengths)} recordings, {corpus.hours:.2f} h"))
    if resume is None:
        if init is not None:
            load_weights(run.model, init)
            run.begin()
        else:
            report(Progress("PCA, least squares and k-means"))
            run.start(corpus)
    if compiled:
        run.compile()
    out.mkdir(parents=True, exist_ok=True)
    weights = _Loop(run, corpus, clips, out, report).run_stages()
    team.leave()
    return weights


def _silent(_: Progress) -> None:
    """Report to no one."""


def _free_bytes(device: torch.device) -> float:
    return float(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else math.inf


class _Loop:
    """Runs a trainer to its end: logs, validates, keeps checkpoints."""

    def __init__(self, run: Trainer, corpus: Corpus, clips: ValidationSet | None, out: Path, report: Report) -> None:
        self.run, self.corpus, self.clips, self.out, self.report = run, corpus, clips, out, report
        self.smooth: dict[str, float] = {}

    def run_stages(self) -> Path | None:
        run = self.run
        try:
            while run.stage_index < len(run.config.training.stages):
                if run.stage.kind in SOLVED:
                    self._solve_stage()
                else:
                    self._run_stage()
                run.next_stage()
                self._save()
        except (KeyboardInterrupt, SystemExit):  # Ctrl-C, or SIGTERM as the command line takes it
            self._save()
            self.report(Progress(f"interrupted; continue with --resume {self.out / 'last'}"))
            raise
        if not run.team.leads:
            return None
        weights = self.out / "weights.safetensors"
        save_weights(weights, run.averaged_state())
        return weights

    def _save(self) -> None:
        if self.run.team.leads:
            self.run.save(self.out / "last")

    def _run_stage(self) -> None:
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
                self._validate(self.clips)
                validated = time.monotonic()
        run.meet()
        if self.clips is not None:
            self._validate(self.clips)

    def _solve_stage(self) -> None:
        stage = f"stage {self.run.stage_index + 1} ({self.run.stage.kind})"
        self.report(Progress(f"{stage}: measuring on the corpus"))
        for outcome in self.run.solve(self.corpus):
            self._write({type(outcome).__name__.lower(): dataclasses.asdict(outcome)})
            self.report(Progress(f"{stage}: {outcome}", self.run.fraction))
        if self.clips is not None:
            self._validate(self.clips)

    def _log_losses(self, losses: dict[str, Tensor]) -> None:
        run = self.run
        for name, value in losses.items():
            number = float(value)
            self.smooth[name] = 0.7 * self.smooth.get(name, number) + 0.3 * number
        health = run.health()
        speed = run.audio_seconds / max(run.seconds + run.elapsed, 1e-9)
        text = (
            f"stage {run.stage_index + 1} ({run.stage.kind}) step {run.stage_step}: "
            + " ".join(f"{k} {v:.4f}" for k, v in self.smooth.items())
            + f", perplexity {min(health['perplexity']):.0f}-{max(health['perplexity']):.0f}"
            + f", load {min(health['expert_load']):.2f}-{max(health['expert_load']):.2f}"
            + f", {speed:.0f} s/s"
        )
        self._write({"losses": {k: float(v) for k, v in losses.items()}, **health})
        self.report(Progress(text, run.fraction, self._remaining()))

    def _remaining(self) -> float:
        run = self.run
        if run.fraction <= 0:
            return math.nan
        here = run.stage_seconds / run.fraction * (1 - run.fraction)
        return here + sum(60 * s.minutes for s in run.config.training.stages[run.stage_index + 1 :])

    def _validate(self, clips: ValidationSet) -> None:
        run = self.run
        if not run.team.leads:
            return
        scores = validate(run.averaged_model(), clips, run.objective.reconstruction)
        for score in scores:
            self.report(Progress(f"  {score}", run.fraction))
        self._write({"scores": [dataclasses.asdict(s) for s in scores]})
        merit = self._merit(scores)
        if merit > run.best:
            run.best = merit
            name = f"best-{run.stage_index + 1}-{run.stage.kind}.safetensors"
            save_weights(self.out / name, run.averaged_state())

    @staticmethod
    def _merit(scores: list[Score]) -> float:
        quantised = [s for s in scores if s.kbps is not None]
        pesq = sum(s.pesq for s in quantised)
        return -sum(s.mel for s in quantised) if math.isnan(pesq) else pesq

    def _write(self, entry: dict[str, Any]) -> None:
        run = self.run
        if not run.team.leads:
            return
        head = {
            "stage": run.stage.kind,
            "step": run.step,
            "minutes": round(run.seconds / 60, 2),
            "audio_hours": round(run.audio_seconds / 3600, 3),
        }
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as f:
            f.write(json.dumps(head | entry) + "\n")
