"""swc cat: join streams without encoding again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from swc.cli.files import check_names, input_name
from swc.cli.options import Force, Json, Quiet, counted, size_text, time_text
from swc.cli.summary import show
from swc.errors import FormatError, InputError, naming
from swc.files import PIPE, descriptor, open_input, open_output

if TYPE_CHECKING:
    from swc.bitstream import Chunk, Header, StreamReader


def cat(
    names: Annotated[
        list[str],
        typer.Argument(metavar="IN... OUT", help="Pieces made by swc cut, in order, and the output; - for stdout."),
    ],
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Join pieces made by `swc cut` to one .swc file."""
    if len(names) < 2:
        raise typer.BadParameter("give at least one input, and then the output", param_hint="IN... OUT")
    *sources, target = names
    if sources.count(PIPE) > 1:
        raise typer.BadParameter("standard input can be read only once", param_hint="IN... OUT")
    target = PIPE if descriptor(target) == 1 else target
    for source in sources:
        check_names("cat", source, target, force)
    from swc.bitstream import StreamReader, StreamWriter, join

    with ExitStack() as files:
        opened = [(source, files.enter_context(open_input(source))) for source in sources]
        readers = [_Named(input_name(source), partial(StreamReader, file)) for source, file in opened]
        _check_gains(sources, [reader.header for reader in readers])
        with open_output(target) as output:
            samples = join(readers, partial(StreamWriter, output), sources)
        seconds = samples / readers[0].header.source_rate
    facts = {"inputs": sources, "output": target, "bytes": output.size, "seconds": seconds}
    line = f"{size_text(output.size)}, {time_text(seconds)}, {counted(len(sources), 'piece')}"
    show(facts, target, [line], quiet=quiet, as_json=as_json)


class _Named:
    """A stream whose errors name its input."""

    def __init__(self, name: str, opened: Callable[[], StreamReader]) -> None:
        self.name = name
        with naming(self.name, FormatError):
            self._reader = opened()
        self.header = self._reader.header

    @property
    def total_samples(self) -> int | None:
        return self._reader.total_samples

    @property
    def at_hand(self) -> bool:
        return self._reader.at_hand

    def chunks_from(self, index: int) -> Iterator[Chunk]:
        with naming(self.name, FormatError):
            yield from self._reader.chunks_from(index)


def _check_gains(names: list[str], headers: list[Header]) -> None:
    """Explain the one difference between recordings with the same options; `join` names the others.

    Raises:
        InputError: with advice.
    """
    first, *others = (replace(header, total_samples=None, extensions=(), minor=0) for header in headers)
    for name, header in zip(names[1:], others, strict=True):
        if header != first and replace(header, gain_q8=first.gain_q8) == first:
            raise InputError(
                f"{name} cannot follow {names[0]}: their levels differ ({header.gain_db:+.3f} and {first.gain_db:+.3f} "
                "dB of gain); pieces must come from one encoding by swc cut, or be encoded with the same gain: "
                f"swc encode --gain {first.gain_db:.3f}"
            )
