"""Write scores and models into the pages that show them: python docs/score_tables.py [NEW.json ...]

NEW.json is the output of `swc eval CLIPS --model NAME --mos --json NEW.json`; its means replace those of this model in
docs/scores.json first. docs/peers.json has the scores of other codecs, and of swc on the same clips. What the models
are is what `swc models` lists; the scores that it tells are put into the bundles here.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swc.bundle import Bundle, list_bundles
from swc.bundle.find import MEASURED
from swc.cli.models import facts
from swc.codec.options import DEFAULT_MODEL

ROOT = Path(__file__).parents[1]
SCORES = ROOT / "docs" / "scores.json"
PEERS = ROOT / "docs" / "peers.json"
MODELS_PAGE = ROOT / "docs" / "models.md"
MAIN_RATE = 2.67
KEPT = ("fingerprint", "packages", "means")
BRIEF = {
    "pesq_wb": ("PESQ", 2),
    "stoi": ("STOI", 3),
    "visqol_audio": ("ViSQOL", 2),
    "mel_distance": ("mel distance", 2),
    "distillmos": ("DistillMOS", 2),
}
MEASURES = {
    "pesq_wb": ("PESQ", 2),
    "stoi": ("STOI", 3),
    "visqol_audio": ("ViSQOL", 2),
    "mel_distance": ("mel distance", 2),
    "stft_distance": ("STFT distance", 2),
}
JUDGES = {
    "distillmos": ("DistillMOS", 2),
    "dnsmos_p808": ("P.808", 2),
    "speaker_similarity": ("speaker", 3),
    "word_error_rate": ("word errors", 2),
}
MUSIC = {"visqol_audio": ("music ViSQOL", 2), "mel_distance": ("music mel distance", 2)}
PEER_COLUMNS = {**{name: MEASURES[name] for name in ("pesq_wb", "stoi", "visqol_audio", "mel_distance")}, **JUDGES}
ORIGINALS = {"distillmos": "distillmos_original", "dnsmos_p808": "dnsmos_p808_original"}

Columns = Mapping[str, tuple[str, int]]


@dataclass(frozen=True)
class Figures:
    """What the tables have.

    Attributes:
        scores: means of the evaluations, by model.
        peers: other codecs.
        models: facts of the bundles.
    """

    scores: dict[str, Any]
    peers: dict[str, Any]
    models: list[dict[str, Any]]

    @classmethod
    def read(cls) -> Figures:
        scores, peers = (json.loads(path.read_text(encoding="utf-8")) for path in (SCORES, PEERS))
        return cls(scores, peers, [facts(bundle) for bundle in list_bundles()])


def brief(figures: Figures, model: str) -> Iterable[str]:
    """All clips at each rate, in the most telling measures."""
    return _rates(figures.scores[model], BRIEF)


def rates(figures: Figures, model: str) -> Iterable[str]:
    """All clips at each rate, in every measure."""
    return _rates(figures.scores[model], MEASURES | JUDGES)


def domains(figures: Figures, model: str) -> Iterable[str]:
    """Each kind of sound at the main rate."""
    yield from _head(("domain", "measured"), MEASURES.values())
    for summary in figures.scores[model]["means"]:
        if summary["domain"] is not None and summary["kbps"] == MAIN_RATE:
            yield _row((summary["domain"], _number(summary["kbps_measured"], 2)), summary["means"], MEASURES)


def peers(figures: Figures, _: str) -> Iterable[str]:
    """Other codecs, and swc, on the same clips."""
    yield from _head(("codec", "kbit/s"), [*PEER_COLUMNS.values(), *MUSIC.values()])
    for codec in figures.peers["codecs"]:
        first = (codec["name"], "" if codec["kbps"] is None else f"{codec['kbps']:g}")
        yield _row(first, codec["speech"], PEER_COLUMNS, *_cells(codec.get("music", {}), MUSIC))


def models(figures: Figures, _: str) -> Iterable[str]:
    """What each bundle is."""
    head = ("model", "family", "Hz", "kbit/s a channel", "latency, s (live)", "parameters, M", "MB")
    yield from _head((*head, "GMAC a second: encoder", "decoder", "x real time: encoding", "decoding"), ())
    for row in figures.models:
        low, high = (f"{kbps:.2f}" for kbps in row["kbps"])
        rate = low if low == high else f"{low} to {high}"
        live = row["live_latency_seconds"]
        latency = f"{row['latency_seconds']:.2f}" + (f" ({live:.2f})" if live else "")
        size = (latency, f"{row['parameters'] / 1e6:.1f}", f"{row['bytes'] / 1e6:.1f}")
        macs, speed = (row[name] or dict.fromkeys(("encode", "decode")) for name in ("macs", "speed"))
        work = [_number(macs[way] and macs[way] / 1e9, 2) for way in ("encode", "decode")]
        times = [_number(speed[way], 1) for way in ("encode", "decode")]
        yield _row((row["name"], row["family"], str(row["sample_rate"]), rate, *size, *work, *times), {}, {})


def evaluations(figures: Figures, _: str) -> Iterable[str]:
    """Each kind of sound at each rate, of the models that have been evaluated."""
    columns = MEASURES | JUDGES
    yield from _head(("model", "`--kbps`", "domain", "clips", "measured"), columns.values())
    for row in figures.models:
        means = figures.scores.get(row["name"], {"means": []})["means"]
        for summary in [one for one in means if one["domain"]] or means:
            asked, measured = _number(summary["kbps"], 2), _number(summary["kbps_measured"], 2)
            first = (row["name"], asked, summary["domain"] or "all", str(summary["files"]), measured)
            yield _row(first, summary["means"], columns)


TABLES: dict[str, Callable[[Figures, str], Iterable[str]]] = {
    table.__name__: table for table in (brief, rates, domains, peers, models, evaluations)
}


def pages() -> dict[Path, str]:
    """The pages that may have tables, and the model that each is about."""
    cards = {path: path.parent.name for path in ROOT.glob("models/*/MODEL_CARD.md")}
    return {ROOT / "README.md": DEFAULT_MODEL, MODELS_PAGE: DEFAULT_MODEL} | cards


def measured(bundle: Bundle, scores: Mapping[str, Any]) -> dict[str, Any]:
    """What a bundle's measured.json says, with its scores over all clips at its main rate, if it was evaluated."""
    if bundle.name not in scores:
        return bundle.measured
    whole = [summary for summary in scores[bundle.name]["means"] if summary["domain"] is None]
    main = min(whole, key=lambda summary: abs(summary["kbps"] - MAIN_RATE))
    means = {head: _number(main["means"].get(name), decimals) for name, (head, decimals) in BRIEF.items()}
    return bundle.measured | {"scores": {"kbps": _number(main["kbps_measured"], 2), "means": means}}


def rendered(page: str, figures: Figures, model: str) -> str:
    """A page with each table between `<!-- scores: NAME -->` and `<!-- end -->` made again."""

    def table(found: re.Match[str]) -> str:
        return f"{found[1]}\n" + "\n".join(TABLES[found[2]](figures, model)) + f"\n{found[3]}"

    return re.sub(r"(<!-- scores: (\w+) -->)\n.*?(<!-- end -->)", table, page, flags=re.S)


def _rates(scores: dict[str, Any], columns: Columns) -> Iterable[str]:
    """A row for each rate, and one of the originals as the judges without a reference score them."""
    yield from _head(("`--kbps`", "measured"), columns.values())
    whole = [summary for summary in scores["means"] if summary["domain"] is None]
    for summary in whole:
        yield _row((f"{summary['kbps']:g}", _number(summary["kbps_measured"], 2)), summary["means"], columns)
    means = {name: whole[-1]["means"][original] for name, original in ORIGINALS.items()}
    yield _row(("originals", ""), means, columns)


def _head(first: Sequence[str], columns: Iterable[tuple[str, int]]) -> Iterable[str]:
    names = [*first, *(heading for heading, _ in columns)]
    yield "| " + " | ".join(names) + " |"
    yield "|---" * len(names) + "|"


def _row(first: Sequence[str], means: Mapping[str, float | None], columns: Columns, *last: str) -> str:
    return "| " + " | ".join([*first, *_cells(means, columns), *last]) + " |"


def _cells(means: Mapping[str, float | None], columns: Columns) -> list[str]:
    return [_number(means.get(name), decimals) for name, (_, decimals) in columns.items()]


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"


def main() -> None:
    scores = json.loads(SCORES.read_text(encoding="utf-8"))
    for new in sys.argv[1:]:
        document = json.loads(Path(new).read_text(encoding="utf-8"))
        scores[document["model"]] = {key: document[key] for key in KEPT}
    SCORES.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    for bundle in list_bundles():
        (bundle.path / MEASURED).write_text(json.dumps(measured(bundle, scores), indent=1) + "\n", encoding="utf-8")
    figures = Figures.read()
    for path, model in pages().items():
        path.write_text(rendered(path.read_text(encoding="utf-8"), figures, model), encoding="utf-8")


if __name__ == "__main__":
    main()
