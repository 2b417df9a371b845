"""Rate-distortion of `kbps` and of `quality`, on one plot.

python benchmarks/quality.py FOLDER --csv quality.csv --png quality.png [--each 2] [--effort 1] [--workers 2]

The first-level folders of FOLDER are domains (speech, music, ...). Since `quality` is for recordings whose passages
differ, the clips of a domain are joined, four to a recording: speech with 1.5 s of faint noise (-60 dBFS) after each
clip; in other domains every second clip is 20 dB softer, and 1.5 s of silence end the recording. `--each` says how many
recordings are made of a domain. The CSV has every recording at every setting; the plot and the table have means.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import functools
import itertools
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from curves import mean, plot

from swc import Codec, Stream
from swc.audio import Audio
from swc.evaluation import METRICS
from swc.evaluation.clips import Clip, find_clips, read_clip

SETTINGS = [
    *(("kbps", kbps) for kbps in (0.89, 1.5, 2.67, 5.33, 8.0)),
    *(("quality", quality) for quality in (1.0, 3.0, 5.0, 8.0, 10.0)),
]
MEASURES = ("mel_distance", "pesq_wb", "visqol_audio")
JOINED, PAUSE, NOISE, SOFTER = 4, 1.5, 1e-3, 0.1

load = functools.cache(Codec.load)


@dataclass(frozen=True)
class Row:
    """A recording at a setting; measures that do not apply are None."""

    domain: str
    first_clip: str
    mode: str
    asked: float
    kbps: float
    mel_distance: float | None
    pesq_wb: float | None
    visqol_audio: float | None


def recordings(folder: Path, each: int) -> Iterator[list[Clip]]:
    """The clips of each recording."""
    for _, found in itertools.groupby(find_clips(folder), key=lambda clip: clip.domain):
        clips = list(found)
        groups = [clips[i : i + JOINED] for i in range(0, len(clips), JOINED)]
        count = min(each, len(groups))
        yield from (groups[i * len(groups) // count] for i in range(count))


def joined(clips: Sequence[Clip]) -> tuple[Audio, int]:
    """One recording (samples,) of clips, and its rate."""
    parts: list[Audio] = []
    generator = np.random.default_rng(0)
    for index, clip in enumerate(clips):
        audio, rate = read_clip(clip)
        if clip.domain == "speech":
            parts += [audio[:, 0], NOISE * generator.standard_normal(round(PAUSE * rate))]
        else:
            parts.append(audio[:, 0] * (SOFTER if index % 2 else 1.0))
    if clips[0].domain != "speech":
        parts.append(np.zeros(round(PAUSE * rate)))
    return np.concatenate(parts).astype(np.float32), rate


def judge(clips: Sequence[Clip], mode: str, asked: float, effort: int, model: str) -> Row:
    """Encode, decode and measure one recording."""
    codec, (audio, rate) = load(model), joined(clips)
    data = codec.encode(audio, rate, effort=effort, **{mode: asked}).to_bytes()
    decoded = codec.decode(Stream.from_bytes(data))[:, 0]
    domain = clips[0].domain
    measured = [METRICS[name] for name in MEASURES if domain == "speech" or not METRICS[name].speech_only]
    scores = dict.fromkeys(MEASURES) | {metric.name: metric.function(audio, decoded, rate) for metric in measured}
    return Row(domain, clips[0].file, mode, asked, len(data) * 8 * rate / len(audio) / 1000, **scores)


def show(rows: Sequence[Row]) -> None:
    """Print means over all recordings, and the range of their rates."""
    headings = [f"{METRICS[name].heading:>17}" for name in MEASURES]
    print(f"{'setting':14}{'kbit/s':>8}{'least':>8}{'most':>8}" + "".join(headings))
    for mode, asked in SETTINGS:
        some = [row for row in rows if (row.mode, row.asked) == (mode, asked)]
        rates = [row.kbps for row in some]
        scores = [mean(some, name) for name in MEASURES]
        texts = "".join(f"{'-':>17}" if score is None else f"{score:17.3f}" for score in scores)
        print(f"{mode:8}{asked:6g}{statistics.fmean(rates):8.2f}{min(rates):8.2f}{max(rates):8.2f}{texts}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--png", type=Path, required=True)
    parser.add_argument("--each", type=int, default=2, metavar="N", help="recordings a domain (default 2)")
    parser.add_argument("--effort", type=int, default=1)
    parser.add_argument("--model", default="swc-44k")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    args = parser.parse_args()
    rows = []
    with ProcessPoolExecutor(args.workers) as pool, args.csv.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(Row)])
        writer.writeheader()
        jobs = [
            pool.submit(judge, clips, mode, asked, args.effort, args.model)
            for clips in recordings(args.folder, args.each)
            for mode, asked in SETTINGS
        ]
        for job in jobs:
            rows.append(job.result())
            writer.writerow(dataclasses.asdict(rows[-1]))
            file.flush()
    plot(args.png, rows, MEASURES, {"kbps": "--kbps", "quality": "--quality"})
    show(rows)


if __name__ == "__main__":
    main()
