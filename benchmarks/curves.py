"""Means of scores against mean rates, for benchmarks that measure recordings in two ways at several settings."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from matplotlib.figure import Figure

from swc.evaluation import METRICS

COLOURS = ("#0f6e84", "#d1495b")


class Row(Protocol):
    """A recording at a setting, with an attribute for each score, None where it does not apply.

    Attributes:
        domain: kind of sound.
        mode: way of coding.
        asked: the setting.
        kbps: measured.
    """

    domain: str
    mode: str
    asked: float
    kbps: float


def mean(rows: Sequence[Row], name: str) -> float | None:
    """Of what the recordings have of it; None where no recording does."""
    values = [value for row in rows if (value := getattr(row, name)) is not None]
    return statistics.fmean(values) if values else None


def curve(rows: Sequence[Row], mode: str, name: str) -> list[tuple[float, float]]:
    """Mean rates and scores of a mode, by rising setting."""
    points = []
    for asked in sorted({row.asked for row in rows if row.mode == mode}):
        some = [row for row in rows if (row.mode, row.asked) == (mode, asked)]
        if (score := mean(some, name)) is not None:
            points.append((statistics.fmean(row.kbps for row in some), score))
    return points


def plot(path: Path, rows: Sequence[Row], measures: Sequence[str], labels: Mapping[str, str]) -> None:
    """Draw curves, a row of panels for each domain.

    Args:
        path: of the picture.
        rows: of all recordings.
        measures: names of scores, a panel each.
        labels: of the modes.
    """
    domains = sorted({row.domain for row in rows})
    figure = Figure(figsize=(10, 0.5 + 2.4 * len(domains)), dpi=100, layout="constrained")
    grid = figure.subplots(len(domains), len(measures), squeeze=False)
    for axes, domain in zip(grid, domains, strict=True):
        some = [row for row in rows if row.domain == domain]
        for axis, name in zip(axes, measures, strict=True):
            for (mode, label), colour in zip(labels.items(), COLOURS, strict=True):
                if points := curve(some, mode, name):
                    axis.plot(*zip(*points, strict=True), "o-", ms=4, color=colour, label=label)
            axis.set_visible(axis.has_data())
            axis.set_title(f"{domain}: {METRICS[name].heading}", fontsize=10)
            axis.set_xlabel("kbit/s, measured", fontsize=9)
            axis.grid(alpha=0.3)
            axis.spines[["top", "right"]].set_visible(False)
        axes[0].legend(frameon=False, fontsize=9, loc="lower right")
    figure.savefig(path)
