"""Model and recipe: TOML parsed into frozen dataclasses that reject unknown keys.

Derived values are computed properties, never stored. A config holds data only: no class paths, no code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swc.config.checks import require
from swc.config.fsq import FsqConfig
from swc.config.model import BACKBONES, QUANTIZERS, GainConfig, ModelConfig
from swc.config.residual import ResidualConfig
from swc.config.revq import RevqConfig
from swc.config.roles import BackboneConfig, QuantizerConfig
from swc.config.spectral import SpectralConfig
from swc.config.sq import SqConfig
from swc.config.toml import Unions, build, read_toml
from swc.config.training import STAGES, StageConfig, TrainingConfig
from swc.config.vrvq import VrvqConfig
from swc.errors import InputError

__all__ = [
    "BackboneConfig",
    "Config",
    "FsqConfig",
    "GainConfig",
    "ModelConfig",
    "QuantizerConfig",
    "ResidualConfig",
    "RevqConfig",
    "SpectralConfig",
    "SqConfig",
    "StageConfig",
    "TrainingConfig",
    "VrvqConfig",
]

STAGES_OF = {"vrvq": ("codebooks", "importance")}
"""Stages that can train a kind of quantizer. Other kinds are trained by any but "importance"."""


@dataclass(frozen=True)
class Config:
    """A whole `config.toml`: a model, and in its `[training]` the recipe."""

    model: ModelConfig
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        kind, base = self.model.quantizer.kind, self.model.base
        for stage in (stage.kind for stage in self.training.stages):
            fits = stage in STAGES_OF[kind] if kind in STAGES_OF else stage != "importance"
            require(fits, f"a quantizer of kind {kind!r} cannot be trained by a stage of kind {stage!r}")
            at_rest = stage in ("codebooks", "importance")
            require(at_rest or not base, f"a stage of kind {stage!r} changes encoder and decoder, which are the base's")

    @property
    def crop(self) -> int:
        """Samples of a training crop."""
        return self.training.crop_latents * self.training.crop_windows * self.model.hop

    @classmethod
    def from_toml(cls, path: Path) -> Config:
        """Read a config file.

        Raises:
            InputError: the file is missing, is not TOML, or has an unknown key or kind, or a wrong type.
        """
        return cls.from_table(read_toml(path), str(path))

    @classmethod
    def from_table(cls, table: dict[str, Any], where: str) -> Config:
        """The config of a TOML file's tables; raises as `from_toml`, with `where` for the file's name."""
        unions: Unions = {BackboneConfig: BACKBONES, QuantizerConfig: QUANTIZERS, StageConfig: STAGES}
        rest = dict(table)
        recipe = rest.pop("training", {})
        model = build(ModelConfig, rest, where, unions)
        if not isinstance(recipe, dict):
            raise InputError(f"{where}: training must be a table")
        training = build(TrainingConfig, recipe, f"{where}: training", unions)
        try:
            return cls(model, training)
        except InputError as e:
            raise InputError(f"{where}: {e}") from None
