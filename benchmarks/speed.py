"""Speed of encoding and decoding 10 s of audio, model loaded: the median of several runs, in x real time.

python benchmarks/speed.py [MODEL]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib import resources

import numpy as np
import soundfile
import torch

from swc import Codec

SECONDS, RUNS = 10, 9


def median(work: Callable[[], object]) -> float:
    """Median seconds of RUNS runs, after one to warm up."""
    work()
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def main() -> None:
    with resources.as_file(resources.files("swc") / "data" / "demo.flac") as path:
        recording, rate = soundfile.read(path, dtype="float32")
    audio = np.resize(recording, SECONDS * rate)
    codec = Codec.load(*sys.argv[1:2])
    stream = codec.encode(audio, rate)
    print(f"{torch.get_num_threads()} threads, {SECONDS} s at {rate} Hz, 2.67 kbit/s, median of {RUNS}")
    for effort in (0, 1, 2):
        seconds = median(lambda effort=effort: codec.encode(audio, rate, effort=effort))
        print(f"encode --effort {effort}  {seconds:.3f} s  {SECONDS / seconds:5.1f} x real time")
    seconds = median(lambda: codec.decode(stream))
    print(f"decode             {seconds:.3f} s  {SECONDS / seconds:5.1f} x real time")


if __name__ == "__main__":
    main()
