"""The trainer: stages over one model, with an exponential moving average of its weights, checkpoints and a log.

Every random draw of a step comes from (seed, step), so that a resumed run equals a straight one.
"""

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
from torch import Tensor, nn

from swc.config import Config, StageConfig
from swc.errors import InputError
from swc.nn.model import CodecModel
from swc.nn.weights import load_weights, save_weights
from swc.training.checkpoint import load_checkpoint, save_checkpoint
from swc.training.corpus import Corpus, load_corpus
from swc.training.initialise import initialise
from swc.training.losses import ReconstructionLoss
from swc.training.validation import Score, ValidationSet, load_validation, validate

BETAS = (0.8, 0.99)
LOG_EVERY = 50  # steps
ROUTING = ("load", "windows", "usage")  # state of the router's protection


@dataclass(frozen=True)
class Progress:
    """What the trainer tells its caller.

    Attributes:
        text: one line for a person.
        fraction: of the current stage, 0..1.
        remaining: seconds to the end of all stages, as estimated; nan while unknown.
    """

    text: str
    fraction: float = 0.0
    remaining: float = math.nan


Report = Callable[[Progress], None]


def parameter_groups(model: CodecModel, rate: float) -> list[dict[str, Any]]:
    """Learning rates: the maps fitted in closed form learn slowly, or the first hundred steps undo the start."""
    slow = ("encoder.linear.", "decoder.linear.")
    careful = ("encoder.project.", "decoder.project.", "decoder.split.", "quantizer.router.")
    groups: dict[float, list[nn.Parameter]] = {0.04: [], 0.1: [], 1.0: []}
    for name, parameter in model.named_parameters():
        scale = 0.04 if name.startswith(slow) else 0.1 if name.startswith(careful) else 1.0
        groups[scale].append(parameter)
    return [
        {"params": p, "scale": s, "lr": s * rate, "weight_decay": 0.0 if s == 0.04 else 1e-3} for s, p in groups.items()
    ]


def schedule(fraction: float, step: int, warmup: int) -> float:
    """Learning-rate factor: linear warm-up over steps, then a cosine over the stage down to 3 %."""
    return min(1.0, (step + 1) / max(1, warmup)) * (0.97 * 0.5 * (1 + math.cos(math.pi * min(1.0, fraction))) + 0.03)


class Trainer:
    """State of a run: model, average, optimizer, position in the stages."""

    def __init__(self, config: Config, device: torch.device, seed: int) -> None:
        self.config, self.device, self.seed = config, device, seed
        self.model = CodecModel(config).to(device)
        self.average: dict[str, Tensor] = {}
        self.loss = ReconstructionLoss(config).to(device)
        self.stage_index, self.stage_step, self.stage_seconds = 0, 0, 0.0
        self.step, self.audio_seconds, self.seconds = 0, 0.0, 0.0
        self.replaced = 0
        self.optimizer = self._optimizer()

    @property
    def stage(self) -> StageConfig:
        return self.config.training.stages[self.stage_index]

    @property
    def fraction(self) -> float:
        """How much of the current stage is done, 0..1."""
        by_step = self.stage_step / self.stage.steps if self.stage.steps else 0.0
        by_time = self.stage_seconds / (60 * self.stage.minutes) if self.stage.minutes else 0.0
        return max(by_step, by_time)

    def generator(self, purpose: int = 0) -> torch.Generator:
        """Random numbers of this step: the same whenever it is run."""
        return torch.Generator().manual_seed((self.seed * 1_000_003 + self.step) * 16 + purpose)

    def _optimizer(self) -> torch.optim.AdamW:
        groups = parameter_groups(self.model, self.stage.learning_rate)
        return torch.optim.AdamW(groups, self.stage.learning_rate, betas=BETAS, fused=True)

    def start(self, corpus: Corpus) -> None:
        """Closed-form start: PCA, least squares, k-means."""
        initialise(self.model, corpus, self.config, self.generator(1))
        self.begin()

    def begin(self) -> None:
        """Averages of codebooks and weights, from the weights as they are."""
        self.model.quantizer.restart_averages(self.config.training.codebook_horizon)
        self.average = {n: p.detach().clone() for n, p in self.model.named_parameters()}

    def next_stage(self) -> None:
        """Go on to the next stage with a fresh optimizer."""
        self.stage_index += 1
        self.stage_step, self.stage_seconds = 0, 0.0
        if self.stage_index < len(self.config.training.stages):
            self.optimizer = self._optimizer()

    def batch(self, corpus: Corpus) -> tuple[Tensor, Tensor]:
        """Crops (B, samples) and the k_r of each (B,): half at the nominal setting, half uniform."""
        t, n = self.config.training, self.stage.batch
        generator = self.generator()
        audio = corpus.crops(
            n, t.crop_latents * self.config.hop, generator, gain_db=t.gain_db, narrow_weight=t.narrow_weight
        )
        any_rate = torch.randint(0, self.config.quantizer.routed + 1, (n,), generator=generator)
        nominal = torch.rand(n, generator=generator) < 0.5
        experts = torch.where(nominal, t.nominal_experts, any_rate)
        return audio, experts.to(self.device)

    def train_step(self, corpus: Corpus) -> dict[str, Tensor]:
        """One optimizer step; returns its losses."""
        t = self.config.training
        began = time.perf_counter()
        self.model.train()
        factor = schedule(self.fraction, self.stage_step, self.stage.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = self.stage.learning_rate * group["scale"] * factor
        audio, experts = self.batch(corpus)
        losses = self._losses(audio, experts)
        self.optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        self._update_average()
        self.step, self.stage_step = self.step + 1, self.stage_step + 1
        if self.step % t.drps_every == 0:
            self.replaced = self.model.quantizer.maintain(t.drps_gamma, t.drps_dead, self.generator(2))
        self.audio_seconds += audio.numel() / self.config.sample_rate
        spent = time.perf_counter() - began
        self.stage_seconds, self.seconds = self.stage_seconds + spent, self.seconds + spent
        return {name: value.detach() for name, value in losses.items()}

    def _losses(self, audio: Tensor, experts: Tensor) -> dict[str, Tensor]:
        t = self.config.training
        with torch.autocast(self.device.type, torch.bfloat16):
            quantized, c = self.model(audio, experts)
        losses = {
            "magnitude": self.loss.magnitude(c, audio),
            "shared_commitment": quantized.shared_commitment,
            "commitment": quantized.commitment,
            "error": quantized.error,
        }
        losses["total"] = (
            t.magnitude_weight * losses["magnitude"]
            + t.shared_commitment * quantized.shared_commitment
            + t.commitment * quantized.commitment
        )
        if self.stage.kind == "waveform":
            with torch.autocast(self.device.type, torch.bfloat16):
                wave = self.model.decoder.render(
                    quantized.latents, c, self.stage.unrolled_iterations, 0.0, learned_phase=True
                )
            losses["mel"] = self.loss.multiscale_mel(audio, wave)
            losses["total"] = losses["total"] + t.waveform_weight * losses["mel"]
        return losses

    @torch.no_grad()
    def _update_average(self) -> None:
        # a short memory at first, so that the average is not held back by the start
        decay = min(self.config.training.ema_decay, (1 + self.step) / (10 + self.step))
        names = list(self.average)
        parameters = dict(self.model.named_parameters())
        torch._foreach_lerp_([self.average[n] for n in names], [parameters[n].detach() for n in names], 1 - decay)

    def averaged_state(self) -> dict[str, Tensor]:
        """The model's state with the moving average of its parameters; codebooks are averages already."""
        return {**self.model.state_dict(), **self.average}

    def averaged_model(self) -> CodecModel:
        """A second model with the averaged weights."""
        model = CodecModel(self.config).to(self.device)
        model.load_state_dict(self.averaged_state())
        return model.eval()

    def save(self, folder: Path) -> None:
        """Write a checkpoint that `load` continues from."""
        tensors = {f"model.{n}": v for n, v in self.model.state_dict().items()}
        tensors |= {f"average.{n}": v for n, v in self.average.items()}
        for i, book in enumerate(self.model.quantizer.books()):
            tensors |= {f"book.{i}.count": book.count, f"book.{i}.total": book.total}
        tensors |= {name: getattr(self.model.quantizer, name) for name in ROUTING}
        for i, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{k}": v for k, v in values.items()}
        counters = ("stage_index", "stage_step", "stage_seconds", "step", "audio_seconds", "seconds", "seed")
        save_checkpoint(folder, tensors, {name: getattr(self, name) for name in counters})

    def load(self, folder: Path) -> None:
        """Continue from a checkpoint."""
        tensors, state = load_checkpoint(folder)
        for name, value in state.items():
            setattr(self, name, value)

        def part(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v.to(self.device) for k, v in tensors.items() if k.startswith(prefix)}

        self.model.load_state_dict(part("model."))
        self.average = part("average.")
        self.model.quantizer.restart_averages(self.config.training.codebook_horizon)
        for i, book in enumerate(self.model.quantizer.books()):
            book.count.copy_(tensors[f"book.{i}.count"])
            book.total.copy_(tensors[f"book.{i}.total"])
        for name in ROUTING:
            getattr(self.model.quantizer, name).copy_(tensors[name])
        if self.stage_index >= len(self.config.training.stages):
            raise InputError(f"{folder} is of a finished run; start another from its weights with --init")
        self.optimizer = self._optimizer()
        saved = self.optimizer.state_dict()
        optimizer_state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".")
                optimizer_state.setdefault(int(index), {})[key] = value.to(self.device)
        saved["state"] = optimizer_state
        self.optimizer.load_state_dict(saved)

    def health(self) -> dict[str, Any]:
        """Codebook perplexities, codes nearly out of use, and the share of windows that chose each expert."""
        q = self.model.quantizer
        return {
            "perplexity": [round(b.perplexity(), 1) for b in q.books()],
            "dead": [int((b.count < 0.02 * b.count.mean()).sum()) for b in q.books()],
            "replaced": self.replaced,
            "expert_load": [round(float(x), 3) for x in q.usage],
        }


def scaled(config: Config, max_minutes: float | None, max_steps: int | None) -> Config:
    """The config with its stages shortened or stretched, in proportion, to a limit of minutes or steps."""
    stages = config.training.stages
    if not stages:
        raise InputError("the config has no [[training.stages]]")
    minutes, steps = sum(s.minutes for s in stages), sum(s.steps for s in stages)
    if max_steps is not None:
        shares = [(s.steps / steps if steps else s.minutes / minutes) for s in stages]
        stages = tuple(
            dataclasses.replace(s, steps=max(1, round(max_steps * share)), minutes=0.0)
            for s, share in zip(stages, shares, strict=True)
        )
    elif max_minutes is not None:
        shares = [(s.minutes / minutes if minutes else s.steps / steps) for s in stages]
        stages = tuple(
            dataclasses.replace(s, minutes=max_minutes * share, steps=0)
            for s, share in zip(stages, shares, strict=True)
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
    report: Report = lambda _: None,
) -> Path:
    """Train a model.

    Args:
        config: the model and its recipe; stages are scaled to `max_minutes` or `max_steps` in all.
        data: folder of audio or tar shards.
        out: folder for `last/` (checkpoint), `log.jsonl` and `weights.safetensors` (float16, averaged).
        val: folder of held-out clips.
        resume: checkpoint folder to continue from.
        init: weights to start from instead of the closed-form start.
        cache: file that keeps the decoded corpus between runs.
        report: called with every line of progress.

    Returns:
        The path of the final weights.

    Raises:
        InputError: unusable data or config.
        ModelError: a checkpoint or weights that do not fit.
    """
    torch.manual_seed(seed)
    config = scaled(config, max_minutes, max_steps)
    run = Trainer(config, torch.device(device), seed)
    if resume is not None:
        run.load(resume)
    clips = None if val is None else load_validation(val, config)
    report(Progress("decoding the corpus"))
    corpus = load_corpus(
        data,
        config,
        workers=os.cpu_count() or 1,
        cache=cache,
        progress=lambda done, total: report(Progress(f"decoding the corpus: {done} of {total}", done / total)),
    ).to(run.device)
    report(Progress(f"{len(corpus.lengths)} recordings, {corpus.hours:.2f} h"))
    if resume is None:
        if init is not None:
            load_weights(run.model, init)
            run.begin()
        else:
            report(Progress("PCA, least squares and k-means"))
            run.start(corpus)
    out.mkdir(parents=True, exist_ok=True)
    return _Loop(run, corpus, clips, out, report).run_stages()


class _Loop:
    """Runs a trainer to its end: logs, validates, keeps checkpoints."""

    def __init__(self, run: Trainer, corpus: Corpus, clips: ValidationSet | None, out: Path, report: Report) -> None:
        self.run, self.corpus, self.clips, self.out, self.report = run, corpus, clips, out, report
        self.smooth: dict[str, float] = {}
        self.best = -math.inf

    def run_stages(self) -> Path:
        run = self.run
        try:
            while run.stage_index < len(run.config.training.stages):
                self._run_stage()
                run.next_stage()
                run.save(self.out / "last")
        except (KeyboardInterrupt, SystemExit):  # Ctrl-C, or SIGTERM as the command line takes it
            run.save(self.out / "last")
            self.report(Progress(f"interrupted; continue with --resume {self.out / 'last'}"))
            raise
        weights = self.out / "weights.safetensors"
        save_weights(weights, run.averaged_state())
        return weights

    def _run_stage(self) -> None:
        run, t = self.run, self.run.config.training
        saved = validated = time.monotonic()
        self.best = -math.inf
        while run.fraction < 1:
            losses = run.train_step(self.corpus)
            if run.step % LOG_EVERY == 0 or run.fraction >= 1:
                self._log_losses(losses)
            if time.monotonic() - saved > 60 * t.checkpoint_every:
                run.save(self.out / "last")
                saved = time.monotonic()
            if self.clips is not None and time.monotonic() - validated > 60 * t.validate_every:
                self._validate(self.clips)
                validated = time.monotonic()
        if self.clips is not None:
            self._validate(self.clips)

    def _log_losses(self, losses: dict[str, Tensor]) -> None:
        run = self.run
        for name, value in losses.items():
            number = float(value)
            self.smooth[name] = 0.7 * self.smooth.get(name, number) + 0.3 * number
        health = run.health()
        speed = run.audio_seconds / max(run.seconds, 1e-9)
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
        learned = run.stage.kind != "magnitude" and run.config.backbone.learned_phase
        scores = validate(run.averaged_model(), clips, run.loss, learned)
        for score in scores:
            self.report(Progress(f"  {score}", run.fraction))
        self._write({"scores": [dataclasses.asdict(s) for s in scores]})
        merit = self._merit(scores)
        if merit > self.best:
            self.best = merit
            name = f"best-{run.stage_index + 1}-{run.stage.kind}.safetensors"
            save_weights(self.out / name, run.averaged_state())

    @staticmethod
    def _merit(scores: list[Score]) -> float:
        quantised = [s for s in scores if s.kbps is not None]
        pesq = sum(s.pesq for s in quantised)
        return -sum(s.mel for s in quantised) if math.isnan(pesq) else pesq

    def _write(self, entry: dict[str, Any]) -> None:
        run = self.run
        head = {
            "stage": run.stage.kind,
            "step": run.step,
            "minutes": round(run.seconds / 60, 2),
            "audio_hours": round(run.audio_seconds / 3600, 3),
        }
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as f:
            f.write(json.dumps(head | entry) + "\n")
