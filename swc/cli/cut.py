"""swc cut: a part of a stream, between chunks, without encoding again."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from swc.cli.files import choose_output, open_stream
from swc.cli.options import Force, Json, Quiet, counted, size_text, time_text
from swc.cli.summary import show
from swc.cli.times import Duration, Start
from swc.files import open_output


def cut(
    source: Annotated[str, typer.Argument(metavar="IN", help="A .swc file; - for stdin.")],
    target: Annotated[str, typer.Argument(metavar="OUT", help="The part, or a folder for it; - for stdout.")],
    start: Start = 0.0,
    duration: Duration = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Copy a part of a .swc file, in whole chunks of about 4 s."""
    target = choose_output("cut", source, target, "", force)
    from swc.bitstream import StreamReader, StreamWriter
    from swc.bitstream import cut as cut_stream
    from swc.codec.options import samples_of

    with open_stream(source) as fp:
        reader = StreamReader(fp)
        rate = reader.header.source_rate
        with open_output(target) as output:
            piece = cut_stream(reader, partial(StreamWriter, output), *samples_of(start, duration, rate))
    begin, end = piece.samples.start / rate, piece.samples.stop / rate
    span = f"from {time_text(begin)} to {time_text(end)}"
    facts = {"input": source, "output": target, "bytes": output.size, "start": begin, "end": end}
    line = f"{size_text(output.size)}, {span}, {counted(len(piece.chunks), 'chunk')}"
    show(facts, target, [line], quiet=quiet, as_json=as_json)
