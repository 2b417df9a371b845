"""Several streams as a table, one line each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from swc.cli.damage import fault
from swc.cli.facts import describe, describe_header
from swc.cli.options import counted, size_text, time_text
from swc.errors import SwcError
from swc.files import PIPE, open_input

_HEADINGS = ("duration", "channels", "Hz", "kbit/s", "model", "tags", "damage", "file")
_LEFT = ("model", "damage", "file")


def survey(source: str) -> tuple[dict[str, Any], int]:
    """The contents or the fault of a stream as plain data, and its exit code; raises nothing for faults."""
    from swc.bitstream import Stream, StreamReader

    try:
        with open_input(source) as fp:
            stream = Stream.read(fp)
    except (SwcError, OSError) as error:
        facts, code = fault(source, error)
        if source != PIPE:
            with suppress(SwcError, OSError), open_input(source) as fp:
                facts |= describe_header(StreamReader(fp).header)
        return facts, code
    return {"file": source, "error": None, "damage": None, **describe(stream)}, 0


def table(surveys: Sequence[dict[str, Any]]) -> list[str]:
    """Lines: a heading, one for each stream, and totals."""
    rows = [_HEADINGS, *map(_cells, surveys), _totals(surveys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    return [*lines[:-1], "", lines[-1]]


def _line(cells: Iterable[str], widths: Iterable[int]) -> str:
    columns = zip(_HEADINGS, cells, widths, strict=True)
    return "  ".join(f"{cell:{'<' if name in _LEFT else '>'}{width}}" for name, cell, width in columns).rstrip()


def _cells(facts: dict[str, Any]) -> tuple[str, ...]:
    seconds, kbps = facts.get("seconds"), facts.get("kbps")
    return (
        "-" if seconds is None else time_text(seconds),
        str(facts.get("channels", "-")),
        str(facts.get("source_rate", "-")),
        "-" if kbps is None else f"{kbps:.2f}",
        facts.get("model") or facts.get("fingerprint", "-"),
        str(len(facts["tags"])) if "tags" in facts else "-",
        _damage(facts),
        facts["file"],
    )


def _damage(facts: dict[str, Any]) -> str:
    if facts["error"] is None:
        return "-"
    if facts["damage"] is None:
        return "unreadable"
    lost = sum(loss["end"] - loss["start"] for loss in facts["damage"]["lost"])
    if not 0 < lost < float("inf"):
        return "cut off" if facts["damage"]["cut_off"] else "damaged"
    return f"{time_text(lost)} lost"


def _totals(surveys: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    whole = [facts for facts in surveys if facts["error"] is None]
    seconds = sum(facts["seconds"] for facts in whole)
    size = sum(facts["bytes"] for facts in whole)
    faulty = len(surveys) - len(whole)
    return (
        time_text(seconds),
        "",
        "",
        f"{size * 8 / seconds / 1000:.2f}" if seconds else "-",
        "",
        str(sum(len(facts["tags"]) for facts in whole)),
        f"{faulty} faulty" if faulty else "-",
        f"{counted(len(whole), 'whole file')}, {size_text(size)}",
    )
