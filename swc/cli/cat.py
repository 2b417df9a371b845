"""swc cat: streams one after the other, without encoding again."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from typing import Annotated, BinaryIO, cast

import typer

from swc.cli.files import PIPE, check_names, open_input
from swc.cli.guard import say
from swc.cli.options import Force, Json, Quiet, counted, size_text, time_text


def cat(
    names: Annotated[
        list[str], typer.Argument(metavar="IN... OUT", help="Pieces of .swc, in order, and the output; - for stdout.")
    ],
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Join pieces that `swc cut` made into one .swc file."""
    if len(names) < 2:
        raise typer.BadParameter("give at least one input, and then the output", param_hint="IN... OUT")
    *sources, target = names
    if sources.count(PIPE) > 1:
        raise typer.BadParameter("standard input can be read only once", param_hint="IN... OUT")
    for source in sources:
        check_names(source, target, force)
    from swc.bitstream import StreamReader, join
    from swc.files import open_output

    with ExitStack() as files:
        readers = [StreamReader(files.enter_context(open_input(source))) for source in sources]
        with open_output(target) as output:
            samples = join(readers, cast(BinaryIO, output), sources)
        seconds = samples / readers[0].header.source_rate
    if as_json:
        facts = {"inputs": sources, "output": target, "bytes": output.size, "seconds": seconds}
        print(json.dumps(facts), file=sys.stderr if target == PIPE else sys.stdout)
    elif not quiet:
        name = "standard output" if target == PIPE else target
        say(f"{name}: {size_text(output.size)}, {time_text(seconds)}, {counted(len(sources), 'piece')}")
