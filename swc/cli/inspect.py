"""swc inspect: what is in a .swc file, without decoding it. Every CRC is checked on the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swc.cli.guard import tell
from swc.cli.options import size_text, time_text
from swc.files import open_input

if TYPE_CHECKING:
    from swc.bitstream import Stream


def inspect(
    source: Annotated[str, typer.Argument(metavar="FILE", help="A .swc file; - for stdin.")],
    as_json: Annotated[bool, typer.Option("--json", help="Everything but the heat map as JSON.")] = False,
) -> None:
    """Check a .swc file; show header, bit rate and routing."""
    from swc.bitstream import Stream

    with open_input(source) as fp:
        stream = Stream.read(fp)
    facts = describe(stream)
    if as_json:
        tell(json.dumps({"file": source, **facts}))
        return
    for line in (*_overview(source, stream, facts), "", *_rates(facts), "", *_routing(stream, facts)):
        tell(line)


def describe(stream: Stream) -> dict[str, Any]:
    """The header and what was counted in the chunks, as plain data."""
    from swc.bitstream.tags import TAGS_TYPE

    header, layout = stream.header, stream.header.layout
    chosen = [layout.chosen(window) for chunk in stream.chunks for channels in chunk.windows for window in channels]
    uses = [0] * layout.n_experts
    for experts in chosen:
        for expert in experts:
            uses[expert] += 1
    bits = stream.breakdown()
    seconds = stream.duration
    return {
        "format": f"1.{header.minor}",
        "family": layout.name,
        "fingerprint": header.fingerprint.hex(),
        "source_rate": header.source_rate,
        "channels": header.channels,
        "total_samples": stream.total_samples,
        "seconds": seconds,
        "model_rate": header.model_rate,
        "hop": header.hop,
        "gain_db": header.gain_db,
        "window": header.window,
        "windows_per_chunk": header.windows_per_chunk,
        **layout.fields(),
        "tags": header.tags,
        "extensions": [{"type": e.type, "bytes": len(e.data)} for e in header.extensions if e.type != TAGS_TYPE],
        "chunks": len(stream.chunks),
        "windows": len(chosen),
        "bytes": stream.n_bytes,
        "kbps": stream.kbps if seconds else None,
        "bits": bits,
        "overhead": 100 * stream.overhead,
        "kbps_by_kind": {kind: count / seconds / 1000 for kind, count in bits.items()} if seconds else None,
        "experts_per_window": sum(map(len, chosen)) / len(chosen) if chosen else None,
        "expert_usage": [count / len(chosen) for count in uses] if chosen else None,
    }


def _overview(source: str, stream: Stream, facts: dict[str, Any]) -> list[str]:
    latents = facts["model_rate"] / facts["hop"]
    seconds = facts["window"] / latents
    rate = "no audio" if facts["kbps"] is None else f"{facts['kbps']:.3f} kbit/s"
    lines = [
        f"{source}: {size_text(facts['bytes'])}, {time_text(facts['seconds'])}, {rate}, all CRCs correct",
        f"  format       swc {facts['format']}, {facts['family']}, fingerprint {facts['fingerprint']}",
        f"  audio        {facts['channels']} x {facts['source_rate']} Hz, {facts['total_samples']} samples",
        f"  model        {facts['model_rate']} Hz, {latents:.2f} latents/s (hop {facts['hop']}), "
        f"level gain {facts['gain_db']:+.2f} dB",
        f"  codebooks    {stream.header.layout}",
        f"  windows      {facts['windows']} of {facts['window']} latents ({seconds:.2f} s), "
        f"{facts['windows_per_chunk']} a chunk, {facts['chunks']} chunks",
    ]
    lines += [f"  tag          {key}={value}" for key, value in facts["tags"]]
    lines += [f"  extension    type {e['type']}, {e['bytes']} bytes" for e in facts["extensions"]]
    lines.append(f"  overhead     {facts['overhead']:.2f}% of all bytes: header without tags, framing, padding")
    return lines


def _rates(facts: dict[str, Any]) -> list[str]:
    total = sum(facts["bits"].values())
    lines = [f"  {'bits':<12} {'count':>12} {'kbit/s':>9} {'share':>8}"]
    for kind, count in [*facts["bits"].items(), ("total", total)]:
        rate = f"{count / facts['seconds'] / 1000:9.4f}" if facts["seconds"] else f"{'-':>9}"
        lines.append(f"  {kind:<12} {count:>12} {rate} {count / total:>8.2%}")
    return lines


def _routing(stream: Stream, facts: dict[str, Any]) -> list[str]:
    if not facts["windows"] or not stream.header.layout.n_experts:
        return ["  no routed experts were used"]
    from swc.cli.heatmap import routing_rows

    heading = f"  routing      {facts['experts_per_window']:.2f} experts a window; each expert's share, and when"
    return [heading, *routing_rows(stream, facts["expert_usage"])]
