"""swc demo: the bundled recording encoded and decoded, with scores."""

from __future__ import annotations

import os
import time
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swc.cli.guard import say, tell
from swc.cli.options import Device, Kbps, Model, size_text, time_text
from swc.codec.options import DEFAULT_KBPS, DEFAULT_MODEL
from swc.errors import InputError

if TYPE_CHECKING:
    from swc.audio import Audio
    from swc.evaluation import Metric

SOUNDS, PICTURE = ("original.wav", "demo.swc", "decoded.wav"), "spectrograms.png"
NOT_INSTALLED = "-"


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the files.")] = Path("demo"),
    kbps: Kbps = DEFAULT_KBPS,
    model: Model = DEFAULT_MODEL,
    device: Device = "cpu",
) -> None:
    """Encode and decode a bundled recording, and score the result."""
    from swc.bitstream import Stream
    from swc.codec.codec import Codec
    from swc.evaluation import has_plots, install_command, spectrogram_comparison

    _check_folder(out)
    original, rate = _recording()
    codec = Codec.load(model, device)
    codec.decode(codec.encode(original[:rate], rate, kbps=kbps))  # the first pass includes setting up
    started = time.perf_counter()
    data = codec.encode(original, rate, kbps=kbps).to_bytes()
    encoded = time.perf_counter()
    decoded = codec.decode(Stream.from_bytes(data))
    finished = time.perf_counter()

    _write(out / "original.wav", original, rate)
    (out / "demo.swc").write_bytes(data)
    _write(out / "decoded.wav", decoded, rate)
    seconds = len(original) / rate
    measured = len(data) * 8 / seconds / 1000
    pcm = original.size * 2
    tell(f"original    {time_text(seconds)}, {original.shape[1]} x {rate} Hz, {size_text(pcm)} of 16-bit PCM")
    tell(f"encoded     {size_text(len(data))}, {pcm / len(data):.0f}:1, {measured:.2f} of {kbps:g} kbit/s")
    tell(f"encoding    {encoded - started:.2f} s, {seconds / (encoded - started):.1f} x real time")
    tell(f"decoding    {finished - encoded:.2f} s, {seconds / (finished - encoded):.1f} x real time")
    lines, drawn = _scores(original, decoded, rate), has_plots()
    for line in lines:
        tell(line)
    if drawn:
        title = f"decoded from {measured:.2f} kbit/s"
        spectrogram_comparison(out / PICTURE, [("original", original, rate), (title, decoded, rate)])
    tell(f"written to {out}: {', '.join((*SOUNDS, PICTURE) if drawn else SOUNDS)}")
    if not drawn or any(line.endswith(NOT_INSTALLED) for line in lines):
        say(f"for every score, and the spectrograms: {install_command('eval')}")


def _check_folder(out: Path) -> None:
    """Make the folder; one with all the sounds is from an earlier demo, one with only some of the files is not.

    Raises:
        InputError: it is not a folder, or there are such files, which may be needed.
    """
    if os.path.lexists(out) and not out.is_dir():
        raise InputError(f"{out} is not a folder; name one with --out")
    out.mkdir(parents=True, exist_ok=True)
    found = [name for name in (*SOUNDS, PICTURE) if os.path.lexists(out / name)]
    if found and not {*SOUNDS} <= {*found}:
        raise InputError(f"{out / found[0]} exists already; name another folder with --out")


def _recording() -> tuple[Audio, int]:
    import numpy as np

    from swc.audio import AudioReader

    with (
        resources.as_file(resources.files("swc") / "data" / "demo.flac") as path,
        AudioReader(path) as reader,
    ):
        return np.concatenate(list(reader.blocks())), reader.sample_rate


def _write(path: Path, audio: Audio, rate: int) -> None:
    from swc.audio import AudioWriter

    with AudioWriter(path, rate, audio.shape[1]) as writer:
        writer.write(audio)


def _scores(original: Audio, decoded: Audio, rate: int) -> list[str]:
    from swc.evaluation import MEASURES, METRICS

    measures = [METRICS[name] for name in MEASURES if not METRICS[name].stereo_only]  # the recording has one channel
    return [f"{measure.heading:<16} {_score(measure, original, decoded, rate):>8}" for measure in measures]


def _score(measure: Metric, original: Audio, decoded: Audio, rate: int) -> str:
    if not measure.installed:
        return NOT_INSTALLED
    return f"{measure.function(original, decoded, rate):.{measure.decimals}f}"
