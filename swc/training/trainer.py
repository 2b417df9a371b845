"""The trainer: the state of a run and its steps, with a moving average of the weights.

Every random draw of a step comes from (seed, step), so that a resumed run equals a straight one. In a team, a resumed
run has the leader's optimizer in all processes, and equals a straight one only nearly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from swc.config import Config, StageConfig
from swc.errors import InputError, ModelError
from swc.nn.model import CodecModel
from swc.training.adversarial import Adversary
from swc.training.batches import Batch, draw, rates
from swc.training.checkpoint import load_checkpoint, optimizer_tensors, restore_optimizer, save_checkpoint
from swc.training.compiled import compile_networks, record
from swc.training.corpus import Corpus
from swc.training.initialise import initialise
from swc.training.levels import Levels, level
from swc.training.objective import Objective
from swc.training.optimization import optimizer, schedule
from swc.training.refit import Round, latents_of, refit
from swc.training.team import Team
from swc.training.weighting import Weighting, weigh

NONE_YET = -1e9  # JSON has no infinity
FINITE_EVERY = 10  # steps between two looks at the gradient, each of which waits for a GPU
MEET_EVERY = 10  # steps that the processes of a team take alone
COUNTERS = ("stage_index", "stage_step", "stage_seconds", "step", "audio_seconds", "seconds", "seed", "best")
AVERAGES = ("count", "total", "recent")  # of each codebook
ROUTING = ("load", "windows", "usage")  # state of the router's protection
Outcome = Round | Weighting | Levels  # of the stages that descend no gradient


class Trainer:
    """State of a run: model, average, optimizer, position in the stages."""

    def __init__(self, config: Config, device: torch.device, seed: int, team: Team | None = None) -> None:
        self.config, self.device, self.seed = config, device, seed
        self.team = team or Team(device)
        self.elapsed = 0.0  # seconds since the team has met
        self.model = CodecModel(config).to(device)
        self.average: dict[str, Tensor] = {}
        self.objective = Objective(config, device)
        self.stage_index, self.stage_step, self.stage_seconds = 0, 0, 0.0
        self.step, self.audio_seconds, self.seconds = 0, 0.0, 0.0
        self.best = NONE_YET  # merit of the stage's best validation
        self.replaced = 0
        self.adversary: Adversary | None = None
        self.compiled = False
        self._prepare_stage()

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
        """Random numbers of this step: the same whenever it is run, others in each process of a team."""
        seed = self.seed + 7919 * self.team.rank
        return torch.Generator().manual_seed((seed * 1_000_003 + self.step) * 16 + purpose)

    @property
    def frozen(self) -> bool:
        """Whether encoder and codebooks stay as they are in this stage."""
        return self.stage.trains == "decoder"

    def _prepare_stage(self) -> None:
        """What the current stage trains, with fresh optimizers, and its adversary."""
        for part in (self.model.encoder, self.model.quantizer):
            part.requires_grad_(not self.frozen)
        self.optimizer = optimizer(self.model, self.stage.learning_rate, imitating=self.config.training.mask_search > 0)
        adversarial = self.stage.kind == "adversarial"
        self.adversary = Adversary(self.config.training.discriminators, self.device) if adversarial else None
        if self.compiled:
            self._compile_stage()

    def compile(self) -> None:
        """Compile this stage and the next ones; see `swc.training.compiled`."""
        self.compiled = True
        compile_networks(self.model)
        self._compile_stage()

    def _compile_stage(self) -> None:
        record(self.model)  # anew, since a stage decides which parts learn
        if self.adversary is not None:
            self.adversary.compile()

    def start(self, corpus: Corpus) -> None:
        """Closed-form start: PCA, least squares, k-means."""
        initialise(self.model, corpus, self.config, self.generator(1))
        self.begin()

    def begin(self) -> None:
        """Averages of codebooks and weights, from the weights as they are."""
        self.model.quantizer.restart_averages(self.config.training.codebook_horizon)
        self.average = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        self.team.follow(self._learned())

    def _learned(self) -> list[Tensor]:
        """All that this stage changes and a team shares; not the optimizers' moments, which stay with their process."""
        part: nn.Module = self.model.decoder if self.frozen else self.model
        average = [v for n, v in self.average.items() if n.startswith("decoder.") or not self.frozen]
        judges = [] if self.adversary is None else [*self.adversary.judges.parameters()]
        return [*part.parameters(), *part.buffers(), *average, *judges]

    def meet(self) -> None:
        """Take the mean of what the team has learned, and the leader's time."""
        began = time.perf_counter()
        if self.team.size > 1:
            self.team.average(self._learned())
            clock = torch.tensor([self.elapsed + time.perf_counter() - began], device=self.device)
            self.team.follow([clock])
            self.elapsed = float(clock)
        self.stage_seconds, self.seconds = self.stage_seconds + self.elapsed, self.seconds + self.elapsed
        self.elapsed = 0.0

    def next_stage(self) -> None:
        """Go on to the next stage with fresh optimizers."""
        self.stage_index += 1
        self.stage_step, self.stage_seconds, self.best = 0, 0.0, NONE_YET
        if self.stage_index < len(self.config.training.stages):
            if self.frozen:  # the encoder that is kept is the averaged one
                self.model.load_state_dict(self.averaged_state())
            self._prepare_stage()

    def solve(self, corpus: Corpus) -> Iterator[Outcome]:
        """The stages that descend no gradient: the leader solves for them, on the averaged model."""
        began, generator = time.perf_counter(), self.generator()
        self.model.load_state_dict(self.averaged_state())
        if self.team.leads:
            self.model.eval()
            solvers: dict[str, Callable[[Corpus, torch.Generator], Iterator[Outcome]]] = {
                "codebooks": self._codebooks,
                "weighting": self._weighting,
                "levels": self._levels,
            }
            for outcome in solvers[self.stage.kind](corpus, generator):
                now = time.perf_counter()
                self.stage_seconds, self.seconds = self.stage_seconds + now - began, self.seconds + now - began
                began = now
                yield outcome
        self.begin()

    def _codebooks(self, corpus: Corpus, generator: torch.Generator) -> Iterator[Round]:
        runs = latents_of(self.model, corpus, self.config, generator)
        experts = rates(self.config, len(runs) * self.config.training.crop_windows, generator).to(runs.device)
        for outcome in refit(self.model.quantizer, runs, experts, generator, rounds=self.stage.steps):
            self.stage_step += 1
            yield outcome

    def _weighting(self, corpus: Corpus, generator: torch.Generator) -> Iterator[Weighting]:
        found = weigh(self.model, self._crops(corpus, generator), self.config.training.nominal_experts, generator)
        self.stage_step = self.stage.steps
        yield found

    def _levels(self, corpus: Corpus, generator: torch.Generator) -> Iterator[Levels]:
        found = level(self.model, self._crops(corpus, generator), self.config.training.nominal_experts)
        self.stage_step = self.stage.steps
        yield found

    def _crops(self, corpus: Corpus, generator: torch.Generator) -> Iterator[Tensor]:
        """Batches of a stage that measures on them."""
        t, size = self.config.training, self.config.crop
        for _ in range(self.stage.steps):
            yield corpus.crops(self.stage.batch, size, generator, gain_db=t.gain_db, narrow_weight=t.narrow_weight)

    def train_step(self, corpus: Corpus) -> dict[str, Tensor]:
        """One optimizer step; returns its losses."""
        t = self.config.training
        began = time.perf_counter()
        self.model.train()
        if self.frozen:
            self.model.encoder.eval()
            self.model.quantizer.eval()
        batch = draw(self.config, corpus, self.stage.batch, self.generator())
        if self.adversary is not None and self.stage_step < t.discriminators.warmup_steps:
            losses = self._warm_up(batch)
        else:
            factor = schedule(self.fraction, self.stage_step, 0, self.stage.hold)
            losses = self.objective(self.model, batch, self.stage, self.adversary, factor)
            self._descend(losses["total"])
        self.step, self.stage_step = self.step + 1, self.stage_step + 1
        if self.step % t.drps_every == 0 and not self.frozen:
            self.replaced = self.model.quantizer.maintain(t.drps_gamma, t.drps_dead, self.generator(2))
            self.team.follow(self.model.quantizer.buffers())  # each has put others of its own vectors into dead codes
        self.audio_seconds += self.team.size * batch.audio.numel() / self.config.sample_rate
        self.elapsed += time.perf_counter() - began
        if self.team.size == 1 or self.step % MEET_EVERY == 0:
            self.meet()
        return {name: value.detach() for name, value in losses.items()}

    def _descend(self, total: Tensor) -> None:
        """One step of the optimizer down the gradient of the loss."""
        warm = self.config.training.discriminators.warmup_steps if self.adversary is not None else 0
        factor = schedule(self.fraction, self.stage_step - warm, self.stage.warmup, self.stage.hold)
        for group in self.optimizer.param_groups:
            group["lr"] = self.stage.learning_rate * group["scale"] * factor
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        if self.step % FINITE_EVERY == 0 and not bool(torch.isfinite(norm)):
            raise ModelError(f"the gradient of step {self.step} is not finite; resume with a lower learning rate")
        self.optimizer.step()
        self._update_average()

    @torch.no_grad()
    def _warm_up(self, batch: Batch) -> dict[str, Tensor]:
        """The discriminators learn alone, so that the decoder never follows one that knows nothing."""
        if self.adversary is None:
            raise RuntimeError("a stage without discriminators has none to warm up")
        with torch.autocast(self.device.type, torch.bfloat16):
            _, c = self.model(*batch)
        wave = self.model.decoder.render(self.model.decoder.spectrum(c))
        with torch.enable_grad():
            return {"discriminator": self.adversary.learn(batch.audio, wave, 1.0)}

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
            tensors |= {f"book.{i}.{name}": getattr(book, name) for name in AVERAGES}
        tensors |= {name: getattr(self.model.quantizer, name) for name in ROUTING}
        tensors |= optimizer_tensors(self.optimizer, "optimizer")
        if self.adversary is not None:
            tensors |= {f"judges.{n}": v for n, v in self.adversary.judges.state_dict().items()}
            tensors |= optimizer_tensors(self.adversary.optimizer, "adversary")
        save_checkpoint(folder, tensors, {name: getattr(self, name) for name in COUNTERS})

    def load(self, folder: Path) -> None:
        """Continue from a checkpoint.

        Raises:
            ModelError: it is not one, or one of another config.
            InputError: its run is finished.
        """
        tensors, state = load_checkpoint(folder)
        try:
            self._restore(folder, tensors, state)
        except (KeyError, RuntimeError) as e:
            raise ModelError(f"{folder} does not fit this config: {' '.join(str(e).split())[:200]}") from None

    def _restore(self, folder: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        for name in COUNTERS:
            setattr(self, name, state[name])

        def part(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v.to(self.device) for k, v in tensors.items() if k.startswith(prefix)}

        self.model.load_state_dict(part("model."))
        self.average = part("average.")
        self.model.quantizer.restart_averages(self.config.training.codebook_horizon)
        for i, book in enumerate(self.model.quantizer.books()):
            for name in AVERAGES:
                getattr(book, name).copy_(tensors[f"book.{i}.{name}"])
        for name in ROUTING:
            getattr(self.model.quantizer, name).copy_(tensors[name])
        if self.stage_index >= len(self.config.training.stages):
            raise InputError(f"{folder} is of a finished run; start another from its weights with --init")
        self._prepare_stage()
        restore_optimizer(self.optimizer, tensors, "optimizer")
        if self.adversary is not None:
            self.adversary.judges.load_state_dict(part("judges."))
            restore_optimizer(self.adversary.optimizer, tensors, "adversary")

    def health(self) -> dict[str, Any]:
        """Codebook perplexities, codes nearly out of use, and the share of windows that chose each expert."""
        q = self.model.quantizer
        return {
            "perplexity": [round(b.perplexity(), 1) for b in q.books()],
            "dead": [int((b.recent < 0.02 * b.recent.mean()).sum()) for b in q.books()],
            "replaced": self.replaced,
            "expert_load": [round(float(x), 3) for x in q.usage],
        }
