"""Model and training configuration: TOML parsed into frozen dataclasses that reject unknown keys.

Derived values are computed properties, never stored. A config holds data only: no class paths, no code.
"""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from swc.errors import InputError

T = TypeVar("T")
STAGES = ("magnitude", "codebooks", "waveform", "weighting", "levels", "adversarial")
RATES = ("uniform", "log")
SOLVED = ("codebooks", "weighting", "levels")  # stages that descend no gradient
TRAINS = ("all", "decoder")
ORDERS = ("index", "score")
SPECTRAL = ("mtsd", "mrd", "none")


def require(condition: bool, message: str) -> None:
    """Raise InputError unless a config's value makes sense."""
    if not condition:
        raise InputError(message)


def at_least(config: object, least: float, *names: str) -> None:
    """Raise InputError unless these values of a config are finite and not below `least`."""
    for name in names:
        value = getattr(config, name)
        require(least <= value < math.inf, f"{name} must be at least {least:g}, not {value}")


@dataclass(frozen=True)
class SpectralConfig:
    """Sizes of the `spectral` backbone. Lengths in samples at the model's rate, widths in channels."""

    n_fft: int = 2048
    frame_hop: int = 512
    exponent: float = 0.3  # compression of magnitudes, c = |X|^exponent
    mels: int = 128
    frames_per_latent: int = 2
    latent_dim: int = 64
    dim: int = 384
    expansion: int = 3
    kernel: int = 7
    encoder_blocks: int = 6
    decoder_blocks: int = 8
    iterations: int = 0  # of Griffin-Lim, from the integrated phases
    momentum: float = 0.99  # of fast Griffin-Lim (Perraudin et al. 2013)

    def __post_init__(self) -> None:
        at_least(self, 1, "frame_hop", "frames_per_latent", "latent_dim", "dim", "expansion", "kernel")
        at_least(self, 1, "encoder_blocks", "decoder_blocks", "mels")
        at_least(self, 0, "iterations", "momentum")
        at_least(self, 0.01, "exponent")
        require(
            self.n_fft >= 2 * self.frame_hop and self.n_fft % (2 * self.frame_hop) == 0,
            "n_fft must be a multiple of 2 frame_hop",
        )
        require(self.kernel % 2 == 1, "kernel must be odd")
        require(
            self.latent_dim <= self.mels * self.frames_per_latent, "latent_dim must be at most mels x frames_per_latent"
        )


@dataclass(frozen=True)
class RevqConfig:
    """Sizes of the `revq` quantizer (SwitchCodec, arXiv 2505.24437)."""

    shared: int = 1
    routed: int = 17
    codebook_bits: int = 10
    window: int = 43  # latents a routing window at inference
    windows_per_chunk: int = 4
    order: str = "index"  # in which chosen experts see the residual; the paper's is "index", "score" is for comparison
    predictive: bool = False  # codes say what a latent differs by from what the one before it lets expect

    def __post_init__(self) -> None:
        at_least(self, 1, "shared", "routed", "window", "windows_per_chunk")
        require(self.order in ORDERS, f"order must be one of {', '.join(ORDERS)}, not {self.order!r}")
        require(
            self.shared + self.routed <= 255 and self.windows_per_chunk <= 255,
            "at most 255 codebooks and windows a chunk",
        )
        require(self.order == "index" or not self.predictive, 'a predictive quantizer needs order = "index"')
        require(2 <= self.codebook_bits <= 16, "codebook_bits must be 2 to 16")

    @property
    def codebook_size(self) -> int:
        return 1 << self.codebook_bits


@dataclass(frozen=True)
class LevelConfig:
    """Level normalisation before coding; the gain travels in the header (see `swc.level`)."""

    target_db: float = -20.0  # dB re full scale, RMS of the loud blocks
    lookahead: float = 30.0  # seconds of audio that decide the gain
    max_gain_db: float = 24.0  # what comes after a quiet start may be louder

    def __post_init__(self) -> None:
        at_least(self, -100, "target_db")
        at_least(self, 0, "lookahead", "max_gain_db")
        require(self.max_gain_db <= 100, "max_gain_db must be at most 100")


@dataclass(frozen=True)
class StageConfig:
    """One training stage; `minutes` and `steps` both end it, whichever comes first (0: no limit of that kind).

    "magnitude" (1a), "waveform" (1b) and "adversarial" (2) descend the gradient of their losses. "codebooks" solves for
    all codebooks with the encoder at rest (see `swc.training.refit`), and its steps are rounds. "weighting" makes
    audible errors of the latents count more (see `swc.training.weighting`), and "levels" makes the decoder as loud as
    the recordings (see `swc.training.levels`); their steps are batches that this is measured on.
    """

    kind: str
    minutes: float = 0.0
    steps: int = 0
    batch: int = 14
    learning_rate: float = 5e-4
    warmup: int = 100  # steps
    hold: float = 0.0  # share of the stage before the learning rate begins to fall
    trains: str = "all"  # "decoder": encoder and codebooks are frozen, so that the fingerprint stays
    magnitude_weight: float = 40.0  # of the loss of stage 1a, in every stage

    def __post_init__(self) -> None:
        require(self.kind in STAGES, f"kind must be one of {', '.join(STAGES)}, not {self.kind!r}")
        require(self.trains in TRAINS, f"trains must be one of {', '.join(TRAINS)}, not {self.trains!r}")
        solved = self.kind in SOLVED
        require(not solved or (self.steps > 0 and not self.minutes), f'kind "{self.kind}" needs steps alone')
        decoder_alone = self.trains == "decoder" and self.kind in ("codebooks", "weighting")
        require(not decoder_alone, f'kind "{self.kind}" changes more than the decoder; leave out trains = "decoder"')
        at_least(self, 0, "minutes", "steps", "learning_rate", "warmup", "magnitude_weight", "hold")
        require(self.hold <= 1, "hold must be at most 1")
        at_least(self, 1, "batch")


@dataclass(frozen=True)
class DiscriminatorConfig:
    """The adversaries of stage 2 (see `swc.training.discriminators`)."""

    spectral: str = "mtsd"  # the paper's multi-tiered STFT discriminator, or "mrd" (DAC's), or "none"
    periods: tuple[int, ...] = (2, 3, 5, 7, 11)  # of the multi-period discriminator; empty: none
    period_widths: tuple[int, ...] = (32, 128, 512, 1024, 1024)
    spectral_widths: tuple[int, ...] = (32, 64, 128, 256)
    learning_rate: float = 1e-4
    warmup_steps: int = 200  # steps that train the discriminators alone, before the decoder hears them

    def __post_init__(self) -> None:
        require(self.spectral in SPECTRAL, f"spectral must be one of {', '.join(SPECTRAL)}, not {self.spectral!r}")
        require(bool(self.periods) or self.spectral != "none", "no discriminator is left")
        require(all(n >= 1 for n in (*self.periods, *self.period_widths, *self.spectral_widths)), "sizes must be >= 1")
        require(len(self.period_widths) >= 1 and len(self.spectral_widths) >= 1, "a discriminator needs layers")
        at_least(self, 0, "learning_rate", "warmup_steps")


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
    nominal_experts: int = 5  # k_r of `nominal_share` of the training windows; for the others it is drawn
    nominal_share: float = 0.5
    other_rates: str = "uniform"  # how: every k_r is equally likely, or with "log" its logarithm
    mask_search: float = 0.0  # share of the windows up to the nominal k_r whose experts are searched for, not routed
    emphasis: tuple[float, float, float, float, float] = (1.0, 1.0, 1.0, 1.0, 1.0)  # see `swc.training.losses`
    shared_commitment: float = 1.0  # more of it narrows what the shared codebook can say
    commitment: float = 4.0
    waveform_weight: float = 7.0
    loudness_weight: float = 0.0  # see `swc.training.auditory`
    envelope_weight: float = 0.0
    feature_weight: float = 2.0
    adversarial_weight: float = 1.0
    codebook_horizon: float = 90.0  # vectors a code that its exponential moving average remembers
    drps_gamma: float = 0.01  # eq. (4)
    drps_every: int = 50  # steps between two DRPS updates
    drps_dead: float = 0.1  # dead threshold, as a share of the mean load

    def __post_init__(self) -> None:
        at_least(self, 1, "crop_latents", "crop_windows", "drps_every")
        at_least(
            self, 0, "init_seconds", "refit_hours", "nominal_experts", "narrow_weight", "ema_decay", "nominal_share"
        )
        at_least(self, 0, "mask_search", "loudness_weight", "envelope_weight", "feature_weight", "adversarial_weight")
        require(all(0 <= w < math.inf for w in self.emphasis), "emphasis must be numbers of at least 0")
        at_least(self, 1, "codebook_horizon")
        require(self.other_rates in RATES, f"other_rates must be one of {', '.join(RATES)}, not {self.other_rates!r}")
        require(0.25 <= self.speed[0] <= self.speed[1] <= 4, "speed must be two rising numbers from 0.25 to 4")
        require(0 <= self.speed_share <= 1, "speed_share must be 0 to 1")


@dataclass(frozen=True)
class Config:
    """A whole model: `models/<name>/config.toml`."""

    name: str
    sample_rate: int = 44100
    backbone: SpectralConfig = field(default_factory=SpectralConfig)
    quantizer: RevqConfig = field(default_factory=RevqConfig)
    level: LevelConfig = field(default_factory=LevelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        require(1 <= self.sample_rate <= 384_000, "sample_rate must be 1 to 384000")

    @property
    def hop(self) -> int:
        """Samples a latent, at the model's rate."""
        return self.backbone.frame_hop * self.backbone.frames_per_latent

    @property
    def crop(self) -> int:
        """Samples of a training crop."""
        return self.training.crop_latents * self.training.crop_windows * self.hop

    @property
    def latent_rate(self) -> float:
        """Latents a second."""
        return self.sample_rate / self.hop

    def kbps(self, experts: float) -> float:
        """Bit rate of the codes alone with `experts` routed experts a window, in kbit/s."""
        q = self.quantizer
        return self.latent_rate * q.codebook_bits * (q.shared + experts) / 1000

    def code_semantics(self) -> bytes:
        """Canonical bytes of everything in the config that decides what a code means."""
        parts = {
            "family": "revq",
            "sample_rate": self.sample_rate,
            "hop": self.hop,
            "latent_dim": self.backbone.latent_dim,
            "shared": self.quantizer.shared,
            "routed": self.quantizer.routed,
            "codebook_bits": self.quantizer.codebook_bits,
        }
        if self.quantizer.predictive:
            parts["predictive"] = True
        return json.dumps(parts, sort_keys=True).encode()

    @classmethod
    def from_toml(cls, path: Path) -> Config:
        """Read a config file.

        Raises:
            InputError: the file is missing, is not TOML, or has an unknown key or a wrong type.
        """
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"no config file {path}") from None
        except OSError as e:
            raise InputError(f"cannot read the config file {path}: {e.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
            raise InputError(f"{path} is not a TOML file: {e}") from None
        return _build(cls, table, str(path))


def _build(kind: type[T], table: dict[str, Any], where: str) -> T:
    """A frozen dataclass from a TOML table, with every key and type checked."""
    hints = get_type_hints(kind)
    unknown = sorted(set(table) - set(hints))
    if unknown:
        raise InputError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(hints))}")
    values = {key: _convert(hints[key], value, f"{where}: {key}") for key, value in table.items()}
    try:
        return kind(**values)
    except (TypeError, InputError) as e:
        raise InputError(f"{where}: {e}") from None


def _convert(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise InputError(f"{where} must be a table")
        return _build(hint, value, where)
    if hint in (int, float, str, bool):
        if hint is float and type(value) is int:
            return float(value)
        if type(value) is not hint:
            raise InputError(f"{where} must be {hint.__name__}, not {value!r}")
        return value
    inner = hint.__args__  # the only generics are tuples
    if not isinstance(value, list):
        raise InputError(f"{where} must be a list")
    if inner[-1] is Ellipsis:
        return tuple(_convert(inner[0], v, where) for v in value)
    if len(value) != len(inner):
        raise InputError(f"{where} must have {len(inner)} values")
    return tuple(_convert(h, v, where) for h, v in zip(inner, value, strict=True))
