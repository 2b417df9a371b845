"""The recipe: stages of training, and weights of their losses. Sources are in `swc.training`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from swc.config.checks import at_least, require

RATES = ("uniform", "log")
TRAINS = ("all", "decoder", "refiner", "importance")
SPECTRAL = ("mtsd", "mrd", "none")
POLICIES = ("decay", "one-cycle")
MATRICES = ("adamw", "muon")


@dataclass(frozen=True)
class StageConfig:
    """One training stage.

    Attributes:
        kind: its name in `[[training.stages]]`.
        steps: that end it.
        batch: crops a step.
    """

    kind: str
    steps: int = 0
    batch: int = 14

    def __post_init__(self) -> None:
        at_least(self, 0, "steps")
        at_least(self, 1, "batch")


@dataclass(frozen=True)
class GradientStage(StageConfig):
    """A stage that descends the gradient of its losses; `minutes` or `steps` end it."""

    minutes: float = 0.0
    learning_rate: float = 5e-4
    warmup: int = 100  # steps
    hold: float = 0.0  # share of the stage before the learning rate begins to fall
    policy: str = "decay"  # or "one-cycle", which has a warm-up of its own; see `swc.training.optimization`
    matrices: str = "adamw"  # or "muon": the optimizer of hidden layers' matrices; AdamW has the other parameters
    clip: float = 5.0  # the greatest norm of a gradient
    trains: str = (
        "all"  # or "decoder", its "refiner", "importance": encoder and codebooks rest, as does the fingerprint
    )
    magnitude_weight: float = 40.0  # of the distance of compressed magnitudes, which only a spectral decoder makes

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.trains in TRAINS, f"trains must be one of {', '.join(TRAINS)}, not {self.trains!r}")
        at_least(self, 0, "minutes", "learning_rate", "warmup", "magnitude_weight", "hold")
        require(self.hold <= 1, "hold must be at most 1")
        require(self.policy in POLICIES, f"policy must be one of {', '.join(POLICIES)}, not {self.policy!r}")
        require(self.matrices in MATRICES, f"matrices must be one of {', '.join(MATRICES)}, not {self.matrices!r}")
        require(self.clip > 0, "clip must be above 0")


@dataclass(frozen=True)
class LossConfig:
    """One loss of a stage that lists them.

    Attributes:
        kind: its name, see `swc.training.losses.listed`; "adversarial" is that of the discriminators, and "magnitude"
            that of the magnitudes that a spectral decoder makes.
        weight: in the sum.
        most: the weighted loss counts at most so much, by a lower weight.
    """

    kind: str
    weight: float = 1.0
    most: float = math.inf

    def __post_init__(self) -> None:
        at_least(self, 0, "weight")
        require(self.most > 0, "most must be above 0")


@dataclass(frozen=True)
class ListedStage(GradientStage):
    """A stage that learns from a list of losses."""

    losses: tuple[LossConfig, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        require(bool(self.losses), 'kind "listed" needs [[training.stages.losses]]')
        require(len({loss.kind for loss in self.losses}) == len(self.losses), "a loss is listed twice")


@dataclass(frozen=True)
class ImportanceStage(GradientStage):
    """The stage that learns how many codebooks latents are worth."""

    trains: str = "importance"
    temperature: float = 2.0  # of the smooth step in place of the hard one: the greater, the steeper
    levels: tuple[float, float] = (0.05, 4.0)  # least and greatest of the levels that it is trained at
    rate_weight: float = 4.0  # of the mean importance

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.trains == "importance", f'kind "{self.kind}" trains "importance", not {self.trains!r}')
        at_least(self, 0.01, "temperature")
        at_least(self, 0, "rate_weight")
        require(0 < self.levels[0] <= self.levels[1] < math.inf, "levels must be two rising numbers above 0")


@dataclass(frozen=True)
class DistilStage(GradientStage):
    """The stage that learns another model's latents."""

    teacher: str = ""  # a bundle's name or folder
    distance_weight: float = 20.0  # of the mean squared distance of the latents

    def __post_init__(self) -> None:
        super().__post_init__()
        require(bool(self.teacher), 'kind "distil" needs a teacher: the name or the folder of a bundle')
        require(self.trains == "all", 'kind "distil" trains encoder and decoder: trains must be "all"')
        at_least(self, 0, "distance_weight")


@dataclass(frozen=True)
class SolvedStage(StageConfig):
    """A stage that measures on the corpus and solves."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.steps > 0, f'kind "{self.kind}" needs steps')


@dataclass(frozen=True)
class SharpnessStage(SolvedStage):
    """The stage that sharpens spectra."""

    strength: float = 0.4  # share of a spectrum's peaks over its blur that is added to it

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 0, "strength")


STAGES: dict[str, type[StageConfig]] = {
    "distil": DistilStage,  # another model's latents for the encoder, waveforms of them for the decoder
    "magnitude": GradientStage,  # 1a: compressed magnitudes alone, no waveforms; spectral
    "waveform": GradientStage,  # 1b: distances between waveforms too
    "adversarial": GradientStage,  # 2: discriminators too
    "listed": ListedStage,  # end to end, with the losses that it lists
    "codebooks": SolvedStage,  # all codebooks at once, with the encoder frozen; steps are rounds
    "weighting": SolvedStage,  # a basis of the latents in which audible errors count more; steps are batches; spectral
    "gains": SolvedStage,  # the decoder's bands as loud as those of the recordings; steps are batches; spectral
    "importance": ImportanceStage,  # how many codebooks each latent gets, with all else at rest
    "sharpness": SharpnessStage,  # the decoder's spectra sharper along frequency; one step does it; spectral
}
"""Kinds of `[[training.stages]]`, some only for a spectral backbone; their code is in `swc.training.stages`."""


@dataclass(frozen=True)
class DiscriminatorConfig:
    """The adversaries of stage 2 (see `swc.training.losses.discriminators`)."""

    spectral: str = "mtsd"  # the paper's multi-tiered STFT discriminator, or "mrd" (DAC's), or "none"
    periods: tuple[int, ...] = (2, 3, 5, 7, 11)  # of the multi-period discriminator; empty: none
    period_widths: tuple[int, ...] = (32, 128, 512, 1024, 1024)
    spectral_widths: tuple[int, ...] = (32, 64, 128, 256)
    learning_rate: float = 1e-4
    warmup_steps: int = 200  # steps that train the discriminators alone, before the decoder learns from them
    every: int = 1  # they learn in one step of so many

    def __post_init__(self) -> None:
        require(self.spectral in SPECTRAL, f"spectral must be one of {', '.join(SPECTRAL)}, not {self.spectral!r}")
        require(bool(self.periods) or self.spectral != "none", "no discriminator is left")
        require(all(n >= 1 for n in (*self.periods, *self.period_widths, *self.spectral_widths)), "sizes must be >= 1")
        require(len(self.period_widths) >= 1 and len(self.spectral_widths) >= 1, "a discriminator needs layers")
        at_least(self, 0, "learning_rate", "warmup_steps")
        at_least(self, 1, "every")


@dataclass(frozen=True)
class TrainingConfig:
    """The recipe; weights of the losses and their sources are in `swc.training.losses`."""

    stages: tuple[StageConfig, ...] = ()
    discriminators: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    crop_latents: int = 32  # of a routing window in training
    crop_windows: int = 1  # routing windows of a crop
    validate_every: float = 10.0  # minutes
    checkpoint_every: float = 2.0  # minutes
    ema_decay: float = 0.998
    gain_db: tuple[float, float] = (-4.0, 4.0)  # augmentation around the normalised level
    speed: tuple[float, float] = (0.88, 1.14)  # of the crops that are played slower or faster
    speed_share: float = 0.0  # of such crops
    narrow_weight: float = 0.4  # sampling weight of recordings without content above 11 kHz
    init_seconds: float = 1400.0  # audio for PCA, least squares and k-means
    refit_hours: float = 12.0  # audio for the stage "codebooks", at most
    nominal_k: int = 5  # k_r of `nominal_share` of the training windows; for the others it is drawn
    nominal_share: float = 0.5
    other_rates: str = "uniform"  # how: every k_r is equally likely, or with "log" its logarithm
    mask_search: float = 0.0  # share of the windows up to the nominal k_r whose experts are searched for, not routed
    emphasis: tuple[float, float, float, float, float] = (
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
    )  # see `swc.training.losses.reconstruction`
    shared_commitment: float = 1.0  # more of it narrows the range of the shared codebook
    commitment: float = 4.0
    waveform_weight: float = 7.0
    loudness_weight: float = 0.0  # see `swc.training.losses.auditory`
    envelope_weight: float = 0.0
    feature_weight: float = 2.0
    adversarial_weight: float = 1.0
    weight_norm: bool = False  # convolutions learn length and direction apart (Salimans & Kingma 2016)
    codebook_horizon: float = 90.0  # vectors a code that its exponential moving average remembers
    drps_gamma: float = 0.01  # eq. (4)
    drps_every: int = 50  # steps between two DRPS updates
    drps_dead: float = 0.1  # dead threshold, as a share of the mean load

    def __post_init__(self) -> None:
        at_least(self, 1, "crop_latents", "crop_windows", "drps_every")
        at_least(self, 0, "init_seconds", "refit_hours", "nominal_k", "narrow_weight", "ema_decay", "nominal_share")
        at_least(self, 0, "mask_search", "loudness_weight", "envelope_weight", "feature_weight", "adversarial_weight")
        require(all(0 <= w < math.inf for w in self.emphasis), "emphasis must be numbers of at least 0")
        at_least(self, 1, "codebook_horizon")
        require(self.other_rates in RATES, f"other_rates must be one of {', '.join(RATES)}, not {self.other_rates!r}")
        require(0.25 <= self.speed[0] <= self.speed[1] <= 4, "speed must be two rising numbers from 0.25 to 4")
        require(0 <= self.speed_share <= 1, "speed_share must be 0 to 1")
