"""How cost grows: time and memory of `swc encode` and `swc decode` for 1 s to 10 h, and for 1 to 10 000 files of 1 s.

python benchmarks/growth.py docs/growth.json --png docs/images/growth.png --page docs/performance.md
python benchmarks/growth.py docs/growth.json --lengths 60 600 3600 --files ...   a part of it, without files
python benchmarks/growth.py docs/growth.json --render ...                        the figures of an earlier run

Whole processes are timed, torch's start included; what takes less than a minute of audio is the median of three runs.
Memory is that of the largest process at its peak. Each step is told on stderr, and at the end whether memory is flat:
at most 100 MiB above that of a minute. Without --page, the tables go to stdout.
The recording is the bundled one, over and over; 10 h take 7 GB in the folder for temporary files.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import soundfile
from matplotlib.figure import Figure
from pages import Bound, Document, number, options, report, table

LENGTHS = (1, 10, 60, 600, 3600, 36000)
FILES = (1, 10, 100, 1000, 10000)
MINUTE, FLAT = 60, 100.0  # seconds; MiB
SHORT, RUNS = 60, 3  # seconds of audio up to which there are so many runs
WORK = ("encode", "decode")
COLOURS = {"encode": "#0f6e84", "decode": "#d1495b"}
SECOND = 44100

Row = dict[str, float]


def measured(*args: str | Path) -> tuple[float, float]:
    """Wall-clock seconds of one run of the command line, and MiB of its largest process at its peak."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "swc", *map(str, args), "--quiet"])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"swc {' '.join(map(str, args))} failed")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def write_recording(path: Path, seconds: float) -> None:
    """The bundled recording, over and over, as WAV."""
    with resources.as_file(resources.files("swc") / "data" / "demo.flac") as demo:
        minute = np.resize(soundfile.read(demo, dtype="int16")[0], 60 * SECOND)
    left = round(seconds * SECOND)
    with soundfile.SoundFile(path, "w", SECOND, 1, "PCM_16") as file:
        while left > 0:
            file.write(minute[:left])
            left -= len(minute)


def of_length(folder: Path, seconds: int, *args: str) -> Row:
    """One run of both commands on a recording of so many seconds."""
    wav, coded, back = (folder / name for name in ("in.wav", "coded.swc", "back.wav"))
    write_recording(wav, seconds)
    row = row_of(measured("encode", wav, coded, *args), measured("decode", coded, back))
    if soundfile.info(wav).frames != soundfile.info(back).frames:
        sys.exit(f"{seconds} s did not keep their length")
    return row


def of_files(folder: Path, count: int, *args: str) -> Row:
    """One run of both commands on a folder of so many recordings of a second."""
    recordings, coded, back = (folder / name for name in ("recordings", "coded", "back"))
    recordings.mkdir()
    write_recording(folder / "one.wav", 1)
    for index in range(count):
        os.link(folder / "one.wav", recordings / f"{index:05}.wav")
    row = row_of(measured("encode", recordings, "-o", coded, *args), measured("decode", coded, "-o", back))
    if len(list(back.iterdir())) != count:
        sys.exit(f"of {count} files not all came back")
    return row


def row_of(encode: tuple[float, float], decode: tuple[float, float]) -> Row:
    return {"encode": encode[0], "encode_mib": encode[1], "decode": decode[0], "decode_mib": decode[1]}


def steps(sizes: list[int], work: Callable[..., Row], unit: str, *args: str) -> list[Row]:
    """A row for each size: the medians of its runs; encode gets further arguments."""
    rows = []
    for size in sizes:
        runs = []
        for _ in range(RUNS if size < SHORT else 1):
            folder = Path(tempfile.mkdtemp())
            try:
                runs.append(work(folder, size, *args))
            finally:
                shutil.rmtree(folder)
        row = {"size": float(size)} | {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        print(f"{size} {unit}: {row['encode']:.1f} s to encode, {row['decode']:.1f} s to decode", file=sys.stderr)
        rows.append(row)
    return rows


def bounds(lengths: list[Row]) -> list[Bound]:
    """That memory is flat: of each recording longer than a minute, above that of a minute."""
    minute = next((row for row in lengths if row["size"] == MINUTE), None)
    longer = [row for row in lengths if minute and row["size"] > MINUTE]
    return [
        Bound(f"MiB to {work} {duration(row['size'])}, above those of 1 min", row[key] - minute[key], FLAT)
        for row in longer
        for work, key in zip(WORK, ("encode_mib", "decode_mib"), strict=True)
        if minute
    ]


def markdown(document: Document) -> str:
    lengths, files = document["lengths"], document["files"]
    head = ["encode, s", "ms a second of audio", "MiB", "decode, s", "ms a second of audio", "MiB"]
    parts = []
    if lengths:
        rows = [[duration(row["size"]), *cells(row)] for row in lengths]
        parts += ["One recording:", table(["audio", *head], rows)]
    if files:
        rows = [[f"{row['size']:.0f}", *cells(row)] for row in files]
        parts += ["Recordings of one second:", table(["files", *head], rows)]
    return "\n\n".join(parts)


def duration(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def cells(row: Row) -> list[str]:
    return [
        text
        for work in WORK
        for text in (number(row[work]), number(1000 * row[work] / row["size"]), f"{row[f'{work}_mib']:.0f}")
    ]


def plot(path: Path, document: Document) -> None:
    """Times on logarithmic axes, where a line of slope 1 is proportional, and memory."""
    figure = Figure(figsize=(9.5, 6.0), dpi=110, layout="constrained")
    grid = figure.subplots(2, 2)
    for column, (name, label) in enumerate((("lengths", "seconds of audio"), ("files", "files of one second"))):
        if not (rows := document[name]):
            continue
        sizes = [row["size"] for row in rows]
        took, memory = grid[:, column]
        for work in WORK:
            style = {"color": COLOURS[work], "ms": 4, "label": work}
            took.plot(sizes, [row[work] for row in rows], "o-", **style)
            memory.plot(sizes, [row[f"{work}_mib"] for row in rows], "o-", **style)
        last = rows[-1]
        straight = [last["encode"] * size / last["size"] for size in sizes]
        took.plot(sizes, straight, "--", color="#555555", lw=1, label="proportional")
        took.set_yscale("log")
        took.set_ylim(bottom=0.5 * min(row["decode"] for row in rows))
        took.set_ylabel("seconds")
        memory.set_ylim(0, 1.3 * max(row[f"{work}_mib"] for row in rows for work in WORK))
        memory.set_ylabel("MiB at the peak")
        for axis in (took, memory):
            axis.set_xscale("log")
            axis.set_xlabel(label)
            axis.grid(alpha=0.3)
            axis.spines[["top", "right"]].set_visible(False)
        took.legend(frameon=False, fontsize=9)
    figure.savefig(path)


def main() -> None:
    parser = options(__doc__, "speed: growth")
    parser.add_argument("--lengths", type=int, nargs="*", default=LENGTHS, metavar="S", help=f"(default {LENGTHS})")
    parser.add_argument("--files", type=int, nargs="*", default=FILES, metavar="N", help=f"(default {FILES})")
    parser.add_argument("--effort", default="1", metavar="E", help="of encode (default 1)")
    args = parser.parse_args()

    def measure() -> Document:
        effort = ("--effort", args.effort)
        lengths = steps(args.lengths, of_length, "s", *effort)
        for bound in bounds(lengths):
            print(bound, file=sys.stderr)
        return {"lengths": lengths, "files": steps(args.files, of_files, "files", *effort)}

    report(args, "speed: growth", measure, markdown, plot)


if __name__ == "__main__":
    main()
