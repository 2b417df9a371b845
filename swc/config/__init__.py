"""Model and recipe: TOML parsed into frozen dataclasses that reject unknown keys.

Derived values are computed properties, never stored. A config holds data only: no class paths, no code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swc.config.conv import ConvConfig
from swc.config.model import BACKBONES, QUANTIZERS, GainConfig, ModelConfig
from swc.config.revq import RevqConfig
from swc.config.roles import BackboneConfig, QuantizerConfig
from swc.config.spectral import SpectralConfig
from swc.config.toml import Unions, build, read_toml
from swc.config.training import STAGES, StageConfig, TrainingConfig
from swc.errors import InputError

__all__ = [
    "BackboneConfig",
    "Config",
    "ConvConfig",
    "GainConfig",
    "ModelConfig",
    "QuantizerConfig",
    "RevqConfig",
    "SpectralConfig",
    "StageConfig",
    "TrainingConfig",
]


@dataclass(frozen=True)
class Config:
    """A whole `config.toml`: a model, and in its `[training]` the recipe."""

    model: ModelConfig
    training: TrainingConfig = field(default_factory=TrainingConfig)

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
        return cls(model, build(TrainingConfig, recipe, f"{where}: training", unions))
