"""The rows of the comparison in `benchmarks/ablations`: small, valid, and different from their base as they say."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import shutil
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from swc.errors import InputError
from swc.training.validation import codes_kbps

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks" / "ablations"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"ablation_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


rows = load("rows")
NAMES = rows.row_names()


def flat(table: Any, prefix: str = "") -> dict[str, Any]:
    """A nested dict with its keys joined by dots."""
    if not isinstance(table, dict):
        return {prefix: table}
    return {k: v for key, value in table.items() for k, v in flat(value, f"{prefix}.{key}".strip(".")).items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the base with no rows yet."""
    shutil.copy(FOLDER / "base.toml", tmp_path)
    (tmp_path / "rows").mkdir()
    return tmp_path


def test_the_rows_are_there() -> None:
    assert len(NAMES) >= 20
    assert NAMES[0] == "base"


@pytest.mark.parametrize("name", NAMES)
def test_a_row_says_what_it_changes_in_a_few_lines(name: str) -> None:
    config, how = rows.load_row(name)
    assert config.model.name == name
    lines = (FOLDER / "rows" / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line and not line.startswith(("#", "["))]) <= 13
    base, row = (flat(dataclasses.asdict(c)) for c in (rows.load_row("base")[0], config))
    changed = {key for key in base if base[key] != row[key]}
    allowed = {"model.name", "model.backbone.frames_per_latent", "training.crop_latents"} | {
        f"training.{key}" for key in ("nominal_k", "nominal_share", "mask_search", "drps_gamma", "stages")
    }
    assert changed <= allowed | {k for k in base if k.startswith(("model.quantizer.", "training.discriminators."))}
    assert len(changed) > 1 or how != rows.Row() or name in ("base", "gamma-0.01"), "a row that changes nothing"


@pytest.mark.parametrize("name", NAMES)
def test_rows_share_bits_and_audio(name: str) -> None:
    config, row = rows.load_row(name)
    base, _ = rows.load_row("base")
    t, model, other = config.training, config.model, base.model
    assert codes_kbps(model, t.nominal_k) == pytest.approx(codes_kbps(other, 5))
    assert model.quantizer.window * model.hop == other.quantizer.window * other.hop
    assert (model.sample_rate, model.gain) == (other.sample_rate, other.gain)
    if row.init:
        assert row.init in NAMES[: NAMES.index(name)]
        assert [s.trains for s in t.stages] == ["decoder"]
        warmup = t.discriminators.warmup_steps if t.stages[0].kind == "adversarial" else 0
        reference = rows.load_row("stage2-none")[0].training
        assert t.stages[0].steps - warmup == reference.stages[0].steps, "as many steps of the decoder"
        assert (t.stages[0].batch, t.crop_latents) == (reference.stages[0].batch, reference.crop_latents)
    else:
        assert config.crop == base.crop
        assert t.stages == base.training.stages


def test_the_corpus_cache_of_the_default_model_fits() -> None:
    shipped, base = (
        tomllib.loads(path.read_text(encoding="utf-8"))
        for path in (ROOT / "models" / "swc-44k" / "config.toml", FOLDER / "base.toml")
    )
    assert (base["sample_rate"], base["gain"]) == (shipped["sample_rate"], shipped["gain"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("quantizer.routd = 8", "unknown key 'routd'"),
        ("row.sed = 1", "unknown key 'sed'"),
        ("[stages]", "unknown key 'stages'"),
        ('quantizer.routed = "8"', "must be int"),
        ("quantizer = 8", "must be a table"),
        ('quantizer.kind = "random"', "kind must be one of fsq, revq"),
        ("quantizer.routed = ", "not a TOML file"),
    ],
)
def test_a_bad_row_is_refused(folder: Path, text: str, complaint: str) -> None:
    (folder / "rows" / "bad.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(complaint)):
        rows.load_row("bad", folder)


def test_a_missing_row_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"no config file .*absent\.toml"):
        rows.load_row("absent", folder)


def test_merge_goes_into_tables_and_replaces_the_rest() -> None:
    base = {"a": {"x": 1, "deep": {"y": 2, "z": 3}}, "list": [1, 2], "stages": [{"steps": 5, "batch": 2}]}
    before = repr(base)
    merged = rows.merge(base, {"a": {"deep": {"z": 4}}, "list": [9], "stages": [{"steps": 1}], "new": {"k": 0}})
    assert merged == {
        "a": {"x": 1, "deep": {"y": 2, "z": 4}},
        "list": [9],
        "stages": [{"steps": 1}],
        "new": {"k": 0},
    }
    assert repr(base) == before
    assert rows.merge({"a": 1}, {"a": {"b": 2}}) == {"a": {"b": 2}}


def test_a_row_keeps_what_it_does_not_name(folder: Path) -> None:
    (folder / "rows" / "mine.toml").write_text("row.seed = 3\nquantizer.routed = 9\n", encoding="utf-8")
    config, row = rows.load_row("mine", folder)
    base, _ = rows.load_row("base")
    assert (row.seed, row.init) == (3, "")
    quantizer = dataclasses.replace(base.model.quantizer, routed=9)
    model = dataclasses.replace(base.model, name="mine", quantizer=quantizer)
    assert config == dataclasses.replace(base, model=model)


def test_rows_come_after_those_they_start_from(folder: Path) -> None:
    for name, text in {"a": 'row.init = "z"', "z": "", "base": ""}.items():
        (folder / "rows" / f"{name}.toml").write_text(text, encoding="utf-8")
    assert rows.row_names(folder) == ["base", "z", "a"]


def test_the_tables_name_only_rows_that_exist() -> None:
    table = load("table")
    tables = [*table.QUALITY.values(), *table.USE.values(), table.STAGE2, table.SWEEPS]
    assert {name for names in tables for name in names} == set(NAMES)
