"""swc encode: audio to .swc."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast

import typer

from swc.cli.files import PIPE, check_names, output_name
from swc.cli.guard import say
from swc.cli.options import (
    DEFAULT_EFFORT,
    DEFAULT_KBPS,
    DEFAULT_MODEL,
    Depth,
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
    from swc.audio import Audio, AudioReader, RawFormat
    from swc.bitstream import Tags


def encode(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="IN", help="Audio of any format and rate; - for stdin.")],
    target: Annotated[
        str | None,
        typer.Argument(metavar="OUT", help="Output; - for stdout.  [default: IN with suffix .swc]"),
    ] = None,
    kbps: Kbps = DEFAULT_KBPS,
    effort: Effort = DEFAULT_EFFORT,
    lookahead: Annotated[
        float | None,
        typer.Option(
            "--lookahead",
            metavar="SECONDS",
            min=0,
            help="Audio that is heard, to set the level, before anything is written: little for live use, "
            "at the risk of a level that does not suit what follows.  [default: the model's]",
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            "--tag",
            metavar="KEY=VALUE",
            help="Set a tag, in place of what IN has under KEY (KEY= sets none); may be given several times. "
            "decode writes these back: TITLE, ARTIST, ALBUM, DATE, TRACKNUMBER, GENRE, COMMENT, COPYRIGHT, LICENSE.",
        ),
    ] = None,
    no_tags: Annotated[bool, typer.Option("--no-tags", help="Copy no tags from IN.")] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="IN is PCM without a header, little-endian; needs --rate and --channels.")
    ] = False,
    bits: Annotated[Depth | None, typer.Option("--bits", help="Bits a sample of --raw.  [default: 16]")] = None,
    rate: Annotated[int | None, typer.Option("--rate", metavar="HZ", min=1, help="Sample rate of --raw.")] = None,
    channels: Annotated[
        int | None, typer.Option("--channels", metavar="N", min=1, max=8, help="Channels of --raw.")
    ] = None,
    model: Model = DEFAULT_MODEL,
    device: Device = "cpu",
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Encode audio to a .swc file."""
    layout = _raw_format(context, raw, bits, rate, channels)
    wanted = _parse_tags(context, tag or [])
    target = output_name(source, target, ".swc")
    check_names(source, target, force)

    from swc.audio import AudioReader

    with AudioReader(source, layout) as reader:
        from swc.budget import fit_tags
        from swc.codec import Codec
        from swc.files import open_output

        codec = Codec.load(model, device)
        started = time.perf_counter()
        tags = tuple((key, value) for key, value in wanted if value)
        header = codec.header(reader.sample_rate, reader.channels, total_samples=reader.total_samples, tags=tags)
        named = {key for key, _ in wanted}
        copied = () if no_tags else tuple(pair for pair in reader.tags if pair[0] not in named)
        copied, left_out = fit_tags(header, kbps, copied)
        with open_output(target) as output, progress_bar("encoding", quiet) as report:
            samples = codec.encode_to(
                cast(BinaryIO, output),
                _counted(reader, report),
                reader.sample_rate,
                reader.channels,
                kbps=kbps,
                total_samples=reader.total_samples,
                effort=effort,
                lookahead=lookahead,
                tags=copied + tags,
            )
        elapsed = time.perf_counter() - started
        summary = _summary(samples, reader.sample_rate, reader.channels, output.size, elapsed)
    summary = {
        "input": source,
        "output": target,
        "model": codec.name,
        "kbps_asked": kbps,
        **summary,
        "tags": copied + tags,
        "tags_left_out": left_out,
    }
    if left_out and not quiet:
        say(_left_out_line(left_out))
    if as_json:
        print(json.dumps(summary), file=sys.stderr if target == PIPE else sys.stdout)
    elif not quiet:
        say(_line(summary))


def _raw_format(
    context: typer.Context, raw: bool, bits: Depth | None, rate: int | None, channels: int | None
) -> RawFormat | None:
    """The layout of a raw input; None for one that has a header."""
    options = {"--rate": rate, "--channels": channels}
    if not raw:
        given = [name for name, value in {**options, "--bits": bits}.items() if value is not None]
        if given:
            raise typer.BadParameter(f"{' and '.join(given)}: only for headerless input; add --raw", context)
        return None
    missing = [name for name, value in options.items() if value is None]
    if rate is None or channels is None:
        raise typer.BadParameter(f"--raw needs {' and '.join(missing)} as well", context)

    from swc.audio import RawFormat

    return RawFormat((bits or Depth.BITS_16).value, rate, channels)


def _parse_tags(context: typer.Context, texts: list[str]) -> Tags:
    """Keys and values of --tag, the values perhaps empty."""
    from swc.bitstream.tags import encode_tags
    from swc.errors import FormatError

    tags = []
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise typer.BadParameter(f"--tag {text!r}: write KEY=VALUE, such as TITLE=Prelude", context)
        try:
            encode_tags([(key.upper(), value)])
        except FormatError as error:
            raise typer.BadParameter(f"--tag {text[:80]!r}: {error}", context) from None
        tags.append((key.upper(), value))
    return tuple(tags)


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


def _left_out_line(tags: Tags) -> str:
    names = ", ".join(f"{key} ({size_text(len(value.encode()))})" for key, value in tags)
    keys = " ".join(f"--tag {key}=TEXT" for key, _ in tags)
    return f"tags of the input left out, for want of bits: {names}; keep them, perhaps shorter, with {keys}"


def _line(summary: dict[str, Any]) -> str:
    name = "standard output" if summary["output"] == PIPE else summary["output"]
    rate = "no audio" if summary["kbps"] is None else f"{summary['kbps']:.2f} kbit/s"
    return (
        f"{name}: {size_text(summary['bytes'])} for {time_text(summary['seconds'])}, {rate}, "
        f"{summary['pcm_ratio']:.0f}:1 against 16-bit PCM, {summary['speed']:.1f} x real time"
    )
