"""swc encode: audio to .swc."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast

import typer

from swc.cli.files import PIPE, check_names, open_output, output_name
from swc.cli.guard import say
from swc.cli.options import (
    DEFAULT_EFFORT,
    DEFAULT_KBPS,
    DEFAULT_MODEL,
    Device,
    Effort,
    Force,
    Json,
    Kbps,
    Model,
    Quiet,
    size_text,
    time_text,
)
from swc.cli.progress import Report, progress_bar

if TYPE_CHECKING:
    from swc.audio import Audio, AudioReader


def encode(
    source: Annotated[str, typer.Argument(metavar="IN", help="Audio of any format and rate; - for stdin.")],
    target: Annotated[
        str | None,
        typer.Argument(metavar="OUT", help="Output; - for stdout.  [default: IN with suffix .swc]"),
    ] = None,
    kbps: Kbps = DEFAULT_KBPS,
    effort: Effort = DEFAULT_EFFORT,
    model: Model = DEFAULT_MODEL,
    device: Device = "cpu",
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Encode audio to a .swc file."""
    target = output_name(source, target, ".swc")
    check_names(source, target, force)

    from swc.audio import AudioReader

    with AudioReader(source) as reader:
        from swc.codec import Codec

        codec = Codec.load(model, device)
        started = time.perf_counter()
        with open_output(target) as output, progress_bar("encoding", quiet) as report:
            samples = codec.encode_to(
                cast(BinaryIO, output),
                _counted(reader, report),
                reader.sample_rate,
                reader.channels,
                kbps=kbps,
                total_samples=reader.total_samples,
                effort=effort,
            )
        elapsed = time.perf_counter() - started
        summary = _summary(samples, reader.sample_rate, reader.channels, output.size, elapsed)
    summary = {"input": source, "output": target, "model": codec.name, "kbps_asked": kbps, **summary}
    if as_json:
        print(json.dumps(summary), file=sys.stderr if target == PIPE else sys.stdout)
    elif not quiet:
        say(_line(summary))


def _counted(reader: AudioReader, report: Report) -> Iterator[Audio]:
    done = 0
    for block in reader.blocks():
        yield block
        done += len(block)
        report(done, reader.total_samples)


def _summary(samples: int, sample_rate: int, channels: int, size: int, elapsed: float) -> dict[str, Any]:
    seconds = samples / sample_rate
    return {
        "bytes": size,
        "samples": samples,
        "sample_rate": sample_rate,
        "channels": channels,
        "seconds": seconds,
        "kbps": size * 8 / seconds / 1000 if samples else None,
        "pcm_ratio": samples * channels * 2 / size,
        "elapsed_seconds": elapsed,
        "speed": seconds / elapsed,
    }


def _line(summary: dict[str, Any]) -> str:
    name = "standard output" if summary["output"] == PIPE else summary["output"]
    rate = "no audio" if summary["kbps"] is None else f"{summary['kbps']:.2f} kbit/s"
    return (
        f"{name}: {size_text(summary['bytes'])} for {time_text(summary['seconds'])}, {rate}, "
        f"{summary['pcm_ratio']:.0f}:1 against 16-bit PCM, {summary['speed']:.1f} x real time"
    )
