"""swc decode: .swc to audio."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swc.cli.damage import damage_facts, damage_lines
from swc.cli.files import PIPE, check_names, open_input, output_name
from swc.cli.guard import say
from swc.cli.options import Depth, Device, Force, Json, Quiet, time_text
from swc.cli.progress import progress_bar
from swc.cli.times import Duration, Start, samples_of

if TYPE_CHECKING:
    from swc.bitstream import Header


def decode(
    source: Annotated[str, typer.Argument(metavar="IN", help="A .swc file; - for stdin.")],
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="OUT",
            help="Output, its suffix chooses the format (wav, flac, ogg, ...); - for WAV on stdout."
            "  [default: IN with suffix .wav, or .raw]",
        ),
    ] = None,
    bits: Annotated[Depth, typer.Option("--bits", help="Bits a sample; float is not clipped.")] = Depth.BITS_16,
    raw: Annotated[
        bool, typer.Option("--raw", help="PCM without a header, little-endian, whatever the suffix of OUT.")
    ] = False,
    start: Start = 0.0,
    duration: Duration = None,
    salvage: Annotated[
        bool,
        typer.Option("--salvage", help="Decode what is left of a damaged stream; what is lost fades to silence."),
    ] = False,
    no_tags: Annotated[
        bool,
        typer.Option(
            "--no-tags",
            help="Leave the tags out. Else those that OUT can hold are written: TITLE, ARTIST, ALBUM, DATE, "
            "TRACKNUMBER, GENRE, COMMENT, COPYRIGHT, LICENSE.",
        ),
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="A bundle's name or folder.  [default: the one whose fingerprint is in IN]",
        ),
    ] = None,
    device: Device = "cpu",
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Decode a .swc file to audio of the original length and rate."""
    target = output_name(source, target, ".raw" if raw else ".wav")
    check_names(source, target, force)
    with open_input(source) as fp:
        from swc.bitstream import SalvageReader, StreamReader

        reader = SalvageReader(fp) if salvage else StreamReader(fp)  # its header is read before torch is loaded
        header = reader.header
        first, last = samples_of(start, duration, header.source_rate)
        from swc.audio import AudioWriter
        from swc.codec import Codec

        codec = Codec.load(model, device) if model else Codec.for_stream(header, device)
        started = time.perf_counter()
        blocks = codec.decode_blocks(reader, start=first, stop=last)
        total = None if salvage else _length(header, first, last)
        with (
            AudioWriter(
                target,
                header.source_rate,
                header.channels,
                bits=bits.value,
                total_samples=total,
                tags=() if no_tags else header.tags,
                raw=raw,
            ) as writer,
            progress_bar("decoding", quiet) as report,
        ):
            samples = 0
            for block in blocks:
                writer.write(block)
                samples += len(block)
                report(samples, total)
        elapsed = time.perf_counter() - started
    summary: dict[str, Any] = {
        "input": source,
        "output": target,
        "model": codec.name,
        "samples": samples,
        "sample_rate": header.source_rate,
        "channels": header.channels,
        "seconds": samples / header.source_rate,
        "elapsed_seconds": elapsed,
        "speed": samples / header.source_rate / elapsed,
    }
    damage = damage_facts(reader) if isinstance(reader, SalvageReader) else None
    if as_json:
        if damage:
            summary["damage"] = damage
        print(json.dumps(summary), file=sys.stderr if target == PIPE else sys.stdout)
    elif not quiet:
        say(_line(summary))
    for line in damage_lines(damage) if damage and not as_json else ():
        say(f"  {line}")


def _length(header: Header, start: int, stop: int | None) -> int | None:
    """Samples from `start` to `stop`, where the header tells."""
    if header.total_samples is None:
        return None
    return (header.total_samples if stop is None else min(stop, header.total_samples)) - start


def _line(summary: dict[str, Any]) -> str:
    name = "standard output" if summary["output"] == PIPE else summary["output"]
    return (
        f"{name}: {time_text(summary['seconds'])}, {summary['channels']} x {summary['sample_rate']} Hz, "
        f"{summary['speed']:.1f} x real time"
    )
