"""Print the tables of `docs/ablations.md` from what `run.py` left.

python benchmarks/ablations/table.py DIR
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Result = dict[str, Any]

QUALITY = {
    "Fixed RVQ and REVQ, 43 latents/s": ("fixed-6", "revq-8", "revq-11", "revq-17", "revq-24"),
    "Fixed RVQ and REVQ, 86 latents/s": ("paper-fixed-3", "paper-4", "paper-6", "paper-8", "paper-16"),
    "One rate in training, or all": ("fixed-6", "prefix-17", "revq-17", "base"),
    "Spread": ("fixed-6", "fixed-6-seed1", "base", "gamma-0.01", "base-seed1"),
    "DRPS": ("gamma-0", "gamma-0.001", "gamma-0.01", "gamma-0.1"),
    "Masks in training": ("base", "searched-masks"),
}
USE = {
    "Use of the experts": (
        *("revq-8", "revq-11", "revq-17", "revq-24", "paper-4", "paper-6", "paper-8", "paper-16"),
        *("base", "searched-masks"),
    ),
    "Use of the experts, DRPS": QUALITY["DRPS"],
}
STAGE2 = ("base", "stage2-none", "stage2-mrd", "stage2-mtsd")
SWEEPS = ("base", "prefix-17")

COLUMNS: dict[str, Callable[[Result], str]] = {
    "residual %": lambda r: f"{100 * r['residual']:.2f}",
    "mel": lambda r: f"{r['mel']:.4f}",
    "PESQ": lambda r: f"{r['pesq']:.3f}",
    "STOI": lambda r: f"{r['stoi']:.4f}",
}
USE_COLUMNS: dict[str, Callable[[Result], str]] = {
    "windows an expert serves": lambda r: f"{100 * min(r['usage']):.0f}-{100 * max(r['usage']):.0f} %",
    "below 2 %": lambda r: str(r["starved"]),
    "ever used": lambda r: f"{r['activated']} of {len(r['usage'])}",
    "perplexity": lambda r: f"{r['perplexity']:.0f}",
}


def markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def both(columns: dict[str, Callable[[Result], str]], router: Result, searched: Result) -> list[str]:
    """A cell for each column: by the router / searched."""
    return [f"{show(router)} / {show(searched)}" for show in columns.values()]


def quality(results: dict[str, Result], names: tuple[str, ...]) -> str:
    rows = []
    for name in names:
        router, searched = results[name]["router"], results[name]["searched"]
        row = [f"`{name}`", f"{router['experts']} of {len(router['usage'])}", f"{router['mask_bits_per_second']:.0f}"]
        rows.append(row + both(COLUMNS, router, searched))
    return markdown(["row", "experts", "masks bit/s", *COLUMNS], rows)


def use(results: dict[str, Result], names: tuple[str, ...]) -> str:
    """How the experts are used on held-out windows."""
    rows = [[f"`{name}`", *both(USE_COLUMNS, results[name]["router"], results[name]["searched"])] for name in names]
    return markdown(["row", *USE_COLUMNS], rows)


def stage2(results: dict[str, Result], names: tuple[str, ...]) -> str:
    """With searched masks."""
    columns = ("mel", "PESQ", "STOI")
    rows = []
    for name in names:
        r = results[name]["searched"]
        rows.append([f"`{name}`", *(COLUMNS[c](r) for c in columns), f"{r['visqol']:.3f}"])
    return markdown(["row", *columns, "ViSQOL"], rows)


def sweep(result: dict[str, list[Result]]) -> str:
    rows = []
    for router, searched in zip(result["router"], result["searched"], strict=True):
        rows.append([str(router["experts"]), f"{router['kbps']:.2f}", *both(COLUMNS, router, searched)])
    return markdown(["k_r", "codes kbit/s", *COLUMNS], rows)


def there(results: dict[str, Result], names: tuple[str, ...]) -> tuple[str, ...]:
    """The rows that have been run."""
    return tuple(name for name in names if name in results)


def main() -> None:
    folder = Path(sys.argv[1])
    results = {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*/result.json")}
    print("Two figures in a cell: by the router / searched.")
    for title, names in QUALITY.items():
        print(f"\n## {title}\n\n{quality(results, there(results, names))}")
    for title, names in USE.items():
        print(f"\n## {title}\n\n{use(results, there(results, names))}")
    print(f"\n## Stage 2, searched\n\n{stage2(results, there(results, STAGE2))}")
    for name in SWEEPS:
        if f"sweep-{name}" in results:
            print(f"\n## k_r without retraining: `{name}`\n\n{sweep(results[f'sweep-{name}'])}")


if __name__ == "__main__":
    main()
