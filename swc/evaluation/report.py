"""Means of an evaluation, as a table for the terminal and as CSV and JSON files."""

from __future__ import annotations

import csv
import io
import json
import math
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from swc.evaluation.registry import JUDGES_NOTE, METRICS, Metric
from swc.evaluation.results import COLUMNS, Results, Row
from swc.files import open_output, printable

PACKAGES = (
    *("swc-codec", "torch", "numpy", "scipy", "soundfile", "soxr", "pesq", "pystoi", "visqol-python"),
    *("distillmos", "speechmos", "onnxruntime", "librosa", "resemblyzer", "pocketsphinx"),
)
"""Packages whose versions a report states, where installed."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Means at one rate, over all files or over one domain.

    Attributes:
        kbps: target rate, kbit/s.
        domain: the domain, or None for all files.
        files: number of files.
        kbps_measured: bits of all files / their duration / 1000.
        over_budget: files longer than 5 s that measure more than the target rate.
        encode_speed: seconds of audio encoded in a second.
        decode_speed: seconds of audio decoded in a second.
        means: mean of each measure over the files where it is not nan; nan without any.
        counts: number of those files, for each measure.
    """

    kbps: float
    domain: str | None
    files: int
    kbps_measured: float
    over_budget: int
    encode_speed: float
    decode_speed: float
    means: dict[str, float]
    counts: dict[str, int]


def summarise(results: Results) -> list[Summary]:
    """By rate, ascending: the summary of all files, then one per domain if there are several."""
    summaries = []
    for rate in results.rates:
        rows = [row for row in results.rows if row.kbps == rate]
        summaries.append(_summary(rate, None, rows))
        if len(results.domains) > 1:
            for domain in results.domains:
                chosen = [row for row in rows if row.domain == domain]
                summaries.append(_summary(rate, domain, chosen))
    return summaries


def table(results: Results) -> Group:
    """The summaries as a rich table that fits 80 columns, and another for the measures of several channels.

    Measures that were not taken have no column. The judges have a table of their own, `judges_table`.
    """
    summaries = summarise(results)
    shown = taken(summaries, judges=False)
    stereo = [metric for metric in shown if metric.stereo_only]
    domains = any(summary.domain is not None for summary in summaries)
    plain = [metric for metric in shown if not metric.stereo_only]
    view = _view([*_lead(domains), "files", "real kbps", *(metric.heading for metric in plain), "enc ×", "dec ×"])
    view.caption = _caption(summaries)
    for summary in summaries:
        cells = [str(summary.files), f"{summary.kbps_measured:.2f}" + "!" * bool(summary.over_budget)]
        cells += [number(summary.means[metric.name], metric.decimals) for metric in plain]
        cells += [number(s, 1 if s < 100 else 0) for s in (summary.encode_speed, summary.decode_speed)]
        _add(view, summary, domains, cells)
    return Group(view, *([_scores(summaries, stereo, domains)] if stereo else []))


def _scores(summaries: Iterable[Summary], shown: Sequence[Metric], domains: bool) -> Table:
    """Only scores, and the number of their files."""
    view = _view([*_lead(domains), "files", *(metric.heading for metric in shown)])
    for summary in summaries:
        cells = [str(max(summary.counts[metric.name] for metric in shown))]
        cells += [number(summary.means[metric.name], metric.decimals) for metric in shown]
        _add(view, summary, domains, cells)
    return view


def judges_table(results: Results) -> Table | None:
    """The judges' scores, and below them a description of each judge; None if none was asked.

    A table of 80 columns. Domains have lines of their own if several were judged.
    """
    summaries = summarise(results)
    shown = taken(summaries, judges=True)
    if not shown:
        return None
    judged = [summary for summary in summaries if any(summary.counts[judge.name] for judge in shown)]
    domains = len({summary.domain for summary in judged} - {None}) > 1
    view = _scores((summary for summary in judged if summary.domain is None or domains), shown, domains)
    view.title, view.title_justify = JUDGES_NOTE, "left"
    view.caption = "\n".join(f"{judge.label}: {judge.about}" for judge in shown)
    return view


def taken(summaries: Iterable[Summary], *, judges: bool) -> list[Metric]:
    """The measures, or the judges, with at least one score."""
    counted = {name for summary in summaries for name, count in summary.counts.items() if count}
    return [metric for metric in METRICS.values() if metric.name in counted and metric.judge == judges]


def write_csv(results: Results, path: Path) -> None:
    """One line per file and rate, columns as in `Row`; nan is an empty field.

    Replaces `path` atomically; `-` is stdout. UTF-8; other bytes in a file's name appear as `\\udcXX`.
    """
    returns = any("\r" in row.file for row in results.rows)  # csv quotes it by itself from Python 3.13 on
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL)
    writer.writerow(COLUMNS)
    for row in results.rows:
        writer.writerow(_blank_nan(getattr(row, name)) for name in COLUMNS)
    with open_output(path) as output:
        output.write(text.getvalue().encode("utf-8", "backslashreplace"))


def write_json(results: Results, path: Path, *, model: str | None = None, fingerprint: str | None = None) -> None:
    """Rows, failures, summaries, versions and descriptions of judges. Replaces `path` atomically; `-` is stdout.

    Strict JSON: nan is null, and infinities are the strings "inf" and "-inf".

    Args:
        results: what `evaluate` returned.
        path: file to write.
        model: name of the model, or None.
        fingerprint: fingerprint of its code semantics, or None.
    """
    summaries = summarise(results)
    judges = taken(summaries, judges=True)
    document = {
        "model": model,
        "fingerprint": fingerprint,
        "packages": package_versions(),
        "judges": {"note": JUDGES_NOTE, **{judge.name: judge.about for judge in judges}} if judges else {},
        "means": [_plain(asdict(summary)) for summary in summaries],
        "rows": [_plain(asdict(row)) for row in results.rows],
        "failures": [asdict(failure) for failure in results.failures],
    }
    text = json.dumps(document, indent=1, allow_nan=False)  # in ASCII: names may hold bytes that are not UTF-8
    with open_output(path) as output:
        output.write(f"{text}\n".encode())


def package_versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that scores depend on, by name."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _summary(kbps: float, domain: str | None, rows: Sequence[Row]) -> Summary:
    scores = {name: [s for row in rows if not math.isnan(s := row.score(name))] for name in METRICS}
    seconds = sum(row.seconds for row in rows)
    bits = sum(row.kbps_measured * row.seconds for row in rows)
    return Summary(
        kbps=kbps,
        domain=domain,
        files=len(rows),
        kbps_measured=_ratio(bits, seconds),
        over_budget=sum(row.over_budget for row in rows),
        encode_speed=_ratio(seconds, sum(row.encode_seconds for row in rows)),
        decode_speed=_ratio(seconds, sum(row.decode_seconds for row in rows)),
        means={name: _mean(values) for name, values in scores.items()},
        counts={name: len(values) for name, values in scores.items()},
    )


def _view(headings: Iterable[str]) -> Table:
    view = Table(box=box.SIMPLE_HEAD, padding=0, caption_justify="left")
    for heading in headings:
        justify: Literal["left", "right"] = "left" if heading == "domain" else "right"
        view.add_column("\n".join(heading.split()), justify=justify, no_wrap=True)
    return view


def _lead(domains: bool) -> list[str]:
    return ["asked kbps", *(["domain"] if domains else [])]


def _add(view: Table, summary: Summary, domains: bool, cells: Sequence[str]) -> None:
    """Add a line of scores to a table, after its heading."""
    whole = summary.domain is None
    lead = [f"{summary.kbps:g}" if whole else ""]
    if domains:
        lead.append("all" if summary.domain is None else printable(summary.domain) or "(none)")
    view.add_row(*(Text(cell) for cell in (*lead, *cells)), style="bold" if whole and domains else "")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else float("nan")


def _caption(summaries: Iterable[Summary]) -> str | None:
    over = sum(summary.over_budget for summary in summaries if summary.domain is None)
    return f"! {over} file(s) over 5 s measure more than the target rate" if over else None


def number(value: float, decimals: int) -> str:
    """A score for people; nan is a dash."""
    return "–" if math.isnan(value) else f"{value:.{decimals}f}"


def _blank_nan(value: object) -> object:
    return "" if isinstance(value, float) and math.isnan(value) else value


def _plain(value: object) -> object:
    """The value in JSON's types: nan becomes None, infinities become strings."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
