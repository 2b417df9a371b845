"""The report of an evaluation as one HTML page that needs no network: means, plot, and every clip, worst first."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from swc.evaluation._figure import png
from swc.evaluation.plots import rate_distortion_figure
from swc.evaluation.registry import JUDGES_NOTE, Metric
from swc.evaluation.report import Summary, number, package_versions, summarise, taken
from swc.evaluation.results import Results, Row
from swc.files import open_output, printable

_WORST = 5  # clips named for each measure

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; color: #1d2327; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
nav a { margin-right: 1rem; } a { color: #0f6e84; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .87em; }
th, td { padding: .2rem .35rem; text-align: right; border-bottom: 1px solid #e3e6e8; vertical-align: top; }
th { font-weight: 600; } thead th { position: sticky; top: 0; background: #fff; vertical-align: bottom; }
.text { text-align: left; overflow-wrap: break-word; } .whole td, .whole th { font-weight: 600; background: #f4f7f8; }
tbody.clip tr:first-child > * { border-top: 1px solid #aab2b7; } tbody:target { background: #fff6d8; }
button { font: inherit; font-weight: 600; border: 0; background: none; color: #0f6e84; cursor: pointer; padding: 0; }
th[aria-sort] button { text-decoration: underline; }
img { max-width: 100%; height: auto; } .note { color: #5a646b; } .over { color: #b3261e; }
"""

_SCRIPT = """
for (const button of document.querySelectorAll("button[data-measure]")) {
  button.addEventListener("click", () => {
    const table = button.closest("table"), name = button.dataset.measure;
    const clips = [...table.querySelectorAll("tbody.clip")];
    const badness = clip => clip.dataset[name] === undefined ? Infinity : Number(clip.dataset[name]);
    clips.sort((one, other) => badness(one) < badness(other) ? -1 : badness(one) > badness(other) ? 1 : 0);
    table.append(...clips);
    for (const heading of table.querySelectorAll("th[aria-sort]")) heading.removeAttribute("aria-sort");
    button.parentElement.setAttribute("aria-sort", "other");
  });
}
"""


def write_html(results: Results, path: Path, *, model: str, fingerprint: str) -> None:
    """Write the page; replaces `path` atomically, `-` is stdout.

    Args:
        results: what `evaluate` returned.
        path: file to write.
        model: name of the model.
        fingerprint: of its code semantics.

    Raises:
        InputError: no scores, or matplotlib is not installed.
    """
    page = "\n".join(_page(results, model, fingerprint))
    with open_output(path) as output:
        output.write(page.encode())


def _page(results: Results, model: str, fingerprint: str) -> Iterable[str]:
    summaries = summarise(results)
    judges = taken(summaries, judges=True)
    measures = taken(summaries, judges=False) + judges
    clips = [_Clip(index, list(rows)) for index, (_, rows) in enumerate(groupby(results.rows, lambda row: row.file))]
    seconds = sum(clip.rows[0].seconds for clip in clips)
    versions = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    yield "<!DOCTYPE html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<title>swc eval: {_text(model)}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>Evaluation of {_text(model)}</h1>"
    yield f"<p>{len(clips)} clips, {seconds / 60:.1f} minutes. Fingerprint {_text(fingerprint)}.</p>"
    yield f'<p class="note">{_text(versions)}</p>'
    domains = [(f"domain-{index}", domain) for index, domain in enumerate(results.domains)]
    links = [("means", "Means"), ("worst", "Worst clips"), *((anchor, _domain(name)) for anchor, name in domains)]
    links += [("failures", "Not measured")] if results.failures else []
    yield "<nav>"
    yield from (f'<a href="#{anchor}">{_text(title)}</a>' for anchor, title in links)
    yield "</nav>"
    yield from _means(summaries, measures)
    yield from _legend(judges)
    plot = base64.b64encode(png(rate_distortion_figure(results))).decode("ascii")
    yield f'<p><img src="data:image/png;base64,{plot}" alt="Mean scores against the measured rate"></p>'
    yield from _worst(clips, [measure for measure in measures if not measure.of_original])
    for anchor, domain in domains:
        yield from _clips(anchor, domain, [clip for clip in clips if clip.rows[0].domain == domain], measures)
    if results.failures:
        yield '<h2 id="failures">Not measured</h2><ul>'
        yield from (f"<li>{_text(failure.reason)}</li>" for failure in results.failures)
        yield "</ul>"
    yield f"<script>{_SCRIPT}</script></body></html>\n"


class _Clip:
    """One recording at all its rates.

    Attributes:
        anchor: of its rows in the page.
        rows: by rate, ascending.
    """

    def __init__(self, index: int, rows: list[Row]) -> None:
        self.anchor = f"clip-{index}"
        self.rows = sorted(rows, key=lambda row: row.kbps)

    def mean(self, measure: Metric) -> float:
        """Mean score over the rates; nan where there is none."""
        scores = [score for row in self.rows if not math.isnan(score := row.score(measure.name))]
        return sum(scores) / len(scores) if scores else float("nan")

    def badness(self, measure: Metric) -> float:
        """A sort key that puts the worst clip first; nan without a score."""
        return self.mean(measure) if measure.higher_is_better else -self.mean(measure)


def _worst_first(clips: Sequence[_Clip], measure: Metric) -> list[_Clip]:
    scored = [clip for clip in clips if not math.isnan(clip.badness(measure))]
    return sorted(scored, key=lambda clip: clip.badness(measure))


def _means(summaries: Sequence[Summary], measures: Sequence[Metric]) -> Iterable[str]:
    yield '<h2 id="means">Means</h2><table><thead><tr><th>target kbit/s</th><th class="text">domain</th>'
    yield "<th>files</th><th>measured kbit/s</th>"
    yield from (f"<th>{_text(measure.heading)}</th>" for measure in measures)
    yield "<th>encoding ×</th><th>decoding ×</th></tr></thead><tbody>"
    for summary in summaries:
        whole = summary.domain is None
        yield f'<tr class="whole"><th>{summary.kbps:g}</th>' if whole else "<tr><th></th>"
        yield f'<td class="text">{"all" if summary.domain is None else _text(_domain(summary.domain))}</td>'
        yield f"<td>{summary.files}</td><td>{summary.kbps_measured:.2f}</td>"
        yield from (f"<td>{number(summary.means[m.name], m.decimals)}</td>" for m in measures)
        yield f"<td>{number(summary.encode_speed, 1)}</td><td>{number(summary.decode_speed, 1)}</td></tr>"
    yield "</tbody></table>"


def _legend(judges: Sequence[Metric]) -> Iterable[str]:
    """A description of each judge, if any were asked."""
    if judges:
        yield f'<p class="note">{_text(JUDGES_NOTE)}</p><ul class="note">'
        yield from (f"<li><b>{_text(judge.label)}</b>: {_text(judge.about)}</li>" for judge in judges)
        yield "</ul>"


def _worst(clips: Sequence[_Clip], measures: Sequence[Metric]) -> Iterable[str]:
    yield f'<h2 id="worst">Worst clips</h2><p class="note">By each measure, the {_WORST} with the worst mean over all '
    yield "rates.</p><table><tbody>"
    for measure in measures:
        links = (
            f'<a href="#{clip.anchor}">{_text(clip.rows[0].file)}</a> {number(clip.mean(measure), measure.decimals)}'
            for clip in _worst_first(clips, measure)[:_WORST]
        )
        yield f'<tr><th class="text">{_text(measure.heading)}</th><td class="text">{"<br>".join(links)}</td></tr>'
    yield "</tbody></table>"


def _clips(anchor: str, domain: str, clips: Sequence[_Clip], measures: Sequence[Metric]) -> Iterable[str]:
    """A domain's clips with all their rates; a click on a measure puts its worst first."""
    shown = [measure for measure in measures if any(not math.isnan(clip.mean(measure)) for clip in clips)]
    yield f'<h2 id="{anchor}">{_text(_domain(domain))}</h2>'
    yield '<p class="note">Worst first by the underlined measure; click another to sort by that.</p>'
    yield '<table><thead><tr><th class="text">clip</th><th>seconds</th><th>asked</th><th>kbit/s</th>'
    for index, measure in enumerate(shown):
        sort = "" if index else ' aria-sort="other"'
        yield f'<th{sort}><button data-measure="m{index}">{_text(measure.heading)}</button></th>'
    yield "</tr></thead>"
    order = _worst_first(clips, shown[0]) if shown else []
    for clip in [*order, *(clip for clip in clips if clip not in order)]:
        keys = ((index, clip.badness(measure)) for index, measure in enumerate(shown))
        data = "".join(f' data-m{index}="{_js(value)}"' for index, value in keys if not math.isnan(value))
        yield f'<tbody class="clip" id="{clip.anchor}"{data}>'
        yield from _rows(clip, shown)
        yield "</tbody>"
    yield "</table>"


def _rows(clip: _Clip, measures: Sequence[Metric]) -> Iterable[str]:
    for index, row in enumerate(clip.rows):
        span = f' rowspan="{len(clip.rows)}"'
        name = f'<th class="text"{span}>{_text(row.file)}</th><td{span}>{row.seconds:.1f}</td>'
        over = ' class="over" title="more than the target"' if row.over_budget else ""
        scores = "".join(f"<td>{number(row.score(m.name), m.decimals)}</td>" for m in measures)
        yield f"<tr>{'' if index else name}<td>{row.kbps:g}</td><td{over}>{row.kbps_measured:.2f}</td>{scores}</tr>"


def _domain(name: str) -> str:
    return name or "(no domain)"


def _text(text: str) -> str:
    return escape(printable(text))


def _js(value: float) -> str:
    """A number as JavaScript's Number() reads it."""
    return f"{value:.6g}" if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"
