"""The plain signals that codecs are often tried with, before and after: tones, a sweep, noise, DTMF, clicks, silence.

python benchmarks/signals.py [--kbps 2.67 --kbps 8] [--opus] [--csv FILE] [--model NAME]

One row for each figure, one column for each rate. Levels and pitches are those of the output, compared with the input.
Pitch and wobble of a tone are left out if less than a thousandth of its energy is left (-30 dB).
With --opus, opusenc and opusdec code the same signals at 6 kbit/s.
"""

from __future__ import annotations

import argparse
import csv
import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from swc import Codec

Mono = np.ndarray
Figures = dict[str, float]
Coder = Callable[[Mono, int], Mono]

RATE, SECONDS = 44100, 3
TONES = (100, 440, 1000, 3000, 6000, 10000, 14000, 18000)
PAIR = (440, 1000)
NEAR = 2 ** (1 / 6)  # partials within a whole tone of a frequency count as that tone
GONE = -30.0
OCTAVES = (50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 18000)
CLICK, CLICKS, APART = 0.9, 8, RATE // 2 + 137  # apart so that they fall differently into the windows
OPUS_KBPS = 6

DTMF_RATE, DTMF_HALF = 8000, 800  # 100 ms of tone, as much of silence
LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = "123A456B789C*0#D"
BLOCK = 205  # the usual length of a Goertzel filter at 8 kHz
MARGIN, LOW_STRONGER, HIGH_STRONGER = 8.0, 8.0, 4.0  # dB: over the second strongest in a group; between the two tones


class Signal(NamedTuple):
    name: str
    samples: Mono
    rate: int
    measure: Callable[[Mono, Mono], Figures]  # of input and output


def decibels(ratio: float) -> float:
    """A ratio of energies in dB, no less than -99."""
    return 10 * float(np.log10(max(ratio, 10**-9.9)))


def tone(hertz: float, seconds: float, dbfs: float, rate: int = RATE) -> Mono:
    """A sine whose peaks reach `dbfs`."""
    return 10 ** (dbfs / 20) * np.sin(2 * np.pi * hertz / rate * np.arange(round(seconds * rate)))


def spectrum(samples: Mono, padding: int = 1) -> tuple[Mono, Mono]:
    """Frequencies and energies under a Hann window."""
    size = padding * len(samples)
    return np.fft.rfftfreq(size, 1 / RATE), np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size)) ** 2


def energy(samples: Mono, low: float, high: float) -> float:
    hertz, power = spectrum(samples)
    return float(power[(hertz >= low) & (hertz < high)].sum())


def pitch(samples: Mono, hertz: float) -> float:
    """Frequency of the strongest partial within a whole tone: the top of a parabola through three bins."""
    bins, power = spectrum(samples, padding=4)
    near = np.flatnonzero((bins > hertz / NEAR) & (bins < hertz * NEAR))
    top = near[power[near].argmax()]
    left, middle, right = np.log(power[top - 1 : top + 2] + 1e-30)
    return float(bins[1] * (top + 0.5 * (left - right) / (left - 2 * middle + right)))


def middle(samples: Mono) -> Mono:
    """All but the first and the last half second."""
    return samples[RATE // 2 : -(RATE // 2)]


def measure_tones(hertz: tuple[int, ...], before: Mono, after: Mono) -> Figures:
    """Pitch and level of each tone; wobble of a single one, or the rest of the output beside several."""
    before, after = middle(before), middle(after)
    figures, kept = {}, 0.0
    for f in hertz:
        left = energy(after, f / NEAR, f * NEAR)
        kept += left
        level = decibels(left / energy(before, f / NEAR, f * NEAR))
        label = f"{f} Hz: " if len(hertz) > 1 else ""
        figures[f"{label}pitch, cents"] = 1200 * math.log2(pitch(after, f) / f) if level > GONE else math.nan
        figures[f"{label}level, dB"] = level
    if len(hertz) > 1:
        figures["all else beside the two, dB"] = decibels((energy(after, 0, RATE) - kept) / kept)
    else:
        levels = [decibels(float(np.mean(frame**2))) for frame in after.reshape(-1, RATE // 20)]
        figures["wobble over 50 ms, dB"] = max(levels) - min(levels) if level > GONE else math.nan
    return figures


def by_octave(changes: list[float]) -> Figures:
    named = {f"{low}-{high} Hz, dB": c for (low, high), c in zip(pairwise(OCTAVES), changes, strict=True)}
    return named | {"worst, dB": max(changes, key=abs)}


def measure_sweep(before: Mono, after: Mono) -> Figures:
    """Level of each octave, while the sweep passes through it."""
    times = np.log(np.array(OCTAVES) / OCTAVES[0]) / np.log(OCTAVES[-1] / OCTAVES[0])
    edges = np.round(times * len(before)).astype(int)
    changes = []
    for (low, high), (start, stop) in zip(pairwise(OCTAVES), pairwise(edges), strict=True):
        went, came = (energy(samples[start:stop], low / NEAR, high * NEAR) for samples in (before, after))
        changes.append(decibels(came / went))
    return by_octave(changes)


def measure_noise(before: Mono, after: Mono) -> Figures:
    before, after = middle(before), middle(after)
    return by_octave([decibels(energy(after, *band) / energy(before, *band)) for band in pairwise(OCTAVES)])


def measure_clicks(before: Mono, after: Mono) -> Figures:
    reach = RATE // 200
    left = np.array([after[at - reach : at + reach + 1] for at in np.flatnonzero(before)])
    peaks = np.abs(left).max(1)
    return {
        f"lowest peak, of {CLICK}": float(peaks.min()),
        f"highest peak, of {CLICK}": float(peaks.max()),
        "energy within 5 ms, dB": decibels(float((left**2).sum() / (before**2).sum())),
    }


def measure_silence(before: Mono, after: Mono) -> Figures:
    return {"peak": float(np.abs(after).max())}


def goertzel(block: Mono, hertz: float) -> float:
    """Energy of one frequency, in dB."""
    turn = 2 * np.cos(2 * np.pi * hertz / DTMF_RATE)
    last = before_last = 0.0
    for sample in block:
        last, before_last = sample + turn * last - before_last, last
    return decibels(last**2 + before_last**2 - turn * last * before_last)


def key_in(block: Mono) -> str | None:
    """The key that a block of samples resembles, if any."""
    best = []
    for group in (LOW, HIGH):
        levels = [goertzel(block, hertz) for hertz in group]
        second, strongest = sorted(levels)[-2:]
        if strongest - second < MARGIN:
            return None
        best.append((levels.index(strongest), strongest))
    (row, low), (column, high) = best
    return KEYS[4 * row + column] if -LOW_STRONGER <= high - low <= HIGH_STRONGER else None


def measure_dtmf(before: Mono, after: Mono) -> Figures:
    """Keys recognised by a quick detector and by a strict one.

    The quick one wants the same key in two half-overlapping blocks of 26 ms, and no other; the strict one hears the
    middle 50 ms as one block.
    """
    quick = strict = 0
    for key, start in zip(KEYS, range(0, len(before), 2 * DTMF_HALF), strict=True):
        pressed = after[start : start + DTMF_HALF]
        heard = [key_in(pressed[at : at + BLOCK]) for at in range(0, DTMF_HALF - BLOCK + 1, BLOCK // 2)]
        quick += {one for one, following in pairwise(heard) if one and one == following} == {key}
        strict += key_in(pressed[DTMF_HALF // 4 : -(DTMF_HALF // 4)]) == key
    return {f"quick detector, keys of {len(KEYS)}": quick, f"strict detector, keys of {len(KEYS)}": strict}


def signals() -> list[Signal]:
    made = [
        Signal(f"tone {hertz} Hz", tone(hertz, SECONDS, -12), RATE, partial(measure_tones, (hertz,))) for hertz in TONES
    ]
    made.append(Signal("two tones", sum(tone(h, SECONDS, -18) for h in PAIR), RATE, partial(measure_tones, PAIR)))

    time = np.arange(3 * SECONDS * RATE) / (3 * SECONDS * RATE)
    growth = np.log(OCTAVES[-1] / OCTAVES[0])
    phase = 2 * np.pi * OCTAVES[0] * 3 * SECONDS * np.expm1(growth * time) / growth
    made.append(Signal("sweep", 10 ** (-12 / 20) * np.sin(phase), RATE, measure_sweep))

    noise = 0.1 * np.random.default_rng(0).standard_normal(SECONDS * RATE)
    made.append(Signal("white noise", noise, RATE, measure_noise))

    halves = DTMF_HALF / DTMF_RATE
    pairs = [(low, high) for low in LOW for high in HIGH]
    pressed = [sum(tone(h, halves, -12, DTMF_RATE) for h in pair) for pair in pairs]
    dialled = np.concatenate([np.append(key, np.zeros(DTMF_HALF)) for key in pressed])
    made.append(Signal("DTMF", dialled, DTMF_RATE, measure_dtmf))

    clicks = np.zeros((CLICKS + 1) * APART)
    clicks[APART:-1:APART] = CLICK
    made.append(Signal("clicks", clicks, RATE, measure_clicks))
    made.append(Signal("silence", np.zeros(SECONDS * RATE), RATE, measure_silence))
    return made


def through_swc(codec: Codec, kbps: float, samples: Mono, rate: int) -> Mono:
    return codec.decode(codec.encode(samples.astype(np.float32)[:, None], rate, kbps=kbps))[:, 0]


def through_opus(samples: Mono, rate: int) -> Mono:
    with tempfile.TemporaryDirectory() as folder:
        wav, coded, back = (str(Path(folder, name)) for name in ("in.wav", "coded.opus", "back.wav"))
        soundfile.write(wav, samples, rate, "PCM_24")
        subprocess.run(["opusenc", "--quiet", "--bitrate", str(OPUS_KBPS), wav, coded], check=True)
        subprocess.run(["opusdec", "--quiet", "--float", "--rate", str(rate), coded, back], check=True)
        return soundfile.read(back)[0]


def cell(figure: str, value: float) -> str:
    if math.isnan(value):
        return ""
    if figure.startswith("wobble"):
        return f"{value:.1f}"
    return format(value, "+z.1f" if figure.endswith((" dB", " cents")) else ".2g")


def table(coders: dict[str, Coder]) -> list[list[str]]:
    """A header, then a row a figure."""
    rows = [["signal", "figure", *coders]]
    for signal in signals():
        results = []
        for name, coder in coders.items():
            after = np.asarray(coder(signal.samples, signal.rate), float)
            if after.shape != signal.samples.shape:
                raise AssertionError(f"{name} changed the length of {signal.name}")
            results.append(signal.measure(signal.samples, after))
        rows += [[signal.name, figure, *(cell(figure, r[figure]) for r in results)] for figure in results[0]]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kbps", type=float, action="append", metavar="R", help="2.67 and 8 if left out")
    parser.add_argument("--opus", action="store_true", help="compare with Opus, where opusenc and opusdec are on PATH")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--model", default="swc-44k", metavar="NAME")
    args = parser.parse_args()
    codec = Codec.load(args.model)
    rates = args.kbps or (2.67, 8.0)
    coders: dict[str, Coder] = {f"{kbps:g} kbit/s": partial(through_swc, codec, kbps) for kbps in rates}
    if args.opus and all(map(shutil.which, ("opusenc", "opusdec"))):
        coders[f"Opus {OPUS_KBPS} kbit/s"] = through_opus
    elif args.opus:
        print("opusenc and opusdec are not both on PATH: no Opus")
    rows = table(coders)
    if args.csv:
        with args.csv.open("w", newline="") as f:
            csv.writer(f).writerows(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        words = [word.ljust(width) for word, width in zip(row[:2], widths[:2], strict=True)]
        numbers = [(number or "-").rjust(width) for number, width in zip(row[2:], widths[2:], strict=True)]
        print("  ".join(words + numbers))


if __name__ == "__main__":
    main()
