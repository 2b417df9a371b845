"""How cost grows: time and memory of `swc encode` and `swc decode` for 1 s to 10 h, and for 1 to 10 000 files of 1 s.

python benchmarks/growth.py growth.json --png docs/images/growth.png --page docs/performance.md
python benchmarks/growth.py growth.json --longest 3600 --most 1000 ...      the quick part of it
python benchmarks/growth.py growth.json --render ...                        the figures of an earlier run

Whole processes are timed, torch's start included; what takes less than a minute of audio is the median of three runs.
Memory is that of the largest process at its peak. Each step is told on stderr. Without --page, the tables go to stdout.
The recording is the bundled one, over and over; 10 h take 7 GB in the folder for temporary files.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import soundfile
from matplotlib.figure import Figure
from memory import measured, write_recording
from pages import Document, number, options, report, table

LENGTHS = (1, 10, 60, 600, 3600, 36000)
FILES = (1, 10, 100, 1000, 10000)
SHORT, RUNS = 60, 3  # seconds of audio up to which there are so many runs
WORK = ("encode", "decode")
COLOURS = {"encode": "#0f6e84", "decode": "#d1495b"}

Row = dict[str, float]


def of_length(folder: Path, seconds: int) -> Row:
    """One run of both commands on a recording of so many seconds."""
    wav, coded, back = (folder / name for name in ("in.wav", "coded.swc", "back.wav"))
    write_recording(wav, seconds)
    row = row_of(measured("encode", wav, coded), measured("decode", coded, back))
    if soundfile.info(wav).frames != soundfile.info(back).frames:
        sys.exit(f"{seconds} s did not keep their length")
    return row


def of_files(folder: Path, count: int) -> Row:
    """One run of both commands on a folder of so many recordings of a second."""
    recordings, coded, back = (folder / name for name in ("recordings", "coded", "back"))
    recordings.mkdir()
    write_recording(folder / "one.wav", 1)
    for index in range(count):
        os.link(folder / "one.wav", recordings / f"{index:05}.wav")
    row = row_of(measured("encode", recordings, "-o", coded), measured("decode", coded, "-o", back))
    if len(list(back.iterdir())) != count:
        sys.exit(f"of {count} files not all came back")
    return row


def row_of(encode: tuple[float, float], decode: tuple[float, float]) -> Row:
    return {"encode": encode[0], "encode_mib": encode[1], "decode": decode[0], "decode_mib": decode[1]}


def steps(sizes: list[int], work: Callable[[Path, int], Row], unit: str) -> list[Row]:
    """A row for each size: the medians of its runs."""
    rows = []
    for size in sizes:
        runs = []
        for _ in range(RUNS if size < SHORT else 1):
            folder = Path(tempfile.mkdtemp())
            try:
                runs.append(work(folder, size))
            finally:
                shutil.rmtree(folder)
        row = {"size": float(size)} | {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        print(f"{size} {unit}: {row['encode']:.1f} s to encode, {row['decode']:.1f} s to decode", file=sys.stderr)
        rows.append(row)
    return rows


def markdown(document: Document) -> str:
    lengths, files = document["lengths"], document["files"]
    head = ["encode, s", "ms a second of audio", "MiB", "decode, s", "ms a second of audio", "MiB"]
    return "\n\n".join(
        [
            "One recording:",
            table(["audio", *head], [[duration(row["size"]), *cells(row)] for row in lengths]),
            "Recordings of one second:",
            table(["files", *head], [[f"{row['size']:.0f}", *cells(row)] for row in files]),
        ]
    )


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
        rows = document[name]
        sizes = [row["size"] for row in rows]
        time, memory = grid[:, column]
        for work in WORK:
            style = {"color": COLOURS[work], "ms": 4, "label": work}
            time.plot(sizes, [row[work] for row in rows], "o-", **style)
            memory.plot(sizes, [row[f"{work}_mib"] for row in rows], "o-", **style)
        last = rows[-1]
        straight = [last["encode"] * size / last["size"] for size in sizes]
        time.plot(sizes, straight, "--", color="#555555", lw=1, label="proportional")
        time.set_yscale("log")
        time.set_ylim(bottom=0.5 * min(row["decode"] for row in rows))
        time.set_ylabel("seconds")
        memory.set_ylim(bottom=0)
        memory.set_ylabel("MiB at the peak")
        for axis in (time, memory):
            axis.set_xscale("log")
            axis.set_xlabel(label)
            axis.grid(alpha=0.3)
            axis.spines[["top", "right"]].set_visible(False)
        time.legend(frameon=False, fontsize=9)
    figure.savefig(path)


def main() -> None:
    parser = options(__doc__, "growth")
    parser.add_argument("--longest", type=int, default=LENGTHS[-1], metavar="S", help="seconds (default 36000)")
    parser.add_argument("--most", type=int, default=FILES[-1], metavar="N", help="files (default 10000)")
    args = parser.parse_args()

    def measure() -> Document:
        lengths = steps([size for size in LENGTHS if size <= args.longest], of_length, "s")
        return {"lengths": lengths, "files": steps([size for size in FILES if size <= args.most], of_files, "files")}

    report(args, "growth", measure, markdown, plot)


if __name__ == "__main__":
    main()
