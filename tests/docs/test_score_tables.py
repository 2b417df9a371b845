"""The tables of scores and models in the pages are those of docs/scores.json, docs/peers.json and `swc models`."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any

import pytest
from pages import ROOT, name

TABLES = {
    "README.md": {"peers", "brief"},
    "models/swc-44k/MODEL_CARD.md": {"rates", "domains"},
    "models/swc-24k-live/MODEL_CARD.md": {"rates"},
    "models/switchcodec-44k-slim/MODEL_CARD.md": {"rates"},
    "models/sq-16k-spectral/MODEL_CARD.md": {"rates"},
    "models/vrvq-44k/MODEL_CARD.md": {"rates"},
    "docs/models.md": {"models", "evaluations"},
}
FACTS = {
    "name": "m",
    "family": "revq",
    "sample_rate": 24000,
    "kbps": [1.5, 1.5],
    "latency_seconds": 30.0,
    "live_latency_seconds": 0.06,
    "parameters": 3_210_000,
    "bytes": 6_420_000,
    "macs": {"encode": 1.5e9, "decode": 0.25e9},
    "speed": None,
}


@pytest.fixture(scope="module")
def score_tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score_tables", ROOT / "docs" / "score_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rendered(tables: ModuleType, page: str, **figures: Any) -> str:
    some = tables.Figures(**{"scores": {}, "peers": {}, "models": [], **figures})
    text: str = tables.rendered(page, some, "m")
    return text


def test_pages_have_them(score_tables: ModuleType) -> None:
    figures, found = score_tables.Figures.read(), {}
    for path, model in score_tables.pages().items():
        page = path.read_text(encoding="utf-8")
        found[name(path)] = {table for table in score_tables.TABLES if f"<!-- scores: {table} -->" in page}
        assert score_tables.rendered(page, figures, model) == page, "run: PYTHONPATH=. python docs/score_tables.py"
    assert {page: tables for page, tables in found.items() if tables} == TABLES


def test_bundles_have_their_scores(score_tables: ModuleType) -> None:
    figures = score_tables.Figures.read()
    for bundle in score_tables.list_bundles():
        assert score_tables.measured(bundle, figures.scores) == bundle.measured, bundle.name


def test_scores_are_of_the_shipped_codes(score_tables: ModuleType) -> None:
    figures = score_tables.Figures.read()
    fingerprints = {row["name"]: row["fingerprint"] for row in figures.models}
    assert {model: scores["fingerprint"] for model, scores in figures.scores.items()}.items() <= fingerprints.items()


def test_a_changed_score_changes_the_page(score_tables: ModuleType) -> None:
    means = {"pesq_wb": 3.004, "distillmos": None, "distillmos_original": 4.0, "dnsmos_p808_original": 3.5}
    scores = {"m": {"means": [{"domain": None, "kbps": 2.67, "kbps_measured": 2.641, "means": means}]}}
    page = rendered(score_tables, "a\n<!-- scores: rates -->\nold\n<!-- end -->\nb\n", scores=scores)
    assert page.startswith("a\n<!-- scores: rates -->\n| `--kbps` | measured | PESQ |")
    assert "| 2.67 | 2.64 | 3.00 | - |" in page
    assert "| originals |  | - | - | - | - | - | 4.00 | 3.50 |" in page
    assert page.endswith("<!-- end -->\nb\n")
    assert "old" not in page


def test_peers_have_a_row_each(score_tables: ModuleType) -> None:
    codec = {"name": "Other", "kbps": 5.5, "speech": {"pesq_wb": 2.371}, "music": {"visqol_audio": 2.27}}
    page = rendered(score_tables, "<!-- scores: peers -->\n<!-- end -->", peers={"codecs": [codec]})
    assert "| Other | 5.5 | 2.37 | - | - | - | - | - | - | - | 2.27 | - |" in page


def test_models_have_a_row_each_and_their_scores_once_there_are_any(score_tables: ModuleType) -> None:
    page = rendered(score_tables, "<!-- scores: models -->\n<!-- end -->", models=[FACTS])
    assert "| m | revq | 24000 | 1.50 | 30.00 (0.06) | 3.2 | 6.4 | 1.50 | 0.25 | - | - |" in page
    other = {**FACTS, "name": "other"}
    summaries = [
        {"domain": domain, "kbps": 1.5, "kbps_measured": 1.49, "files": 8, "means": {"stoi": 0.9}}
        for domain in (None, "speech")
    ]
    evaluations = "<!-- scores: evaluations -->\n<!-- end -->"
    page = rendered(score_tables, evaluations, models=[FACTS, other], scores={"m": {"means": summaries}})
    assert page.count("\n| m ") == 1
    assert "| m | 1.50 | speech | 8 | 1.49 | - | 0.900 | - |" in page
    assert "other" not in page
    page = rendered(score_tables, evaluations, models=[FACTS], scores={"m": {"means": summaries[:1]}})
    assert "| m | 1.50 | all | 8 | 1.49 | - | 0.900 | - |" in page
