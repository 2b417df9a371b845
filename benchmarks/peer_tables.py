"""The tables and the plot of benchmarks/peers.py."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from pages import Document, number, table

CELLS = [(work, threads) for work in ("encode", "decode") for threads in (1, 2)]
COLOURS = {1: "#0f6e84", 2: "#d1495b"}


class Figures:
    """What was measured, by codec, threads, batch and work."""

    def __init__(self, document: Document) -> None:
        self.seconds: float = document["about"]["seconds"]
        self._runs = document["runs"]

    def _values(self, field: str, **which: Any) -> dict[int, float]:
        """Of a field, by round; the highest where others than the round differ."""
        values: dict[int, float] = {}
        for run in self._runs:
            if all(run[name] == value for name, value in which.items()):
                values[run["round"]] = max(run[field], values.get(run["round"], 0.0))
        return values

    def speed(self, codec: str, threads: int, batch: int, work: str) -> float:
        """Median seconds of audio a second."""
        times = self._values("seconds", codec=codec, threads=threads, batch=batch, work=work)
        return batch * self.seconds / statistics.median(times.values())

    def ratio(self, codec: str, other: str, threads: int, batch: int, work: str) -> float:
        """How many times as fast as the other a codec is: the median over the rounds."""
        own = self._values("seconds", codec=codec, threads=threads, batch=batch, work=work)
        its = self._values("seconds", codec=other, threads=threads, batch=batch, work=work)
        return statistics.median(its[index] / own[index] for index in own.keys() & its.keys())

    def peak(self, codec: str, batch: int) -> float:
        """MiB, the most of any run."""
        return max(self._values("peak_mib", codec=codec, batch=batch).values())


def markdown(document: Document) -> str:
    """Ratios, speeds, and what the codecs are."""
    figures, about, names = Figures(document), document["about"], list(document["codecs"])
    first, head = names[0], ["codec", *(f"{work}, {threads} thread{'s' * (threads > 1)}" for work, threads in CELLS)]

    def rows(of: list[str], value: Callable[[str, int, int, str], float]) -> list[list[str]]:
        cells = lambda name: (  # noqa: E731
            " / ".join(number(value(name, threads, batch, work)) for batch in (1, 8)) for work, threads in CELLS
        )
        return [[name, *cells(name)] for name in of]

    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    ratios = rows(names[1:], lambda name, *cell: figures.ratio(first, name, *cell))
    return "\n\n".join(
        [
            f"How many times as fast as each codec `{first}` is, with one recording / with eight at once:",
            table(head, ratios),
            "Seconds of audio a second, with one recording / with eight at once:",
            table(head, rows(names, figures.speed)),
            "What they are. Peak memory is of the whole process, with one recording / with eight at once:",
            table(*sizes(document["codecs"], figures)),
            f"{about['cores']} cores of {about['processor']}, {versions}; recordings of {about['seconds']:g} s, "
            f"{'medians of ' * (about['rounds'] > 1)}{about['rounds']} round{'s' * (about['rounds'] > 1)}.",
        ]
    )


def sizes(codecs: dict[str, Any], figures: Figures) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of what does not depend on the machine, and of memory."""
    head = ["codec", "channels", "kbit/s", "million parameters", "GMAC a second of audio: encode", "decode", "MiB"]
    rows = []
    for name, codec in codecs.items():
        work = [number(codec["macs"][work] / 1e9) for work in ("encode", "decode")]
        memory = " / ".join(f"{figures.peak(name, batch):.0f}" for batch in (1, 8))
        channels, kbps, size = str(codec["channels"]), f"{codec['kbps']:.2f}", f"{codec['parameters'] / 1e6:.1f}"
        rows.append([name, channels, kbps, size, *work, memory])
    return head, rows


def plot(path: Path, document: Document) -> None:
    """Speeds on a logarithmic axis: one recording is a filled mark, eight at once a hollow one."""
    figures, names = Figures(document), list(document["codecs"])
    figure = Figure(figsize=(9.5, 1.2 + 0.42 * len(names)), dpi=110, layout="constrained")
    axes = figure.subplots(1, 2, sharey=True, sharex=True)
    for axis, work in zip(axes, ("encode", "decode"), strict=True):
        for threads, colour in COLOURS.items():
            for batch in (1, 8):
                speeds = [figures.speed(name, threads, batch, work) for name in names]
                places = [index + (threads - 1.5) * 0.3 for index in range(len(names))]
                label = f"{threads} thread{'s' * (threads > 1)}, {'one recording' if batch == 1 else 'eight at once'}"
                face = colour if batch == 1 else "none"
                axis.scatter(speeds, places, s=38, color=colour, facecolors=face, label=label, zorder=3)
        axis.set_xscale("log")
        axis.axvline(1.0, color="#555555", lw=1, ls="--")
        axis.set_title(work, fontsize=11)
        axis.set_xlabel("seconds of audio a second (dashed: real time)", fontsize=9)
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    figure.savefig(path)
