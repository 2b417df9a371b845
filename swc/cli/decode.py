"""swc decode: .swc to audio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from swc.cli.damage import damage_lines
from swc.cli.files import choose_output, one_at_a_time
from swc.cli.options import Depth, Device, Force, Json, Quiet, time_text
from swc.cli.progress import progress_bar
from swc.cli.summary import show, show_notes
from swc.cli.times import Duration, Start
from swc.codec.options import DecodeOptions
from swc.files import PIPE, open_input

if TYPE_CHECKING:
    from swc.codec.transcode import DecodeSummary


Salvage = Annotated[
    bool, typer.Option("--salvage", help="Decode what is left of a damaged stream; what is lost fades to silence.")
]


def decode(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="IN", help="A .swc file; - for stdin.")],
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="OUT",
            help="Output, its suffix chooses the format (wav, flac, ogg, ...), or a folder for it; - for WAV on stdout."
            "  [default: IN with suffix .wav, or .raw, if there is no such file]",
        ),
    ] = None,
    bits: Annotated[Depth, typer.Option("--bits", help="Bits a sample; float is not clipped.")] = Depth.BITS_16,
    raw: Annotated[
        bool, typer.Option("--raw", help="PCM without a header, little-endian, whatever the suffix of OUT.")
    ] = False,
    start: Start = 0.0,
    duration: Duration = None,
    salvage: Salvage = False,
    no_tags: Annotated[
        bool,
        typer.Option(
            "--no-tags",
            help="Leave the tags out. Else FLAC and Ogg get all, and other formats those that they can hold.",
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
    one_at_a_time(context, "decode")
    target = choose_output("decode", source, target, ".raw" if raw else ".wav", force)
    options = DecodeOptions(start, duration, salvage, bits.value, raw, not no_tags)
    with open_input(source) as fp:
        from swc.bitstream import SalvageReader, StreamReader

        reader = SalvageReader(fp) if salvage else StreamReader(fp)  # its header is read before torch is loaded
        from swc.codec.codec import Codec
        from swc.codec.transcode import decode_stream

        codec = Codec.load(model, device) if model else Codec.for_stream(reader.header, device)
        with progress_bar("decoding", quiet) as report:
            done = decode_stream(codec, reader, target, options, report)
    show_notes("standard output" if target == PIPE else target, done.notes, quiet)
    damage = [] if done.damage is None else [f"  {line}" for line in damage_lines(done.damage)]
    facts = {"input": source, "output": target, **done.facts()}
    show(facts, target, [_line(done), *damage], quiet=quiet, as_json=as_json)


def _line(done: DecodeSummary) -> str:
    return f"{time_text(done.seconds)}, {done.channels} x {done.sample_rate} Hz, {done.speed:.1f} x real time"
