"""swc verify: checks whether streams are complete and undamaged. Needs no model and does not decode."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from swc.cli.damage import fault, say_fault
from swc.cli.guard import tell
from swc.cli.inputs import find_streams
from swc.cli.options import counted, time_text
from swc.errors import SwcError
from swc.files import open_input


def verify(
    sources: Annotated[
        list[str], typer.Argument(metavar="FILE...", help=".swc files, or folders of them; - for stdin.")
    ],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only faults.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, one line for each file.")] = False,
) -> None:
    """Check every CRC and rule of .swc files, without the model.

    Folders are searched for streams. The exit code is the highest of any file.
    """
    worst = 0
    for source in find_streams(sources):
        facts, code = _check(source)
        worst = max(worst, code)
        if as_json:
            tell(json.dumps(facts))
        elif facts["error"]:
            say_fault(facts)
        elif not quiet:
            tell(f"{source}: whole, {time_text(facts['seconds'])}, {counted(facts['chunks'], 'chunk')}")
    if worst:
        raise typer.Exit(worst)


def _check(source: str) -> tuple[dict[str, Any], int]:
    """The verdict on a stream as plain data, and its exit code; raises nothing for faults."""
    from swc.bitstream import StreamReader

    try:
        with open_input(source) as fp:
            reader = StreamReader(fp)
            for _ in reader:
                pass
    except (SwcError, OSError) as error:
        return fault(source, error)
    seconds = (reader.total_samples or 0) / reader.header.source_rate
    return {"file": source, "error": None, "damage": None, "seconds": seconds, "chunks": reader.n_chunks}, 0
