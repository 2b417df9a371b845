"""swc batch: encode and decode as with -o, from one folder to another."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from typing import Annotated

import typer

from swc.cli.decode import decode
from swc.cli.encode import encode
from swc.cli.guard import guarded
from swc.errors import InputError

batch = typer.Typer(name="batch", help="Encode or decode a folder.", no_args_is_help=True, rich_markup_mode=None)

Source = Annotated[str, typer.Argument(metavar="SRC", help="A folder, searched recursively.")]
Target = Annotated[str, typer.Argument(metavar="DST", help="A folder for the outputs, created if needed.")]


def two_folders(command: Callable[..., None]) -> Callable[..., None]:
    """The command with SRC and DST in place of IN and -o DIR."""

    @functools.wraps(command)
    def run(context: typer.Context, source: str, target: str, **options: object) -> None:
        if not os.path.isdir(source):
            raise InputError(f"{source} is not a folder; for files: swc {command.__name__} FILE... -o DIR")
        command(context, [source], target, **options)

    signature = inspect.signature(command, eval_str=True)
    first, *others = (p for name, p in signature.parameters.items() if name not in ("names", "output"))
    places = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=kind)
        for name, kind in (("source", Source), ("target", Target))
    ]
    run.__signature__ = signature.replace(parameters=[first, *places, *others])  # type: ignore[attr-defined]
    return run


batch.command("encode", help="Encode the audio files of a folder to .swc files in another.")(
    guarded(two_folders(encode))
)
batch.command("decode", help="Decode the .swc files of a folder to audio files in another.")(
    guarded(two_folders(decode))
)
