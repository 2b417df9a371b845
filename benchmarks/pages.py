"""What benchmarks with figures in docs/ share: options, tables, and where the tables go."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True)
class Bound:
    """A limit on something that was measured.

    Attributes:
        what: is measured.
        value: that it has.
        limit: that it must not go beyond.
        least: whether the limit is the least value, not the most.
    """

    what: str
    value: float
    limit: float
    least: bool = False

    @property
    def holds(self) -> bool:
        return self.value >= self.limit if self.least else self.value <= self.limit

    def __str__(self) -> str:
        side = "at least" if self.least else "at most"
        return f"{'pass' if self.holds else 'FAIL'}  {self.what}: {number(self.value)}, {side} {self.limit:g}"


def options(about: str | None, block: str) -> argparse.ArgumentParser:
    """A parser with the options that `report` goes by."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("json", type=Path, help="where the figures go")
    parser.add_argument("--render", action="store_true", help="take the figures that are there, and measure nothing")
    parser.add_argument("--png", type=Path, help="draw them")
    parser.add_argument("--page", type=Path, help=f"put the tables between <!-- {block} --> and <!-- end -->")
    return parser


def report(
    args: argparse.Namespace,
    block: str,
    measure: Callable[[], Document],
    markdown: Callable[[Document], str],
    plot: Callable[[Path, Document], None],
) -> None:
    """Measure, unless an earlier run's figures are asked for; write, draw and print."""
    if args.page and not _place(block).search(args.page.read_text(encoding="utf-8")):
        sys.exit(f"{args.page} has no place for it; add the lines <!-- {block} --> and <!-- end -->")
    if not args.render:
        args.json.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    document = json.loads(args.json.read_text(encoding="utf-8"))
    if args.png:
        plot(args.png, document)
    if args.page:
        put(args.page, block, markdown(document))
    else:
        print(markdown(document))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float) -> str:
    """Two digits that count, or all before the point."""
    return f"{value:.{0 if value >= 9.95 else 1 if value >= 0.995 else 2}f}"


def put(page: Path, block: str, text: str) -> None:
    """Replace what a page has between two comments."""
    old = page.read_text(encoding="utf-8")
    page.write_text(_place(block).sub(lambda match: f"{match[1]}{text}\n{match[2]}", old), encoding="utf-8")


def _place(block: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {block} -->\n).*?(<!-- end -->)", re.S)
