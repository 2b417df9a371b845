"""swc cut: a part of a stream, between chunks, without encoding again."""

from __future__ import annotations

import json
import sys
from typing import Annotated, BinaryIO, cast

import typer

from swc.cli.files import PIPE, check_names, open_input
from swc.cli.guard import say
from swc.cli.options import Force, Json, Quiet, counted, size_text, time_text
from swc.cli.times import Duration, Start, samples_of


def cut(
    source: Annotated[str, typer.Argument(metavar="IN", help="A .swc file; - for stdin.")],
    target: Annotated[str, typer.Argument(metavar="OUT", help="The part; - for stdout.")],
    start: Start = 0.0,
    duration: Duration = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Copy a part of a .swc file, in whole chunks of about 4 s."""
    check_names(source, target, force)
    from swc.bitstream import StreamReader
    from swc.bitstream import cut as cut_stream
    from swc.files import open_output

    with open_input(source) as fp:
        reader = StreamReader(fp)
        rate = reader.header.source_rate
        with open_output(target) as output:
            piece = cut_stream(reader, cast(BinaryIO, output), *samples_of(start, duration, rate))
    begin, end = piece.samples.start / rate, piece.samples.stop / rate
    if as_json:
        facts = {"input": source, "output": target, "bytes": output.size, "start": begin, "end": end}
        print(json.dumps(facts), file=sys.stderr if target == PIPE else sys.stdout)
    elif not quiet:
        name = "standard output" if target == PIPE else target
        span = f"from {time_text(begin)} to {time_text(end)}"
        say(f"{name}: {size_text(output.size)}, {span}, {counted(len(piece.chunks), 'chunk')}")
