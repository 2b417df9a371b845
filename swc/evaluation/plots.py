"""Figures for documents: spectrograms side by side, quality against rate and training, routing. Needs matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from swc.errors import InputError
from swc.evaluation._figure import COLOURS, LOUD_PERCENTILE, draw_spectrogram, new_figure, save_figure
from swc.evaluation._signals import Audio
from swc.evaluation.registry import METRICS
from swc.evaluation.report import Summary, summarise
from swc.evaluation.results import Results
from swc.evaluation.spectra import Array, stft_magnitudes
from swc.files import printable

_LONG = 20  # ratio to the first hours from which curves get a logarithmic axis
_WINDOW_SECONDS = 0.04
_COLUMNS = 1600  # frames drawn across a panel; more would not be visible
_VALIDATED = (("pesq", "speech PESQ-wb"), ("stoi", "speech STOI"), ("mel", "multi-scale mel loss"))


def spectrogram_comparison(path: Path, panels: Sequence[tuple[str, Audio, int]]) -> None:
    """Spectrograms in a column, on a common time axis and colour scale, as a PNG file.

    0 dB is nearly the loudest point of all panels, black is 80 dB below; frequencies run to the highest
    Nyquist frequency of the panels.

    Args:
        path: PNG file to write, replaced atomically.
        panels: (title, audio of shape (samples,) or (samples, channels), sample rate in Hz), top to bottom.

    Raises:
        InputError: no panels, an empty panel, or matplotlib is not installed.
    """
    if not panels or any(audio.size == 0 for _, audio, _ in panels):
        raise InputError("a spectrogram comparison needs at least one panel, and samples in each")
    levels = [_levels(audio, rate) for _, audio, rate in panels]
    top = max(float(np.percentile(level, LOUD_PERCENTILE)) for level in levels)
    longest = max(len(audio) / rate for _, audio, rate in panels)
    highest = max(rate / 2000 for _, _, rate in panels)
    figure = new_figure(9.0, 0.7 + 2.1 * len(panels))
    axes = figure.subplots(len(panels), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axis, level, (title, audio, rate) in zip(axes, levels, panels, strict=True):
        image = draw_spectrogram(axis, level, top, len(audio) / rate, rate)
        axis.set_title(title, loc="left", fontsize=10)
        axis.set_xlim(0.0, longest)
        axis.set_ylim(0.0, highest)
        axis.set_facecolor("black")
    axes[-1].set_xlabel("seconds")
    figure.colorbar(image, ax=list(axes), label="dB", pad=0.015, fraction=0.03, aspect=15 * len(panels))
    save_figure(figure, path)


def rate_distortion(path: Path, results: Results, metrics: Sequence[str] | None = None) -> None:
    """Write `rate_distortion_figure` as a PNG file, which is replaced atomically."""
    save_figure(rate_distortion_figure(results, metrics), path)


def rate_distortion_figure(results: Results, metrics: Sequence[str] | None = None) -> Any:
    """Mean scores against the measured rate, one small plot per measure and one line per domain.

    Args:
        results: what `evaluate` returned.
        metrics: names of the measures to draw; None for all that were taken of decoded audio.

    Raises:
        InputError: an unknown measure, nothing to draw, or matplotlib is not installed.
    """
    summaries = summarise(results)
    if metrics is None:
        metrics = [name for name, m in METRICS.items() if not m.of_original and any(s.counts[name] for s in summaries)]
    if not metrics or any(name not in METRICS for name in metrics):
        raise InputError(f"nothing to draw; measures are: {', '.join(METRICS)}")
    domains = sorted({s.domain for s in summaries if s.domain is not None})
    lines: list[str | None] = [*domains] if domains else [None]
    columns = min(len(metrics), 4)
    rows = -(-len(metrics) // columns)
    figure = new_figure(3.0 * columns, 2.6 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in grid[len(metrics) :]:
        axis.remove()
    for axis, name in zip(grid, metrics, strict=False):
        for index, domain in enumerate(lines):
            chosen = [s for s in summaries if s.domain == domain]
            _line(axis, chosen, name, printable(domain or "all"), COLOURS[index % len(COLOURS)])
        axis.set_title(METRICS[name].heading, fontsize=10)
        axis.set_xlabel("kbit/s, measured")
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    if domains:
        handles, labels = grid[0].get_legend_handles_labels()
        legend = figure.legend(handles, labels, loc="outside upper center", ncols=min(len(domains), 6), frameon=False)
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure


def learning_curves(path: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    """Validation scores against hours of audio seen, one plot for each measure and one line for each rate, as a PNG.

    Args:
        path: PNG file to write, replaced atomically.
        entries: lines of a run's `log.jsonl` (of several runs in sequence, if one began from the other's weights);
            those without scores mark the start of a stage.

    Raises:
        InputError: no scores, or matplotlib is not installed.
    """
    scored = [e for e in entries if "scores" in e]
    if not scored:
        raise InputError("the log holds no validation scores; train with `val`")
    starts = {e["stage"]: e["audio_hours"] for e in reversed(entries)}
    first, last = scored[0]["audio_hours"], scored[-1]["audio_hours"]
    long = last > _LONG * first > 0  # otherwise the beginning would vanish
    figure = new_figure(10.5, 3.2)
    grid = figure.subplots(1, len(_VALIDATED), squeeze=False)[0]
    for axis, (name, title) in zip(grid, _VALIDATED, strict=True):
        for index, rate in enumerate(score["kbps"] for score in scored[0]["scores"]):
            points = [(e["audio_hours"], s[name]) for e in scored for s in e["scores"] if s["kbps"] == rate]
            label = "not quantised" if rate is None else f"{rate:.2f} kbit/s"
            x, y = zip(*points, strict=True)
            axis.plot(x, y, marker="o", markersize=3, color=COLOURS[index % len(COLOURS)], label=label)
        if long:
            axis.set_xscale("log")
            axis.xaxis.set_major_formatter("{x:g}")
            axis.set_xlim(left=0.8 * first)
        for place, (stage, hours) in enumerate(starts.items()):
            if long and hours < first:
                continue
            axis.axvline(hours, color="#999999", linewidth=0.8, linestyle=":")
            at = (hours, 1 - 0.32 * (place % 3))  # stages may follow each other closely
            axis.annotate(stage, at, xycoords=("data", "axes fraction"), fontsize=7, rotation=90, va="top")
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("hours of audio seen")
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    save_figure(figure, path)


def routing_health(path: Path, usage: Mapping[str, Sequence[float]], perplexity: Sequence[float], size: int) -> None:
    """The use of experts and codes, as a PNG.

    Args:
        path: PNG file to write, replaced atomically.
        usage: by label, the share of windows that use each expert (N_r,), numbered from 0.
        perplexity: of each codebook's codes, the shared ones first.
        size: codes in a codebook.

    Raises:
        InputError: matplotlib is not installed.
    """
    figure = new_figure(10.5, 5.0)
    above, below = figure.subplots(2, 1)
    width = 0.8 / len(usage)
    routed = max(map(len, usage.values()))
    shared = len(perplexity) - routed
    for index, (label, shares) in enumerate(usage.items()):
        positions = [expert + width * (index + 0.5) - 0.4 for expert in range(len(shares))]
        above.bar(positions, shares, width, color=COLOURS[index % len(COLOURS)], label=label)
    above.axhline(0.02, color="#999999", linewidth=0.8, linestyle=":")
    above.set_ylabel("share of windows")
    above.legend(frameon=False, fontsize=8)
    colours = [COLOURS[2]] * shared + [COLOURS[0]] * routed
    below.bar(range(-shared, routed), perplexity, 0.8, color=colours)
    below.axhline(size, color="#999999", linewidth=0.8, linestyle=":")
    below.set_ylabel(f"perplexity of {size}")
    below.set_xlabel("expert, from 0; left of them the shared codebooks")
    ticks = range(0, routed, 5 if routed > 10 else 1)
    for axis in (above, below):
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_xlim(-shared - 0.8, routed - 0.2)
        axis.set_xticks(ticks)
    save_figure(figure, path)


def _line(axis: Any, summaries: Sequence[Summary], name: str, label: str, colour: str) -> None:
    x = [summary.kbps_measured for summary in summaries]
    y = [summary.means[name] for summary in summaries]  # nan and infinite points are not drawn
    axis.plot(x, y, marker="o", markersize=4, color=colour, label=label)


def _levels(audio: Audio, sample_rate: int) -> Array:
    """Levels in dB, shape (frames, bins); a full-scale sine has the same level at every rate."""
    x = audio.astype(np.float64)
    x = x if x.ndim == 1 else x.mean(axis=1)
    window = max(32, 2 ** round(math.log2(_WINDOW_SECONDS * sample_rate)))
    hop = max(window // 8, len(x) // _COLUMNS)
    levels: Array = 20.0 * np.log10(np.maximum(stft_magnitudes(x, window, hop) / window, 1e-10))
    return levels
