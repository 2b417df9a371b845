"""swc compare: a page to compare versions of a recording by ear."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swc.cli.files import check_page, is_stream
from swc.cli.options import Device, Force, Json, Model, Quiet, counted, size_text, time_text
from swc.cli.progress import progress_bar
from swc.cli.summary import show, show_notes
from swc.cli.times import Start, parse_duration
from swc.codec.options import DEFAULT_MODEL
from swc.files import open_output

if TYPE_CHECKING:
    from swc.codec.codec import Codec
    from swc.evaluation.listening import Excerpt, Recording, Version

DEFAULT_RATES = "0.89,2.67,8"
LEAST_KBPS = 0.1
_OPUS = "opus:"


@dataclass(frozen=True)
class _Wanted:
    """The versions of each recording: rates of swc and of Opus in kbit/s, and files by their names on the page."""

    rates: tuple[float, ...]
    others: tuple[float | tuple[str, str], ...]

    @property
    def versions(self) -> int:
        return 1 + len(self.rates) + len(self.others)

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(other[0] for other in self.others if isinstance(other, tuple))


def compare(
    context: typer.Context,
    sources: Annotated[list[str], typer.Argument(metavar="IN...", help="The original; several share a page.")],
    page: Annotated[str, typer.Option("--html", metavar="PAGE", help="The page to write; - for stdout.")],
    kbps: Annotated[
        list[str] | None,
        typer.Option(
            "--kbps", metavar="R,R,...", help=f"Rates at which IN is coded, in kbit/s.  [default: {DEFAULT_RATES}]"
        ),
    ] = None,
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="OTHER",
            help="Another version of IN, an audio or .swc file; or opus:RATE, IN coded with Opus at RATE kbit/s. "
            "May be given several times.",
        ),
    ] = None,
    start: Start = 0.0,
    duration: Annotated[
        float | None,
        typer.Option(
            "--duration",
            metavar="D",
            parser=parse_duration,
            help="How much: seconds, or 1:02:03.5.  [default: to the end, at most 30 s]",
        ),
    ] = None,
    model: Model = DEFAULT_MODEL,
    device: Device = "cpu",
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make a page to compare versions of a recording by ear.

    The page is one HTML file that needs no network. It plays IN, IN coded at every rate, and the others, all at the
    same level, switches between them without a gap, and has a blind test.
    """
    wanted = _Wanted(_rates(context, kbps or [DEFAULT_RATES]), _others(context, others or []))
    if len(sources) > 1 and wanted.files:
        raise typer.BadParameter(
            f"--with {wanted.files[0]}: a file goes with one IN; make a page for each, or use opus:RATE", context
        )
    check_page(page, force)
    from swc.evaluation.listening import check_versions, listening_page, read_excerpt

    check_versions(wanted.versions)
    originals = [read_excerpt(source, start, duration) for source in sources]
    recordings = _recordings(originals, wanted, model, device, quiet)
    data = listening_page(recordings).encode()
    with open_output(page) as output:
        output.write(data)
    for original in originals:
        show_notes(original.name, original.notes, quiet)
    facts = {"input": sources, "output": page, "bytes": len(data), "recordings": [_facts(one) for one in recordings]}
    show(facts, page, _lines(recordings, len(data)), quiet=quiet, as_json=as_json)


def _recordings(originals: list[Excerpt], wanted: _Wanted, model: str, device: str, quiet: bool) -> list[Recording]:
    """All versions of all recordings; errors in the other files come before the work."""
    from swc.codec.codec import Codec
    from swc.evaluation.listening import Recording, Version, coded

    codec = Codec.load(model, device)
    names = _short([original.name for original in originals])
    total = len(originals) * len(wanted.rates)
    recordings: list[Recording] = []
    compared = [[_other(codec, original, other) for other in wanted.others] for original in originals]
    with progress_bar("coding", quiet) as report:
        for original, name, others in zip(originals, names, compared, strict=True):
            versions = [Version("Original", original.audio)]
            for kbps in wanted.rates:
                versions.append(coded(codec, original, kbps))
                report(len(recordings) * len(wanted.rates) + len(versions) - 1, total)
            recordings.append(Recording(name, original.sample_rate, (*versions, *others), original.start))
    return recordings


def _other(codec: Codec, original: Excerpt, other: float | tuple[str, str]) -> Version:
    from swc.evaluation.listening import from_file, from_stream, opus

    if not isinstance(other, tuple):
        return opus(original, other)
    path, name = other
    return from_stream(codec, path, original, name) if is_stream(path) else from_file(path, original, name)


def _rates(context: typer.Context, texts: Iterable[str]) -> tuple[float, ...]:
    rates = []
    for text in ",".join(texts).split(","):
        rate = _number(text)
        if not rate >= LEAST_KBPS:
            raise typer.BadParameter(
                f"--kbps {text!r}: give rates of {LEAST_KBPS} kbit/s or more, such as {DEFAULT_RATES}", context
            )
        rates.append(rate)
    return tuple(dict.fromkeys(rates))


def _others(context: typer.Context, texts: list[str]) -> tuple[float | tuple[str, str], ...]:
    files = [text for text in texts if not text.startswith(_OPUS)]
    names = dict(zip(files, _short(files), strict=True))
    others: list[float | tuple[str, str]] = []
    for text in dict.fromkeys(texts):
        rate = _number(text.removeprefix(_OPUS))
        if text in names:
            others.append((text, names[text]))
        elif math.isnan(rate):
            raise typer.BadParameter(f"--with {text!r}: write opus:RATE, such as opus:6", context)
        else:
            others.append(rate)
    return tuple(others)


def _number(text: str) -> float:
    """A finite number, or nan."""
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _short(paths: list[str]) -> list[str]:
    """Names without folders, if they still differ then."""
    names = [os.path.basename(path) for path in paths]
    return [path if names.count(name) > 1 else name for path, name in zip(paths, names, strict=True)]


def _facts(recording: Recording) -> dict[str, Any]:
    first = recording.versions[0]
    return {
        "name": recording.name,
        "start": recording.start,
        "seconds": len(first.audio) / recording.sample_rate,
        "sample_rate": recording.sample_rate,
        "versions": [{"name": v.name, "kbps": v.kbps, "note": v.note} for v in recording.versions],
    }


def _lines(recordings: list[Recording], size: int) -> list[str]:
    lines = [f"{size_text(size)}, {counted(len(recordings), 'recording')}; open it in a browser"]
    for recording in recordings:
        seconds = len(recording.versions[0].audio) / recording.sample_rate
        lines.append(f"  {recording.name}, {time_text(seconds)}")
        for version in recording.versions[1:]:
            rate = "" if version.kbps is None else f", {version.kbps:.2f} kbit/s"
            note = f" ({version.note})" if version.note else ""
            lines.append(f"    {version.name}{rate}{note}")
    return lines
