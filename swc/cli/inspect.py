"""swc inspect: the contents of .swc files. Every CRC is checked on the way; only --plot decodes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swc.cli.damage import say_fault
from swc.cli.facts import describe
from swc.cli.files import check_plot, open_stream
from swc.cli.guard import say, tell
from swc.cli.inputs import find_streams
from swc.cli.options import BundleOfStream, counted, size_text, time_text

if TYPE_CHECKING:
    from swc.bitstream import Stream


def inspect(
    context: typer.Context,
    sources: Annotated[
        list[str], typer.Argument(metavar="FILE...", help=".swc files, or folders of them; - for stdin.")
    ],
    no_map: Annotated[bool, typer.Option("--no-map", help="Do not print the map of the experts over time.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="PNG",
            help="Decode, and plot waveform, spectrogram, experts and bits over time; needs swc-codec[eval].",
        ),
    ] = None,
    model: BundleOfStream = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Everything except the map as JSON, one line for each file.")
    ] = False,
) -> None:
    """Check .swc files; show header, bit rate and routing."""
    several = len(sources) > 1 or os.path.isdir(sources[0])
    if plot is not None and several:
        raise typer.BadParameter("--plot draws one file; name it alone", context)
    check_plot(plot)
    if several:
        _inspect_all(find_streams(sources), as_json)
        return
    (source,) = sources
    from swc.bitstream import Stream

    with open_stream(source) as fp:
        stream = Stream.read(fp)
    facts = describe(stream)
    if as_json:
        tell(json.dumps({"file": source, **facts}))
    else:
        for line in (*_overview(source, stream, facts), "", *_rates(facts), "", *_routing(stream, facts, no_map)):
            tell(line)
    if plot is not None:
        _draw(source, stream, facts, plot, model)


def _inspect_all(sources: list[str], as_json: bool) -> None:
    """A table of files, or a line of JSON each; the exit code is the highest."""
    from swc.cli.listing import survey, table

    surveys, worst = [], 0
    for source in sources:
        facts, code = survey(source)
        worst = max(worst, code)
        if as_json:
            tell(json.dumps(facts))
        elif facts["error"]:
            say_fault(facts)
        surveys.append(facts)
    for line in () if as_json else table(surveys):
        tell(line)
    if worst:
        raise typer.Exit(worst)


def _overview(source: str, stream: Stream, facts: dict[str, Any]) -> list[str]:
    latents = facts["model_rate"] / facts["hop"]
    seconds = facts["window"] / latents
    model = f" ({facts['model']})" if facts["model"] else ""
    lines = [
        f"{source}: {size_text(facts['bytes'])}, {time_text(facts['seconds'])}, {_rate(facts)}, all CRCs correct",
        f"  format       swc {facts['format']}, {facts['family']}, fingerprint {facts['fingerprint']}{model}",
        f"  audio        {facts['channels']} x {facts['source_rate']} Hz, {facts['total_samples']} samples",
        f"  model        {facts['model_rate']} Hz, {latents:.2f} latents/s (hop {facts['hop']}), "
        f"level gain {facts['gain_db']:+.2f} dB",
        f"  codebooks    {stream.header.layout}",
        f"  windows      {facts['windows']} of {facts['window']} latents ({seconds:.2f} s), "
        f"{facts['windows_per_chunk']} a chunk, {facts['chunks']} chunks",
    ]
    if facts["pairs"]:
        pairs = ", ".join(f"{first + 1} and {second + 1}" for first, second in facts["pairs"])
        modes = ", ".join(f"{name} in {counted(count, 'chunk')}" for name, count in facts["modes"].items())
        lines.append(f"  stereo       channels {pairs} coded together: {modes or 'no chunks'}")
    lines += [f"  tag          {key}={value}" for key, value in facts["tags"]]
    lines += [f"  extension    type {e['type']}, {e['bytes']} bytes" for e in facts["extensions"]]
    lines.append(f"  overhead     {facts['overhead']:.2f}% of all bytes: header without tags, framing, padding")
    return lines


def _rate(facts: dict[str, Any]) -> str:
    return "no audio" if facts["kbps"] is None else f"{facts['kbps']:.3f} kbit/s"


def _rates(facts: dict[str, Any]) -> list[str]:
    total = sum(facts["bits"].values())
    lines = [f"  {'bits':<12} {'count':>12} {'kbit/s':>9} {'share':>8}"]
    for kind, count in [*facts["bits"].items(), ("total", total)]:
        rate = f"{count / facts['seconds'] / 1000:9.4f}" if facts["seconds"] else f"{'-':>9}"
        lines.append(f"  {kind:<12} {count:>12} {rate} {count / total:>8.2%}")
    return lines


def _routing(stream: Stream, facts: dict[str, Any], no_map: bool) -> list[str]:
    layout = stream.header.layout
    if not facts["windows"] or not layout.n_experts:
        return ["  no routed experts were used"]
    title, place, one = layout.choice
    heading = f"  {title:<12} {layout.first + facts['experts_per_window']:.2f} {one}s a {place}"
    if no_map:
        return [heading]
    from swc.cli.heatmap import routing_rows

    return [f"{heading}; each {one}'s share, and its use over time", *routing_rows(stream, facts["expert_usage"])]


def _draw(source: str, stream: Stream, facts: dict[str, Any], plot: Path, model: str | None) -> None:
    from swc.cli.progress import progress_bar
    from swc.codec.backends import load_decoder
    from swc.evaluation.overview import stream_overview

    codec = load_decoder(model or stream.header)
    title = (
        f"{source}: {time_text(facts['seconds'])}, {facts['channels']} x {facts['source_rate']} Hz, "
        f"{_rate(facts)}, {codec.name}"
    )
    with progress_bar("decoding", quiet=False) as report:
        stream_overview(
            plot, stream, codec.decode_blocks(stream), title, lambda done: report(done, stream.total_samples)
        )
    say(f"{plot}: written")
