"""Quantizers, one file for each kind, and shared parts."""

from __future__ import annotations

from collections.abc import Callable

from swc.config import ModelConfig
from swc.nn.quantizers.fsq import Fsq
from swc.nn.quantizers.revq import Revq
from swc.nn.quantizers.vrvq import Vrvq
from swc.nn.roles import Quantizer

QUANTIZERS: dict[str, Callable[[ModelConfig], Quantizer]] = {"fsq": Fsq, "revq": Revq, "vrvq": Vrvq}
"""The network of each kind of `[quantizer]`."""
