"""swc encode: audio to .swc."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swc.cli.files import choose_output, input_and_output, input_name
from swc.cli.guard import say
from swc.cli.inputs import is_audio_file, is_raw_file
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
from swc.cli.options import (
    Depth,
    Device,
    Effort,
    Force,
    Json,
    Kbps,
    Level,
    Model,
    Quality,
    Quiet,
    size_text,
    time_text,
)
from swc.cli.progress import progress_bar
from swc.cli.summary import show, show_notes
from swc.cli.tag import parse_tags
from swc.codec.options import DEFAULT_EFFORT, DEFAULT_KBPS, DEFAULT_LIVE_MODEL, DEFAULT_MODEL, EncodeOptions

if TYPE_CHECKING:
    from swc.audio import RawFormat
    from swc.bitstream import Tags
    from swc.codec.transcode import EncodeSummary


Lookahead = Annotated[
    float | None,
    typer.Option(
        "--lookahead",
        metavar="SECONDS",
        min=0,
        help="Audio from which the level is set before anything is written: short for live use, "
        "at the risk of a level that does not suit the rest.  [default: the model's]",
    ),
]
Gain = Annotated[
    float | None,
    typer.Option(
        "--gain",
        metavar="DB",
        help="Level gain before coding, undone by decode; streams of the same gain can be joined by cat.  "
        "[default: to the model's level, which --live follows slowly]",
    ),
]


Live = Annotated[
    bool,
    typer.Option(
        "--live",
        help="For conversation: read what there is, and write each window as soon as it is complete. Levels come out "
        f"evened, unless --gain is given.  [default of --model then: {DEFAULT_LIVE_MODEL}]",
    ),
]


class StereoMode(StrEnum):
    """Whether channels that belong together are coded together."""

    AUTO = "auto"
    COUPLED = "coupled"
    APART = "apart"


Coupled = Annotated[
    StereoMode,
    typer.Option(
        "--stereo",
        help="Code left and right together, as one channel with parameters: auto does so if they have "
        "enough in common.",
    ),
]
SalvageInput = Annotated[
    bool,
    typer.Option("--salvage-input", help="Read whatever is left of a damaged or truncated input."),
]
Tag = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="KEY=VALUE",
        help="Set a tag, in place of any in IN under KEY (KEY= sets none); may be given several times. "
        "decode writes all tags to FLAC and Ogg, and to other formats those that they can hold.",
    ),
]


def encode(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="IN... [OUT]",
            help="WAV, FLAC, Ogg, MP3, AIFF, ..., with swc-codec[av] more; the output, or a folder for it. - is stdin, "
            "or stdout.  [default of OUT: IN with suffix .swc]. With -o DIR: any number of files and folders.",
            show_default=False,
        ),
    ],
    output: Output = None,
    kbps: Kbps = DEFAULT_KBPS,
    quality: Quality = None,
    level: Level = None,
    effort: Effort = DEFAULT_EFFORT,
    lookahead: Lookahead = None,
    gain: Gain = None,
    stereo: Coupled = StereoMode.AUTO,
    live: Live = False,
    salvage_input: SalvageInput = False,
    tag: Tag = None,
    no_tags: Annotated[bool, typer.Option("--no-tags", help="Copy no tags from IN.")] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="IN is PCM without a header, little-endian; needs --rate and --channels.")
    ] = False,
    bits: Annotated[Depth | None, typer.Option("--bits", help="Bits per sample of --raw.  [default: 16]")] = None,
    rate: Annotated[int | None, typer.Option("--rate", metavar="HZ", min=1, help="Sample rate of --raw.")] = None,
    channels: Annotated[
        int | None, typer.Option("--channels", metavar="N", min=1, max=8, help="Channels of --raw.")
    ] = None,
    model: Model = DEFAULT_MODEL,
    device: Device = "cpu",
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
    """Encode audio to .swc files."""
    layout = _raw_format(context, raw, bits, rate, channels)
    wanted = parse_tags(context, "--tag", tag or [])
    asked = _asked_kbps(context, kbps, {"--quality": quality, "--level": level})
    options = EncodeOptions(
        asked, effort, lookahead, wanted, not no_tags, layout, gain, salvage_input, quality, stereo.value, level, live
    )
    model = DEFAULT_LIVE_MODEL if live and not _is_given(context, "model") else model
    many = Many(jobs, engine, address, skip_existing, include, exclude, dry_run, report, force, quiet, as_json)
    if output is None:
        many.refuse_alone(context)
        source, target = input_and_output(context, "encode", names)
        target = choose_output("encode", source, target, ".swc", force)
        _encode_one(source, target, options, model, device, quiet, as_json)
    else:
        options.check()
        convert(names, output, many, _conversion(options, model, device))


def _encode_one(
    source: str, target: str, options: EncodeOptions, model: str, device: str, quiet: bool, as_json: bool
) -> None:
    from swc.audio import AudioReader

    options.check()
    with AudioReader(source, options.raw, salvage=options.salvage_input) as reader:  # before torch is loaded
        from swc.codec.codec import Codec
        from swc.codec.transcode import encode_audio

        codec = Codec.load(model, device)
        with progress_bar("encoding", quiet) as report:
            done = encode_audio(codec, reader, target, options, report)
    asked = {
        "kbps_asked": codec.settled(options, reader.sample_rate, reader.channels).kbps,
        "quality": options.quality,
        "level": options.level,
    }
    facts = {"input": source, "output": target, **asked, **done.facts()}
    _show(source, target, done, facts, quiet, as_json)


def _conversion(options: EncodeOptions, model: str, device: str) -> Conversion[EncodeSummary]:
    from swc.bundle.find import find_bundle
    from swc.codec.batch import encode_files
    from swc.codec.finished import is_finished_stream

    find_bundle(model)  # before any work
    start = partial(encode_files, options=options, model=model, device=device)
    return Conversion("encode", ".swc", is_raw_file if options.raw else is_audio_file, is_finished_stream, start, _show)


def _show(source: str, target: str, done: EncodeSummary, facts: dict[str, Any], quiet: bool, as_json: bool) -> None:
    show_notes(input_name(source), done.notes, quiet)
    if done.tags_left_out and not quiet:
        say(_left_out_line(done.tags_left_out))
    show(facts, target, [_line(done)], quiet=quiet, as_json=as_json)


def _asked_kbps(context: typer.Context, kbps: float, others: Mapping[str, float | None]) -> float | None:
    """The rate to keep to; None if one of the others, or the model, decides."""
    given = [name for name, value in others.items() if value is not None]
    asked = _is_given(context, "kbps")
    if asked:
        given.insert(0, "--kbps")
    if len(given) > 1:
        raise typer.BadParameter(f"{' and '.join(given)} exclude each other; give one of them", context)
    return kbps if asked else None


def _is_given(context: typer.Context, name: str) -> bool:
    """Whether an option was given, and not left at its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


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


def _left_out_line(tags: Tags) -> str:
    names = ", ".join(f"{key} ({size_text(len(value.encode()))})" for key, value in tags)
    keep = f"keep them, perhaps shorter, with options such as --tag {tags[0][0]}=TEXT"
    return f"tags of the input left out for lack of bits: {names}; {keep}"


def _line(done: EncodeSummary) -> str:
    rate = "no audio" if done.kbps is None else f"{done.kbps:.2f} kbit/s"
    return (
        f"{size_text(done.bytes)} for {time_text(done.seconds)}, {rate}, "
        f"{done.pcm_ratio:.0f}:1 against 16-bit PCM, {done.speed:.1f} x real time"
    )
