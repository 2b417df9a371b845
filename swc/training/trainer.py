"""The trainer: the state of a run and its steps, with a moving average of the weights.

Every random draw of a step comes from (seed, step), so that a resumed run equals a straight one. With several workers,
a resumed run has the main one's optimizers in all processes, and equals a straight one only nearly.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from swc.bundle.find import base_of
from swc.bundle.weights import load_base
from swc.config import Config
from swc.config.training import GradientStage
from swc.errors import InputError, ModelError
from swc.nn.layers.weight_norm import folded, normalise_weights, unfolded
from swc.nn.model import CodecModel
from swc.training.cuda_graphs import capture, compile_networks
from swc.training.data.batches import draw_batch
from swc.training.data.corpus import Corpus
from swc.training.distributed import Workers
from swc.training.initialise import initialise
from swc.training.learners import learner_of
from swc.training.optimization import optimizers, rate_factor
from swc.training.stages import Objective, Outcome, Solver, Stage, check_stages, stage_of

NONE_YET = -1e9  # JSON has no infinity
NEEDED = {"refiner": "refine_blocks above 0 in [backbone]", "importance": 'kind = "vrvq" in [quantizer]'}
"""What a config needs for a model to have these parts."""
FINITE_EVERY = 10  # steps between checks of the gradient, each of which waits for a GPU
SYNCHRONISE_EVERY = 10  # steps that each worker takes alone


class Trainer:
    """State of a run.

    Attributes:
        model: the model.
        learner: of its quantizer.
        average: moving average of the parameters, by name.
        stage: the current one, at work.
        optimizers: of a stage that descends a gradient, by their names in checkpoints.
        stage_index, stage_step, stage_seconds: position in the stages.
        step, audio_seconds, seconds: of the whole run.
        elapsed: seconds since the workers synchronised.
        best: merit of the stage's best validation.
    """

    stage: Stage
    optimizers: dict[str, torch.optim.Optimizer]

    def __init__(self, config: Config, device: torch.device, seed: int, workers: Workers | None = None) -> None:
        self.config, self.device, self.seed = config, device, seed
        self.workers = workers or Workers(device)
        check_stages(config)
        self.model = CodecModel(config.model)
        if config.training.weight_norm:
            normalise_weights(self.model)
        self.model.to(device)
        self.learner = learner_of(self.model.quantizer, config.training)
        self.average: dict[str, Tensor] = {}
        self.stage_index, self.stage_step, self.stage_seconds = 0, 0, 0.0
        self.step, self.audio_seconds, self.seconds, self.elapsed = 0, 0.0, 0.0, 0.0
        self.best, self.compiled = NONE_YET, False
        self.prepare_stage()

    @property
    def finished(self) -> bool:
        """Whether all stages are done."""
        return self.stage_index >= len(self.config.training.stages)

    @property
    def fraction(self) -> float:
        """How much of the current stage is done, 0..1."""
        settings = self.stage.settings
        minutes = settings.minutes if isinstance(settings, GradientStage) else 0.0
        by_step = self.stage_step / settings.steps if settings.steps else 0.0
        by_time = self.stage_seconds / (60 * minutes) if minutes else 0.0
        return max(by_step, by_time)

    def generator(self, purpose: int = 0) -> torch.Generator:
        """Random numbers of this step: the same whenever it runs, different in each worker."""
        seed = self.seed + 7919 * self.workers.rank
        return torch.Generator().manual_seed((seed * 1_000_003 + self.step) * 16 + purpose)

    def prepare_stage(self) -> None:
        """The current stage with fresh networks of its own and fresh optimizers."""
        settings = self.config.training.stages[self.stage_index]
        self.stage = stage_of(settings, self.config, self.device)
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(name.startswith(self.stage.learning))
        self.stage.begin(self.model)
        self.optimizers = {}
        if isinstance(settings, GradientStage):
            if not any(parameter.requires_grad for parameter in self.model.parameters()):
                raise InputError(f'trains = "{settings.trains}" needs {NEEDED[settings.trains]}')
            imitating = self.config.training.mask_search > 0
            self.optimizers = optimizers(self.model, settings, imitating=imitating)
        if self.compiled:
            self._compile_stage()

    def compile(self) -> None:
        """Compile this stage and the next ones; see `swc.training.cuda_graphs`."""
        self.compiled = True
        compile_networks(self.model)
        self._compile_stage()

    def _compile_stage(self) -> None:
        capture(self.model)  # again, since a stage decides which parts learn
        self.stage.compile()

    def start(self, corpus: Corpus) -> None:
        """The base's weights, or else a closed-form start by PCA and least squares; k-means for the codebooks.

        A stage that brings its own quantizer needs neither.
        """
        if base := base_of(self.config.model):
            load_base(self.model, base.weights)
        if not self.stage.brings_quantizer:
            initialise(self.model, corpus, self.config, self.generator(1))
        self.restart_averages()

    def load(self, state: dict[str, Tensor]) -> None:
        """Start from the plain weights of a model."""
        self.model.load_state_dict(unfolded(state, self.model.state_dict()))
        self.stage.begin(self.model)
        self.restart_averages()

    def restart_averages(self) -> None:
        """Averages of codebooks and weights, from the weights as they are."""
        self.learner.restart_averages()
        self.average = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        self.workers.broadcast(self._learned())

    def _learned(self) -> list[Tensor]:
        """Everything that this stage changes and workers share; moments of optimizers stay with their process."""
        learning = self.stage.learning
        parameters = [p for n, p in self.model.named_parameters() if n.startswith(learning)]
        buffers = () if self.stage.frozen else self.model.buffers()
        average = [v for n, v in self.average.items() if n.startswith(learning)]
        return [*parameters, *buffers, *average, *self.stage.parameters()]

    def synchronise(self) -> None:
        """Take the mean of what the workers have learned, and the main one's time."""
        began = time.perf_counter()
        if self.workers.size > 1:
            self.workers.average(self._learned())
            clock = torch.tensor([self.elapsed + time.perf_counter() - began], device=self.device)
            self.workers.broadcast([clock])
            self.elapsed = float(clock)
        self.stage_seconds, self.seconds = self.stage_seconds + self.elapsed, self.seconds + self.elapsed
        self.elapsed = 0.0

    def next_stage(self) -> None:
        """Go on to the next stage, if there is one."""
        self.stage_index += 1
        self.stage_step, self.stage_seconds, self.best = 0, 0.0, NONE_YET
        if not self.finished:
            self.prepare_stage()
            if self.stage.frozen:  # the encoder that is kept is the averaged one
                self.model.load_state_dict(self.averaged_state())

    def solve(self, corpus: Corpus) -> Iterator[Outcome]:
        """Run a stage that solves: only in the main process, on the averaged model."""
        if not isinstance(self.stage, Solver):
            raise TypeError(f"a stage of kind {self.stage.settings.kind!r} does not solve")
        began, generator = time.perf_counter(), self.generator()
        self.model.load_state_dict(self.averaged_state())
        if self.workers.is_main:
            self.model.eval()
            for steps, outcome in self.stage.solve(self.model, corpus, generator):
                self.stage_step, now = steps, time.perf_counter()
                self.stage_seconds, self.seconds = self.stage_seconds + now - began, self.seconds + now - began
                began = now
                yield outcome
        self.restart_averages()

    def train_step(self, corpus: Corpus) -> dict[str, Tensor]:
        """One step of a stage that descends a gradient; returns its losses, scalars."""
        if not isinstance(self.stage, Objective):
            raise TypeError(f"a stage of kind {self.stage.settings.kind!r} does not descend a gradient")
        began = time.perf_counter()
        t, settings, frozen = self.config.training, self.stage.settings, self.stage.frozen
        self.model.train()
        if frozen:
            self.model.encoder.eval()
            self.model.quantizer.eval()
        batch = draw_batch(self.config, corpus, settings.batch, self.generator())
        factor = rate_factor(settings, self.fraction, self.stage_step, 0)
        losses = self.stage.losses(self.model, batch, self.stage_step, factor)
        if "total" in losses:
            warm = rate_factor(settings, self.fraction, self.stage_step - self.stage.delay, settings.warmup)
            self._descend(losses["total"], settings.learning_rate * warm, settings.clip)
        self.step, self.stage_step = self.step + 1, self.stage_step + 1
        if self.step % t.drps_every == 0 and not frozen:
            self.learner.maintain(self.generator(2))
            self.workers.broadcast(self.model.quantizer.buffers())  # each has put its own vectors into dead codes
        self.audio_seconds += self.workers.size * batch.audio.numel() / self.config.model.sample_rate
        self.elapsed += time.perf_counter() - began
        if self.workers.size == 1 or self.step % SYNCHRONISE_EVERY == 0:
            self.synchronise()
        return {name: value.detach() for name, value in losses.items()}

    def _descend(self, total: Tensor, rate: float, clip: float) -> None:
        """One step of the optimizers down the gradient of the loss, at a learning rate; `clip` is its greatest norm."""
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate * group["scale"]
            optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), clip)
        if self.step % FINITE_EVERY == 0 and not bool(torch.isfinite(norm)):
            raise ModelError(f"the gradient of step {self.step} is not finite; resume with a lower learning rate")
        for optimizer in self.optimizers.values():
            optimizer.step()
        self._update_average()

    @torch.no_grad()
    def _update_average(self) -> None:
        # a short memory at first, so that the average is not held back by the start
        decay = min(self.config.training.ema_decay, (1 + self.step) / (10 + self.step))
        parameters = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        names = list(parameters)
        torch._foreach_lerp_([self.average[n] for n in names], [parameters[n].detach() for n in names], 1 - decay)

    def averaged_state(self) -> dict[str, Tensor]:
        """The model's state with the moving average of its parameters; codebooks are averages already."""
        return {**self.model.state_dict(), **self.average}

    def weights(self) -> dict[str, Tensor]:
        """The averaged state without weight normalisation, as models outside of training have it."""
        return folded(self.averaged_state())

    def own_state(self) -> dict[str, Tensor]:
        """What the model's bundle holds of `weights`: of a model with a base, what the base does not have."""
        state = self.weights()
        return {n: t for n, t in state.items() if n.startswith("quantizer.")} if self.config.model.base else state

    def averaged_model(self) -> CodecModel:
        """A second model with the averaged weights."""
        model = CodecModel(self.config.model).to(self.device)
        model.load_state_dict(self.weights())
        return model.eval()
