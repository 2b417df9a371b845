"""A model: its backbone, its quantizer, and the level that it codes at."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from swc.bitstream.limits import LIMITS
from swc.config.checks import at_least, require
from swc.config.conv import ConvConfig
from swc.config.fsq import FsqConfig
from swc.config.revq import RevqConfig
from swc.config.roles import BackboneConfig, QuantizerConfig
from swc.config.spectral import SpectralConfig
from swc.config.sq import SqConfig
from swc.config.vrvq import VrvqConfig

BACKBONES: dict[str, type[BackboneConfig]] = {"conv": ConvConfig, "spectral": SpectralConfig, "sq": SqConfig}
"""Kinds of `[backbone]`; their networks are in `swc.nn.backbones`."""
QUANTIZERS: dict[str, type[QuantizerConfig]] = {"fsq": FsqConfig, "revq": RevqConfig, "vrvq": VrvqConfig}
"""Kinds of `[quantizer]`; their networks are in `swc.nn.quantizers`."""


@dataclass(frozen=True)
class GainConfig:
    """Level normalisation before coding; the gain travels in the header (see `swc.codec.gain`)."""

    target_db: float = -20.0  # dB re full scale, RMS of the loud blocks
    lookahead: float = 30.0  # seconds of audio that decide the gain
    max_gain_db: float = 24.0  # the rest after a quiet start may be louder

    def __post_init__(self) -> None:
        at_least(self, -100, "target_db")
        at_least(self, 0, "lookahead", "max_gain_db")
        require(self.max_gain_db <= 100, "max_gain_db must be at most 100")


@dataclass(frozen=True)
class ModelConfig:
    """Everything in `models/<name>/config.toml` except the recipe.

    Attributes:
        base: fingerprint, in hexadecimal, of the bundle that supplies what this one's weights lack, such as encoder and
            decoder; none if empty.
        live_window: latents of a window, which is a chunk, of live audio; 0 where there is none.
    """

    name: str
    backbone: BackboneConfig
    quantizer: QuantizerConfig
    sample_rate: int = 44100
    gain: GainConfig = field(default_factory=GainConfig)
    base: str = ""
    live_window: int = 0

    def __post_init__(self) -> None:
        require(not self.base or re.fullmatch("[0-9a-f]{16}", self.base) is not None, "base must be 16 hex digits")
        at_least(self, 0, "live_window")
        require(not self.live_window or self.backbone.live_delay is not None, "live_window needs a causal backbone")
        low, high = LIMITS["model_rate"]
        require(low <= self.sample_rate <= high, f"sample_rate must be {low} to {high}")

    @property
    def hop(self) -> int:
        """Samples a latent, at the model's rate."""
        return self.backbone.hop

    @property
    def latent_rate(self) -> float:
        """Latents a second."""
        return self.sample_rate / self.hop

    @property
    def live_latency(self) -> float | None:
        """Seconds by which live audio of this sample rate is late; None where there is none."""
        delay = self.backbone.live_delay
        return (self.live_window * self.hop + delay) / self.sample_rate if self.live_window and delay else None

    def code_semantics(self) -> bytes:
        """Canonical bytes of everything in the config that defines the meaning of codes."""
        parts: dict[str, Any] = {
            "sample_rate": self.sample_rate,
            "hop": self.hop,
            "latent_dim": self.backbone.latent_dim,
        }
        parts |= {"base": self.base} if self.base else {}  # whose latents they are
        return json.dumps(parts | self.quantizer.semantics(), sort_keys=True).encode()
