"""swc decode: .swc to audio."""

from __future__ import annotations

import os
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swc.cli.damage import damage_lines
from swc.cli.files import choose_output, input_and_output, open_stream
from swc.cli.inputs import is_stream_file
from swc.cli.many import Conversion, convert
from swc.cli.many_options import (
    Address,
    DryRun,
    EngineName,
    Engines,
    Exclude,
    Include,
    Jobs,
    Many,
    Output,
    ReportPath,
    SkipExisting,
)
from swc.cli.options import Backend, BundleOfStream, Depth, Device, Force, Json, Quiet, time_text
from swc.cli.progress import progress_bar
from swc.cli.summary import show, show_notes
from swc.cli.times import Duration, Start
from swc.codec.options import DecodeOptions
from swc.files import PIPE

if TYPE_CHECKING:
    from swc.codec.transcode import DecodeSummary


Salvage = Annotated[
    bool, typer.Option("--salvage", help="Decode the intact rest of a damaged stream; lost parts fade to silence.")
]
Live = Annotated[
    bool,
    typer.Option(
        "--live",
        help="For conversation: read what there is, and write sound as soon as it is known; lost parts fade out.",
    ),
]
DecodingBackend = Annotated[
    Backend,
    typer.Option(
        "--backend",
        help="The library that runs the networks. onnx needs onnxruntime and a file from swc models export, but no "
        "torch; auto means onnx for such a file and where torch is not installed, else torch.",
    ),
]
NoTags = Annotated[
    bool,
    typer.Option(
        "--no-tags",
        help="Write no tags. By default FLAC and Ogg get all, and other formats those that they can hold.",
    ),
]


class AudioFormat(StrEnum):
    """Formats of outputs that are named after their inputs."""

    WAV = "wav"
    FLAC = "flac"
    OGG = "ogg"


def decode(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="IN... [OUT]",
            help="A .swc file; the output, whose suffix chooses the format (wav, flac, ogg, ...), or a folder for it. "
            "- is stdin, or WAV on stdout.  [default of OUT: IN with another suffix, if there is no such file]. "
            "With -o DIR: any number of files and folders.",
            show_default=False,
        ),
    ],
    output: Output = None,
    audio_format: Annotated[
        AudioFormat | None,
        typer.Option("--format", help="Format of outputs that are named after their inputs.  [default: wav]"),
    ] = None,
    bits: Annotated[Depth, typer.Option("--bits", help="Bits a sample; float is not clipped.")] = Depth.BITS_16,
    raw: Annotated[
        bool, typer.Option("--raw", help="PCM without a header, little-endian, whatever the suffix of OUT.")
    ] = False,
    rate: Annotated[
        int | None,
        typer.Option("--rate", metavar="HZ", min=1, help="Resample the output.  [default: the recording's own rate]"),
    ] = None,
    start: Start = 0.0,
    duration: Duration = None,
    salvage: Salvage = False,
    live: Live = False,
    no_tags: NoTags = False,
    model: BundleOfStream = None,
    device: Device = "cpu",
    backend: DecodingBackend = Backend.AUTO,
    jobs: Jobs = None,
    engine: Engines = EngineName.LOCAL,
    address: Address = None,
    skip_existing: SkipExisting = False,
    include: Include = None,
    exclude: Exclude = None,
    dry_run: DryRun = False,
    report: ReportPath = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Decode .swc files to audio of the original length and rate."""
    if raw and audio_format:
        raise typer.BadParameter("--raw has no --format; leave one of them out", context)
    suffix = ".raw" if raw else f".{audio_format or AudioFormat.WAV}"
    options = DecodeOptions(start, duration, salvage, bits.value, raw, not no_tags, rate)
    options.check()
    if live and (others := [name for name, given in _not_live(options, output).items() if given]):
        raise typer.BadParameter(f"--live and {others[0]} exclude each other; leave one of them out", context)
    many = Many(jobs, engine, address, skip_existing, include, exclude, dry_run, report, force, quiet, as_json)
    if output is None:
        many.refuse_alone(context)
        source, target = input_and_output(context, "decode", names)
        if audio_format and target and not os.path.isdir(target):
            raise typer.BadParameter(
                "--format is for outputs without a given name; OUT's suffix gives the format", context
            )
        target = choose_output("decode", source, target, suffix, force)
        _decode_one(source, target, options, live, model, device, backend, quiet, as_json)
    else:
        convert(names, output, many, _conversion(options, suffix, model, device, backend))


def _decode_one(
    source: str,
    target: str,
    options: DecodeOptions,
    live: bool,
    model: str | None,
    device: str,
    backend: Backend,
    quiet: bool,
    as_json: bool,
) -> None:
    with open_stream(source) as fp:
        from swc.bitstream import SalvageReader, StreamReader
        from swc.codec.backends import load_decoder
        from swc.codec.live_files import LiveInput, decode_live
        from swc.codec.transcode import decode_stream

        # the header is read before torch is loaded
        reader = LiveInput(fp) if live else SalvageReader(fp) if options.salvage else StreamReader(fp)
        codec = load_decoder(model or reader.header, device, backend.value)
        with progress_bar("decoding", quiet) as report:
            if isinstance(reader, LiveInput):
                done = decode_live(codec, reader, target, options, report)
            else:
                done = decode_stream(codec, reader, target, options, report)
    _show(source, target, done, {"input": source, "output": target, **done.facts()}, quiet, as_json)


def _not_live(options: DecodeOptions, output: str | None) -> dict[str, object]:
    """The values of options, by their flags, that make no sense for live audio."""
    return {
        "--start": options.start,
        "--duration": options.duration,
        "--rate": options.rate,
        "--salvage": options.salvage,
        "--output": output,
    }


def _conversion(
    options: DecodeOptions, suffix: str, model: str | None, device: str, backend: Backend
) -> Conversion[DecodeSummary]:
    from swc.codec.backends import check_decoder
    from swc.codec.batch import decode_files
    from swc.codec.finished import is_finished_audio

    if model is not None:
        check_decoder(model, device, backend.value)  # before any work
    start = partial(decode_files, options=options, model=model, device=device, backend=backend.value)
    finished = partial(is_finished_audio, options=options)
    return Conversion("decode", suffix, is_stream_file, finished, start, _show)


def _show(source: str, target: str, done: DecodeSummary, facts: dict[str, Any], quiet: bool, as_json: bool) -> None:
    show_notes("standard output" if target == PIPE else target, done.notes, quiet)
    damage = [] if done.damage is None else [f"  {line}" for line in damage_lines(done.damage)]
    show(facts, target, [_line(done), *damage], quiet=quiet, as_json=as_json)


def _line(done: DecodeSummary) -> str:
    return f"{time_text(done.seconds)}, {done.channels} x {done.sample_rate} Hz, {done.speed:.1f} x real time"
