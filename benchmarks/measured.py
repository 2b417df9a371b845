"""Measure what `swc models` says of a bundle beside what its config and weights say, and write it into the bundle.

python benchmarks/measured.py MODEL [MODEL ...]

Multiply-accumulates a second of audio are those of the networks of encoder and decoder, counted as in
benchmarks/backbones.py; the search for codes is not. Speed is the duration of the demo recording over the processor
time that it takes with one thread, at the default rate and effort, in the best of five runs. The results go into
measured.json in the folder of each bundle, beside scores, which docs/score_tables.py puts there.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib import resources

import soundfile
import torch
from backbones import work
from peers import machine

from swc import Codec
from swc.bundle import Bundle, find_bundle
from swc.bundle.find import MEASURED

RUNS = 5


def least(work: Callable[[], object]) -> float:
    """Seconds of processor time of the best run."""
    times = []
    for _ in range(RUNS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def measure(bundle: Bundle) -> dict[str, object]:
    with resources.as_file(resources.files("swc") / "data" / "demo.flac") as path:
        audio, rate = soundfile.read(path, dtype="float32")
    codec = Codec(bundle)
    stream, seconds = codec.encode(audio, rate), len(audio) / rate
    encode, decode = least(lambda: codec.encode(audio, rate)), least(lambda: codec.decode(stream))
    return {
        "macs": dict(zip(("encode", "decode"), map(round, work(bundle.config)), strict=True)),
        "speed": {"encode": round(seconds / encode, 2), "decode": round(seconds / decode, 2)},
        "processor": machine()["processor"],
    }


def main() -> None:
    torch.set_num_threads(1)
    for model in sys.argv[1:]:
        bundle = find_bundle(model)
        found = json.dumps({**bundle.measured, **measure(bundle)}, indent=1)
        (bundle.path / MEASURED).write_text(found + "\n", encoding="utf-8")
        print(bundle.name, found)


if __name__ == "__main__":
    main()
