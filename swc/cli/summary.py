"""The result of a command, for people on stderr or for machines on stdout."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from swc.cli.guard import as_flags, say, tell
from swc.files import PIPE


def show(facts: dict[str, Any], target: str, lines: Iterable[str], *, quiet: bool, as_json: bool) -> None:
    """Print facts as JSON, or else lines that state the same.

    Args:
        target: the command's output; if it is stdout, JSON goes to stderr.
        lines: the first follows the target's name.
    """
    if as_json:
        (say if target == PIPE else tell)(json.dumps(facts))
    elif not quiet:
        name = "standard output" if target == PIPE else target
        first, *others = lines
        for line in (f"{name}: {first}", *others):
            say(line)


def show_notes(name: str, notes: Iterable[str], quiet: bool) -> None:
    """Print the oddities of a file, unless quiet. A note about an input names it already."""
    for note in () if quiet else notes:
        say(as_flags(note if note.startswith(f"{name} ") else f"{name}: {note}"))
