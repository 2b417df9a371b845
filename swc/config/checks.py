"""Checks of a config's values."""

from __future__ import annotations

import math

from swc.errors import InputError


def require(condition: bool, message: str) -> None:
    """Raise InputError unless a condition on a config's values holds."""
    if not condition:
        raise InputError(message)


def at_least(config: object, least: float, *names: str) -> None:
    """Raise InputError unless these values of a config are finite and not below `least`."""
    for name in names:
        value = getattr(config, name)
        require(least <= value < math.inf, f"{name} must be at least {least:g}, not {value}")
