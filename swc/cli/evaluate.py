"""swc eval: quality against bit rate over a folder of recordings."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from swc.cli.options import Device, Model, Quiet
from swc.cli.progress import progress_bar
from swc.codec.options import DEFAULT_MODEL

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
    csv: Annotated[Path | None, typer.Option("--csv", metavar="PATH", help="Every file's scores as CSV.")] = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Scores and means as JSON.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Only N recordings, spread evenly.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=0, metavar="N", help="Processes that measure.  [default: one a CPU core]"),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Measure bit rate, quality and speed on recordings."""
    from rich.console import Console

    from swc import evaluation
    from swc.codec.codec import Codec

    codec = Codec.load(model, device)
    with selection(reference, limit) as chosen, progress_bar("measuring", quiet) as report:
        results = evaluation.evaluate(codec, chosen, kbps, workers=workers, progress=report)
    if csv is not None:
        evaluation.write_csv(results, csv)
    if json is not None:
        evaluation.write_json(results, json, model=codec.name, fingerprint=codec.fingerprint.hex())
    Console().print(evaluation.table(results))


@contextmanager
def selection(reference: Path, limit: int | None) -> Iterator[Path]:
    """The folder itself, or a temporary one with links to `limit` of its recordings."""
    if limit is None:
        yield reference
        return
    from swc.evaluation.clips import find_clips

    clips = find_clips(reference)
    count = min(limit, len(clips))
    with tempfile.TemporaryDirectory() as folder:
        for clip in (clips[index * len(clips) // count] for index in range(count)):
            link = Path(folder, clip.file)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(clip.path.resolve())
        yield Path(folder)
