"""swc cat: streams one after the other, without encoding again."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Annotated

import typer

from swc.cli.files import check_names
from swc.cli.options import Force, Json, Quiet, counted, size_text, time_text
from swc.cli.summary import show
from swc.files import PIPE, open_input, open_output


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
    from swc.bitstream import StreamReader, StreamWriter, join

    with ExitStack() as files:
        readers = [StreamReader(files.enter_context(open_input(source))) for source in sources]
        with open_output(target) as output:
            samples = join(readers, partial(StreamWriter, output), sources)
        seconds = samples / readers[0].header.source_rate
    facts = {"inputs": sources, "output": target, "bytes": output.size, "seconds": seconds}
    line = f"{size_text(output.size)}, {time_text(seconds)}, {counted(len(sources), 'piece')}"
    show(facts, target, [line], quiet=quiet, as_json=as_json)
