"""What a command did, for people on stderr or for machines on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from swc.cli.guard import say
from swc.files import PIPE


def show(facts: dict[str, Any], target: str, lines: Iterable[str], *, quiet: bool, as_json: bool) -> None:
    """Print facts as JSON, or else lines that say the same.

    Args:
        target: the command's output; where that is stdout, JSON goes to stderr.
        lines: the first follows the target's name.
    """
    if as_json:
        print(json.dumps(facts), file=sys.stderr if target == PIPE else sys.stdout)
    elif not quiet:
        name = "standard output" if target == PIPE else target
        first, *others = lines
        for line in (f"{name}: {first}", *others):
            say(line)
