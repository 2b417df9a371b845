"""swc verify: are these streams whole? Needs no model and decodes no sound."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from swc.cli.damage import damage_lines
from swc.cli.guard import as_flags, say, tell
from swc.cli.inputs import find_streams
from swc.cli.options import counted, time_text
from swc.errors import FormatError, InputError
from swc.files import PIPE, open_input


def verify(
    sources: Annotated[
        list[str], typer.Argument(metavar="FILE...", help=".swc files, or folders of them; - for stdin.")
    ],
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only what is wrong.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line for each file.")] = False,
) -> None:
    """Check every CRC and rule of .swc files, without the model.

    Folders are searched for streams. The exit code is the highest that one of the files has.
    """
    worst = 0
    for source in find_streams(sources):
        facts, code = _check(source)
        worst = max(worst, code)
        if as_json:
            tell(json.dumps(facts))
        elif facts["error"]:
            say(f"{source}: {facts['error']}")
            for line in damage_lines(facts["damage"]) if facts["damage"] else ():
                say(f"  {line}")
        elif not quiet:
            tell(f"{source}: whole, {time_text(facts['seconds'])}, {counted(facts['chunks'], 'chunk')}")
    if worst:
        raise typer.Exit(worst)


def _check(source: str) -> tuple[dict[str, Any], int]:
    """What is right or wrong with a stream, and the exit code for it; no fault is an exception."""
    from swc.bitstream import StreamReader

    facts: dict[str, Any] = {"file": source, "error": None, "damage": None}
    try:
        with open_input(source) as fp:
            reader = StreamReader(fp)
            for _ in reader:
                pass
    except FormatError as error:
        damage = None if source == PIPE else _damage(source)
        return facts | {"error": as_flags(str(error)), "damage": damage}, error.exit_code
    except InputError as error:
        return facts | {"error": str(error).removeprefix(f"{source}: ")}, error.exit_code
    except OSError as error:
        return facts | {"error": error.strerror or str(error)}, 1
    rate = reader.header.source_rate
    return facts | {"seconds": (reader.total_samples or 0) / rate, "chunks": reader.n_chunks}, 0


def _damage(source: str) -> dict[str, Any] | None:
    """What `swc decode --salvage` would find, None where it could do nothing."""
    from swc.bitstream import SalvageReader
    from swc.bitstream.damage import damage_facts

    with open_input(source) as fp:
        try:
            reader = SalvageReader(fp)
        except FormatError:
            return None
        for _ in reader:
            pass
    return damage_facts(reader)
