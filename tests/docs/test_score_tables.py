"""The tables of scores in the README and the model card are those of docs/scores.json and docs/peers.json."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pages import ROOT, name

CARD = ROOT / "models" / "swc-44k" / "MODEL_CARD.md"
TABLES = {"README.md": ["peers", "brief"], "models/swc-44k/MODEL_CARD.md": ["rates", "domains"]}


@pytest.fixture(scope="module")
def score_tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score_tables", ROOT / "docs" / "score_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def test_pages_have_them(score_tables: ModuleType) -> None:
    scores, peers = read(score_tables.SCORES), read(score_tables.PEERS)
    for path in score_tables.PAGES:
        page = path.read_text(encoding="utf-8")
        assert [table for table in score_tables.TABLES if f"<!-- scores: {table} -->" in page] == sorted(
            TABLES[name(path)], key=list(score_tables.TABLES).index
        )
        assert score_tables.rendered(page, scores, peers) == page, "run: python docs/score_tables.py"


def test_scores_are_of_the_shipped_codes(score_tables: ModuleType) -> None:
    assert read(score_tables.SCORES)["fingerprint"] in CARD.read_text(encoding="utf-8")


def test_a_changed_score_changes_the_page(score_tables: ModuleType) -> None:
    means = {"pesq_wb": 3.004, "distillmos": None, "distillmos_original": 4.0, "dnsmos_p808_original": 3.5}
    scores = {"means": [{"domain": None, "kbps": 2.67, "kbps_measured": 2.641, "means": means}]}
    page = score_tables.rendered("a\n<!-- scores: rates -->\nold\n<!-- end -->\nb\n", scores, {})
    assert page.startswith("a\n<!-- scores: rates -->\n| `--kbps` | measured | PESQ |")
    assert "| 2.67 | 2.64 | 3.00 | - |" in page
    assert "| originals |  | - | - | - | - | - | 4.00 | 3.50 |" in page
    assert page.endswith("<!-- end -->\nb\n")
    assert "old" not in page


def test_peers_have_a_row_each(score_tables: ModuleType) -> None:
    codec = {"name": "Other", "kbps": 5.5, "speech": {"pesq_wb": 2.371}, "music": {"visqol_audio": 2.27}}
    page = score_tables.rendered("<!-- scores: peers -->\n<!-- end -->", {}, {"codecs": [codec]})
    assert "| Other | 5.5 | 2.37 | - | - | - | - | - | - | - | 2.27 | - |" in page
