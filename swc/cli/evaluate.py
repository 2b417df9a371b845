"""swc eval: quality against bit rate over a folder of recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swc.cli.files import check_plot, check_report
from swc.cli.guard import as_flags, say
from swc.cli.options import Device, Model, Quiet, counted
from swc.cli.progress import progress_bar
from swc.codec.options import DEFAULT_MODEL
from swc.errors import InputError
from swc.files import PIPE, descriptor

if TYPE_CHECKING:
    from swc.evaluation.clips import SpeechRule
    from swc.evaluation.results import Failure, Results

DEFAULT_RATES = (0.89, 1.78, 2.67, 5.33, 8.0)

Csv = Annotated[Path | None, typer.Option("--csv", metavar="PATH", help="Every file's scores as CSV; - for stdout.")]
Scores = Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Scores and means as JSON; - for stdout.")]
Plot = Annotated[
    Path | None, typer.Option("--plot", metavar="PNG", help="Plot of the mean of each measure against the rate.")
]
Html = Annotated[
    Path | None,
    typer.Option("--html", metavar="PATH", help="A page with means, plot and every clip, worst first; - for stdout."),
]
Mos = Annotated[
    bool,
    typer.Option(
        "--mos",
        help="Also ask judges of speech, none of which takes part in training: naturalness (DistillMOS and "
        "DNSMOS P.808 estimate the opinion of listeners, here also of the originals), similarity of the voice "
        "(Resemblyzer), and word errors (PocketSphinx). Needs swc-codec[mos].",
    ),
]
Speech = Annotated[
    list[str],
    typer.Option(
        metavar="DOMAIN",
        help="A domain that is speech; only speech is scored by PESQ, STOI and the judges. May be given several times. "
        " [default: speech, or everything where there are no domains]",
    ),
]


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
    csv: Csv = None,
    json: Scores = None,
    plot: Plot = None,
    html: Html = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Only N recordings, spread evenly.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=0, metavar="N", help="Processes that measure.  [default: one a CPU core]"),
    ] = None,
    mos: Mos = False,
    speech: Speech = [],  # noqa: B006
    quiet: Quiet = False,
) -> None:
    """Measure bit rate, quality and speed on recordings.

    Files that cannot be read or measured are named and left out; the exit code is 1 then.
    """
    for path in (csv, json, html):
        check_report(path)
    check_plot(plot)
    from swc import evaluation
    from swc.codec.codec import Codec

    if plot is not None or html is not None:
        evaluation.require_plots()
    metrics = (*evaluation.MEASURES, *_judges()) if mos else evaluation.MEASURES
    rule = _speech_rule(reference, speech)
    codec = Codec.load(model, device)
    with progress_bar("measuring", quiet) as report:
        results = evaluation.evaluate(
            codec,
            reference,
            kbps,
            limit=limit,
            workers=workers,
            metrics=metrics,
            speech=rule,
            progress=report,
            failed=_failed,
            noted=_noted,
        )
    about = {"model": codec.name, "fingerprint": codec.fingerprint.hex()}
    if csv is not None:
        evaluation.write_csv(results, csv)
    if json is not None:
        evaluation.write_json(results, json, **about)
    if plot is not None:
        evaluation.rate_distortion(plot, results)
    if html is not None:
        evaluation.write_html(results, html, **about)
    stdout_taken = any(path is not None and (str(path) == PIPE or descriptor(path) == 1) for path in (csv, json, html))
    _print_table(results, stderr=stdout_taken)
    if results.failures:
        files = {failure.file for failure in results.failures}
        every = len(files | {row.file for row in results.rows})
        raise InputError(f"{len(files)} of {counted(every, 'file')} could not be measured; they are named above")


def _judges() -> tuple[str, ...]:
    """The installed judges; those that lack a package are named.

    Raises:
        InputError: none is installed.
    """
    from swc.evaluation import installed_judges

    found, missing = installed_judges()
    if not found:
        raise InputError(f"--mos: {missing[0]}")
    for reason in missing:
        say(f"left out: {reason}")
    return found


def _speech_rule(reference: Path, domains: list[str]) -> SpeechRule | None:
    """The rule for domains of speech, if they were named.

    Raises:
        InputError: one of them is not a folder of the reference.
    """
    for domain in domains:
        if not domain or not (reference / domain).is_dir():
            raise InputError(
                f"--speech {domain!r}: {reference} has no such folder; name one of its first-level folders"
            )
    return set(domains).__contains__ if domains else None


def _print_table(results: Results, stderr: bool) -> None:
    from rich.console import Console

    from swc import evaluation

    console = Console(stderr=stderr)
    console.print(evaluation.table(results))
    if (judges := evaluation.judges_table(results)) is not None:
        console.print(judges)


def _failed(failure: Failure) -> None:
    say(f"left out: {as_flags(failure.reason)}")


def _noted(note: str) -> None:
    say(as_flags(note))
