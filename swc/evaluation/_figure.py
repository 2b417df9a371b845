"""Figures of matplotlib without pyplot: no global state, no display."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from swc.evaluation._extras import contained, has_extra, load_extra
from swc.files import replacing

COLOURS = ("#0f6e84", "#d1495b", "#e3a008", "#6a4c93", "#4f7942", "#555555")
LOUD_PERCENTILE = 99.8  # of levels, shown as 0 dB: the few louder points would darken the rest
_RANGE_DB = 80.0
_DPI = 150


def has_plots() -> bool:
    """Whether matplotlib is installed."""
    return has_extra("matplotlib")


def require_plots() -> None:
    """Raise InputError if matplotlib is not installed."""
    load_extra("matplotlib.figure", "a plot")


def new_figure(width: float, height: float) -> Any:
    """An empty figure of so many inches.

    Raises:
        InputError: matplotlib is not installed.
    """
    module = load_extra("matplotlib.figure", "a plot")
    with contained("matplotlib"):
        return module.Figure(figsize=(width, height), layout="constrained")


def draw_spectrogram(axis: Any, levels: Any, top: float, seconds: float, rate: int) -> Any:
    """Draw a spectrogram over time in seconds and frequency in kHz, and return its image.

    Args:
        axis: to draw on.
        levels: in dB (frames, bins).
        top: level in dB that is shown as 0 dB; black is 80 dB below.
        seconds: duration.
        rate: sample rate in Hz.
    """
    axis.set_ylabel("kHz")
    return axis.imshow(
        levels.T - top,
        extent=(0.0, seconds, 0.0, rate / 2000),
        origin="lower",
        aspect="auto",
        interpolation="bilinear",
        cmap="magma",
        vmin=-_RANGE_DB,
        vmax=0.0,
    )


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure as a PNG file, which is replaced atomically."""
    data = png(figure)
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def png(figure: Any) -> bytes:
    """A figure as PNG."""
    output = io.BytesIO()
    with contained("matplotlib"):
        figure.savefig(output, format="png", dpi=_DPI)
    return output.getvalue()
