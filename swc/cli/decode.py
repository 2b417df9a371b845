"""swc decode: .swc to audio."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swc.cli.files import PIPE, check_names, open_input, output_name
from swc.cli.guard import say
from swc.cli.options import Depth, Device, Force, Json, Quiet, time_text
from swc.cli.progress import progress_bar

if TYPE_CHECKING:
    from swc.bitstream import StreamReader, Tags
    from swc.codec import Codec


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
        from swc.bitstream import StreamReader

        reader = StreamReader(fp)  # its header is read before torch is loaded
        from swc.codec import Codec

        codec = Codec.load(model, device) if model else Codec.for_stream(reader.header, device)
        started = time.perf_counter()
        samples = _decode(codec, reader, target, bits, raw, () if no_tags else reader.header.tags, quiet)
        elapsed = time.perf_counter() - started
    summary: dict[str, Any] = {
        "input": source,
        "output": target,
        "model": codec.name,
        "samples": samples,
        "sample_rate": reader.header.source_rate,
        "channels": reader.header.channels,
        "seconds": samples / reader.header.source_rate,
        "elapsed_seconds": elapsed,
        "speed": samples / reader.header.source_rate / elapsed,
    }
    if as_json:
        print(json.dumps(summary), file=sys.stderr if target == PIPE else sys.stdout)
    elif not quiet:
        say(_line(summary))


def _decode(codec: Codec, reader: StreamReader, target: str, bits: Depth, raw: bool, tags: Tags, quiet: bool) -> int:
    """Write the audio, return its length in samples."""
    from swc.audio import AudioWriter

    header = reader.header
    samples = 0
    with (
        AudioWriter(
            target,
            header.source_rate,
            header.channels,
            bits=bits.value,
            total_samples=header.total_samples,
            tags=tags,
            raw=raw,
        ) as writer,
        progress_bar("decoding", quiet) as report,
    ):
        for block in codec.decode_blocks(reader):
            writer.write(block)
            samples += len(block)
            report(samples, header.total_samples)
    return samples


def _line(summary: dict[str, Any]) -> str:
    name = "standard output" if summary["output"] == PIPE else summary["output"]
    return (
        f"{name}: {time_text(summary['seconds'])}, {summary['channels']} x {summary['sample_rate']} Hz, "
        f"{summary['speed']:.1f} x real time"
    )
