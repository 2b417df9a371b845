"""Options shared by several commands, and the formats of their output."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from typing import Annotated, TextIO

import typer

from swc.errors import SwcError
from swc.files import printable as printable


class Backend(StrEnum):
    """Libraries that run the networks of a decoder."""

    AUTO = "auto"
    TORCH = "torch"
    ONNX = "onnx"


class Depth(StrEnum):
    """Sample formats of PCM."""

    BITS_16 = "16"
    BITS_24 = "24"
    FLOAT = "float"


def complete_model(incomplete: str) -> list[str]:
    """Names of the installed bundles that begin like this, for completion in a shell."""
    from swc.bundle.find import list_bundles

    with suppress(SwcError, OSError):  # completion has no place for messages
        return [bundle.name for bundle in list_bundles() if bundle.name.startswith(incomplete)]
    return []


Kbps = Annotated[
    float,
    typer.Option("--kbps", metavar="R", min=0.1, help="Most kbit/s of the output, every byte included."),
]
Quality = Annotated[
    float | None,
    typer.Option(
        "--quality",
        metavar="Q",
        min=0,
        max=10,
        help="In place of --kbps: constant quality, 0 to 10; easy passages take fewer bits.",
    ),
]
Level = Annotated[
    float | None,
    typer.Option(
        "--level",
        metavar="L",
        min=0,
        max=10,
        help="In place of --kbps, for models of family vrvq: 0 to 10, what the importance of each moment is multiplied"
        " by to give its number of codes.",
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME",
        help="A bundle's name (see swc models) or folder.",
        autocompletion=complete_model,
    ),
]
BundleOfStream = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="A bundle's name or folder, or a file from swc models export.  "
        "[default: the one whose fingerprint is in the stream]",
        autocompletion=complete_model,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device", metavar="DEV", help="Where the networks run: cpu, cuda, cuda:1, ..., or auto: cuda if there is one."
    ),
]
Effort = Annotated[
    int,
    typer.Option("--effort", metavar="N", min=0, max=2, help="0: fast, 1: search for better codes, 2: search longer."),
]
Force = Annotated[bool, typer.Option("--force", "-f", help="Overwrite an output of the same kind.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only errors on stderr.")]

Json = Annotated[bool, typer.Option("--json", help="Summary as JSON, on stdout (on stderr if OUT is -).")]


def shown(text: str, stream: TextIO) -> str:
    """Text that a stream can show, without control characters for terminals."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    return printable(text).encode(encoding, "backslashreplace").decode(encoding)


def size_text(count: int) -> str:
    """Bytes for people: 812 B, 20.1 KB, 3.4 MB."""
    if count < 1000:
        return f"{count} B"
    value, unit = count / 1000, "KB"
    for larger in ("MB", "GB"):
        if value >= 1000:
            value, unit = value / 1000, larger
    return f"{value:.1f} {unit}"


def counted(count: int, what: str) -> str:
    """1 chunk, 2 chunks."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def time_text(seconds: float) -> str:
    """Durations for people: 7.25 s, 3:07.5, 1:02:03.0."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    tenths = round(seconds * 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    rest = f"{tenths / 10:04.1f}"
    return f"{hours}:{minutes:02d}:{rest}" if hours else f"{minutes}:{rest}"
