"""swc tokens: the codes of a stream as arrays or JSON lines, and back. Needs no model."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from swc.cli.files import STREAM, TOKENS, choose_output, open_stream
from swc.cli.options import Force, Json, Quiet, counted, size_text, time_text
from swc.cli.summary import show
from swc.errors import InputError
from swc.files import PIPE, descriptor, open_output


class TokenFormat(StrEnum):
    """Formats of files of tokens."""

    NPZ = "npz"
    JSONL = "jsonl"


def tokens(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="A .swc file, or tokens to turn back into one; - for stdin.")
    ],
    target: Annotated[
        str,
        typer.Argument(metavar="OUT", help=".npz or .jsonl for a .swc file, or a .swc file for those; - for stdout."),
    ],
    form: Annotated[
        TokenFormat | None,
        typer.Option("--format", help="Format of the tokens.  [default: by OUT's suffix; jsonl for stdout]"),
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Turn a .swc file into codes for language models, or back.

    The kind of IN decides the direction. docs/tokens.md describes the order of the codes and both formats.
    """
    from swc.bitstream import Stream
    from swc.bitstream.token_files import JSON_MAGIC, ZIP_MAGIC, from_tokens, to_jsonl, to_npz

    with open_stream(source) as fp:
        data = fp.read()
        if data.startswith(ZIP_MAGIC) or data.startswith(JSON_MAGIC):
            stream, made = from_tokens(data), None
            if form or _suffix(target) in TOKENS:
                raise InputError(
                    f"{source} holds tokens, which become a .swc stream; name a .swc file, without `format`"
                )
        else:
            stream, made = Stream.from_bytes(data), _form(target, form)
    target = choose_output("tokens", source, target, f".{made or 'swc'}", force)
    content = stream.to_bytes() if made is None else to_npz(stream) if made == TokenFormat.NPZ else to_jsonl(stream)
    with open_output(target) as output:
        output.write(content)
    channels, stages, latents = stream.codes().shape
    facts = {
        "input": source,
        "output": target,
        "format": made or "swc",
        "bytes": output.size,
        "seconds": stream.duration,
        "channels": channels,
        "stages": stages,
        "latents": latents,
    }
    line = f"{size_text(output.size)}, {time_text(stream.duration)}, {channels} x {counted(latents, 'latent')}"
    show(facts, target, [line], quiet=quiet, as_json=as_json)


def _form(target: str, form: TokenFormat | None) -> TokenFormat:
    """The requested format of tokens, by name or by OUT's suffix.

    Raises:
        InputError: no format was requested, or OUT has the suffix of another.
    """
    if form is None and (target == PIPE or descriptor(target) == 1):
        return TokenFormat.JSONL
    suffix = _suffix(target)
    if form is None and suffix not in TOKENS:
        raise InputError(f"{target}: name a file with suffix .npz or .jsonl for the tokens, or add `format`")
    if form and suffix in (*TOKENS, STREAM) and suffix != f".{form}":
        raise InputError(f"{target}: the suffix of {form} is .{form}; name another output")
    return form or TokenFormat(suffix[1:])


def _suffix(target: str) -> str:
    return os.path.splitext(target)[1].lower()
