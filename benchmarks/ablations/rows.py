"""Rows of the comparison: a few lines of TOML each, merged over `base.toml` and checked like any config."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swc.config import Config
from swc.config.toml import build, read_toml

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Row:
    """How a row is run, beside its config: the `[row]` table of its file."""

    seed: int = 0
    init: str = ""  # the row whose weights it starts from; empty: the closed-form start
    prefix: bool = False  # the first k_r experts serve every window, as in ordinary RVQ: nothing is routed or searched


def row_names(folder: Path = HERE) -> list[str]:
    """All rows, in an order in which a row comes after the one that it starts from."""
    names = sorted(path.stem for path in (folder / "rows").glob("*.toml"))
    return sorted(names, key=lambda name: (load_row(name, folder)[1].init != "", name != "base", name))


def load_row(name: str, folder: Path = HERE) -> tuple[Config, Row]:
    """The config of a row, and how it is run.

    Raises:
        InputError: no such row, no TOML, an unknown key or kind, or a wrong type.
    """
    path = folder / "rows" / f"{name}.toml"
    changes = read_toml(path)
    row = changes.pop("row", {})
    merged = merge(read_toml(folder / "base.toml"), changes) | {"name": name}
    return Config.from_table(merged, str(path)), build(Row, row, f"{path}: row", {})


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with `changes` over it: tables key by key, everything else (lists of tables too) as a whole."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = merge(base[key], value) if both else value
    return merged
