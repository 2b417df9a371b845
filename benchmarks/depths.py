"""Rate-distortion of variable depth against fixed depth, with one network: what an importance map is worth.

python benchmarks/depths.py FOLDER --model vrvq-44k --csv depths.csv --png depths.png [--each 2]

Recordings have pauses: they are those of benchmarks/quality.py. Fixed depth gives all latents as many codebooks, by an
importance that is the same everywhere; the bits of its depths, which a stream of fixed depth would not need, are not
counted. The table has means, how many bits variable depth saves at equal ViSQOL, between points of the fixed one, and
what a latent's depth takes in several codings.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import itertools
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from curves import curve, mean, plot
from quality import joined, recordings

from swc import Codec, Stream
from swc.evaluation import METRICS
from swc.evaluation.clips import Clip

RATES = (0.6, 0.89, 1.5, 2.67, 5.33)
DEPTHS = (3, 5, 8, 13, 26)
MEASURES = ("visqol_audio", "stoi", "mel_distance")


@dataclass(frozen=True)
class Row:
    """A recording at a setting: kbit/s asked for, or depth; measures that do not apply are None."""

    domain: str
    first_clip: str
    mode: str
    asked: float
    kbps: float
    least_depth: int
    mean_depth: float
    visqol_audio: float | None
    stoi: float | None
    mel_distance: float | None
    depth_bits: float
    fixed_bits: float
    run_bits: float
    change_bits: float


@contextmanager
def fixed_depth(codec: Codec) -> Iterator[None]:
    """While it lasts, all latents are equally important."""
    with patch.object(codec.model.quantizer.importance, "forward", lambda z: torch.ones(z.shape[:2])):
        yield


def encode(codec: Codec, audio: np.ndarray, rate: int, mode: str, asked: float) -> tuple[Stream, float]:
    """The stream of a recording, and its kbit/s as they are counted here."""
    if mode == "variable":
        stream = codec.encode(audio, rate, kbps=asked)
        return stream, stream.kbps
    with fixed_depth(codec):
        stream = codec.encode(audio, rate, level=(asked - 0.5) / codec.config.quantizer.codebooks)
    return stream, (8 * stream.n_bytes - stream.breakdown()["depths"]) / stream.duration / 1000


def golomb(number: int) -> int:
    """Bits of a number, 0 or more, in an exponential Golomb code of order 0."""
    return 2 * (number + 1).bit_length() - 1


def codings(stream: Stream) -> tuple[float, float, float, float]:
    """Bits that the depth of a latent takes: in the format; as a number of fixed size; as runs of equal depths, each
    with its length; as changes from one latent to the next, in an exponential Golomb code."""
    windows = [window.depths.tolist() for chunk in stream.chunks for row in chunk.windows for window in row]
    width = stream.header.layout.n_routed.bit_length()
    runs = changes = 0
    for depths in windows:
        lengths = [len(list(run)) for _, run in itertools.groupby(depths)]
        runs += sum(width + golomb(length - 1) for length in lengths)
        steps = [after - before for before, after in itertools.pairwise(depths)]
        changes += width + sum(golomb(2 * abs(step) - (step > 0)) for step in steps)
    latents = sum(map(len, windows))
    return stream.breakdown()["depths"] / latents, width, runs / latents, changes / latents


def judge(codec: Codec, clips: Sequence[Clip], mode: str, asked: float) -> Row:
    """Encode, decode and measure one recording."""
    audio, rate = joined(clips)
    stream, kbps = encode(codec, audio, rate, mode, asked)
    decoded = codec.decode(stream)[:, 0]
    depths = (stream.codes() >= 0).sum(1)
    domain, names = clips[0].domain, ("depth_bits", "fixed_bits", "run_bits", "change_bits")
    bits = dict(zip(names, codings(stream), strict=True))
    measured = [METRICS[name] for name in MEASURES if domain == "speech" or not METRICS[name].speech_only]
    scores = dict.fromkeys(MEASURES) | {metric.name: metric.function(audio, decoded, rate) for metric in measured}
    return Row(domain, clips[0].file, mode, asked, kbps, int(depths.min()), float(depths.mean()), **scores, **bits)


def savings(rows: Sequence[Row], name: str = "visqol_audio") -> list[tuple[float, float, float]]:
    """Rates and scores of variable depth, and the share of the bits that fixed depth would take more at each score."""
    fixed = curve(rows, "fixed", name)
    rates, scores = (np.array(column) for column in zip(*fixed, strict=True))
    rising = np.maximum.accumulate(scores)
    found = []
    for kbps, score in curve(rows, "variable", name):
        if rising[0] <= score <= rising[-1]:
            equal = float(np.exp(np.interp(score, rising, np.log(rates))))
            found.append((kbps, score, 1 - kbps / equal))
    return found


def show(rows: Sequence[Row]) -> None:
    """Print means by domain, and what variable depth saves."""
    for domain in sorted({row.domain for row in rows}):
        some = [row for row in rows if row.domain == domain]
        print(f"{domain}: {len({row.first_clip for row in some})} recordings")
        print(
            f"  {'mode':9}{'asked':>7}{'kbit/s':>8}{'depth':>7}"
            + "".join(f"{METRICS[n].heading:>17}" for n in MEASURES)
        )
        for mode, settings in (("variable", RATES), ("fixed", DEPTHS)):
            for asked in settings:
                here = [row for row in some if (row.mode, row.asked) == (mode, asked)]
                scores = [mean(here, name) for name in MEASURES]
                texts = "".join(f"{'-':>17}" if score is None else f"{score:17.3f}" for score in scores)
                rate, depth = (statistics.fmean(getattr(row, of) for row in here) for of in ("kbps", "mean_depth"))
                print(f"  {mode:9}{asked:7g}{rate:8.3f}{depth:7.2f}{texts}")
        for asked in RATES:
            here = [row for row in some if (row.mode, row.asked) == ("variable", asked)]
            names = ("fixed_bits", "depth_bits", "run_bits", "change_bits")
            texts = ", ".join(f"{n.split('_')[0]} {statistics.fmean(getattr(r, n) for r in here):.2f}" for n in names)
            print(f"  bits of a depth at {asked:g} kbit/s: {texts}")
        for kbps, score, share in savings(some):
            print(f"  at ViSQOL {score:.3f} variable depth takes {kbps:.2f} kbit/s, {share:.1%} fewer bits than fixed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--png", type=Path, required=True)
    parser.add_argument("--each", type=int, default=2, metavar="N", help="recordings a domain (default 2)")
    parser.add_argument("--model", default="vrvq-44k")
    args = parser.parse_args()
    codec, rows = Codec.load(args.model), []
    with args.csv.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(Row)])
        writer.writeheader()
        for clips in recordings(args.folder, args.each):
            for mode, settings in (("variable", RATES), ("fixed", DEPTHS)):
                for asked in settings:
                    rows.append(judge(codec, clips, mode, asked))
                    writer.writerow(dataclasses.asdict(rows[-1]))
                    file.flush()
    plot(args.png, rows, MEASURES, {"variable": "variable depth", "fixed": "fixed depth"})
    show(rows)


if __name__ == "__main__":
    main()
