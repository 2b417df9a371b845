"""swc eval: quality against bit rate over a folder of recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swc.cli.files import is_media
from swc.cli.guard import as_flags, say
from swc.cli.options import Device, Model, Quiet, counted
from swc.cli.progress import progress_bar
from swc.codec.options import DEFAULT_MODEL
from swc.errors import InputError
from swc.files import PIPE, descriptor, is_special

if TYPE_CHECKING:
    from swc.evaluation.results import Failure

DEFAULT_RATES = (0.89, 1.78, 2.67, 5.33, 8.0)


def evaluate(
    reference: Annotated[
        Path,
        typer.Argument(metavar="REF_DIR", help="Recordings; first-level folders are domains, such as speech."),
    ],
    kbps: Annotated[
        list[float],
        typer.Option("--kbps", metavar="R", min=0.1, help="A rate to measure; may be given several times."),
    ] = list(DEFAULT_RATES),  # noqa: B006
    model: Model = DEFAULT_MODEL,
    device: Device = "cpu",
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="PATH", help="Every file's scores as CSV; - for stdout.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="PATH", help="Scores and means as JSON; - for stdout.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Only N recordings, spread evenly.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=0, metavar="N", help="Processes that measure.  [default: one a CPU core]"),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Measure bit rate, quality and speed on recordings.

    What cannot be read or measured is named and left out; the exit code is 1 then.
    """
    for path in (csv, json):
        _check_report(path)
    from rich.console import Console

    from swc import evaluation
    from swc.codec.codec import Codec

    codec = Codec.load(model, device)
    with progress_bar("measuring", quiet) as report:
        results = evaluation.evaluate(
            codec, reference, kbps, limit=limit, workers=workers, progress=report, failed=_failed, noted=_noted
        )
    if csv is not None:
        evaluation.write_csv(results, csv)
    if json is not None:
        evaluation.write_json(results, json, model=codec.name, fingerprint=codec.fingerprint.hex())
    stdout_taken = any(path is not None and (str(path) == PIPE or descriptor(path) == 1) for path in (csv, json))
    Console(stderr=stdout_taken).print(evaluation.table(results))
    if results.failures:
        files = {failure.file for failure in results.failures}
        every = len(files | {row.file for row in results.rows})
        raise InputError(f"{len(files)} of {counted(every, 'file')} could not be measured; they are named above")


def _failed(failure: Failure) -> None:
    say(f"left out: {as_flags(failure.reason)}")


def _noted(note: str) -> None:
    say(as_flags(note))


def _check_report(path: Path | None) -> None:
    """Refuse, before hours of work, what could not be written or would take the place of a recording.

    Raises:
        InputError: with what to do.
    """
    if path is None or str(path) == PIPE or is_special(path):
        return
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; create it first")
    if path.exists() and is_media(str(path)):
        raise InputError(f"{path} exists and is named as a recording; name another file for the scores")
