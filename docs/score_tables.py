"""Write the scores into the README and the model card: python docs/score_tables.py [NEW.json]

NEW.json is the output of `swc eval CLIPS --mos --json NEW.json`; its means replace those in docs/scores.json first.
docs/peers.json has the scores of other codecs, and of swc on the same clips.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SCORES = ROOT / "docs" / "scores.json"
PEERS = ROOT / "docs" / "peers.json"
PAGES = (ROOT / "README.md", ROOT / "models" / "swc-44k" / "MODEL_CARD.md")
MAIN_RATE = 2.67
KEPT = ("model", "fingerprint", "packages", "means")
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


def brief(scores: dict[str, Any], _: dict[str, Any]) -> Iterable[str]:
    """All clips at each rate, in the most telling measures."""
    return _rates(scores, BRIEF)


def rates(scores: dict[str, Any], _: dict[str, Any]) -> Iterable[str]:
    """All clips at each rate, in every measure."""
    return _rates(scores, MEASURES | JUDGES)


def domains(scores: dict[str, Any], _: dict[str, Any]) -> Iterable[str]:
    """Each kind of sound at the main rate."""
    yield from _head(("domain", "measured"), MEASURES.values())
    for summary in scores["means"]:
        if summary["domain"] is not None and summary["kbps"] == MAIN_RATE:
            yield _row((summary["domain"], _number(summary["kbps_measured"], 2)), summary["means"], MEASURES)


def peers(_: dict[str, Any], others: dict[str, Any]) -> Iterable[str]:
    """Other codecs, and swc, on the same clips."""
    yield from _head(("codec", "kbit/s"), [*PEER_COLUMNS.values(), *MUSIC.values()])
    for codec in others["codecs"]:
        first = (codec["name"], "" if codec["kbps"] is None else f"{codec['kbps']:g}")
        yield _row(first, codec["speech"], PEER_COLUMNS, *_cells(codec.get("music", {}), MUSIC))


TABLES: dict[str, Callable[[dict[str, Any], dict[str, Any]], Iterable[str]]] = {
    table.__name__: table for table in (brief, rates, domains, peers)
}


def rendered(page: str, scores: dict[str, Any], others: dict[str, Any]) -> str:
    """A page with each table between `<!-- scores: NAME -->` and `<!-- end -->` made again."""

    def table(found: re.Match[str]) -> str:
        return f"{found[1]}\n" + "\n".join(TABLES[found[2]](scores, others)) + f"\n{found[3]}"

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
    for new in sys.argv[1:]:
        document = json.loads(Path(new).read_text(encoding="utf-8"))
        SCORES.write_text(json.dumps({key: document[key] for key in KEPT}, indent=1) + "\n", encoding="utf-8")
    scores, others = (json.loads(path.read_text(encoding="utf-8")) for path in (SCORES, PEERS))
    for path in PAGES:
        path.write_text(rendered(path.read_text(encoding="utf-8"), scores, others), encoding="utf-8")


if __name__ == "__main__":
    main()
