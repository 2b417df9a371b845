"""Speed of encoding and decoding 10 s and 60 s of audio, model loaded: the median of several runs, in x real time.

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

SECONDS, RUNS = (10, 60), 9


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
    codec = Codec.load(*sys.argv[1:2])
    print(f"{torch.get_num_threads()} threads, {rate} Hz, 2.67 kbit/s, median of {RUNS}, x real time")
    for seconds in SECONDS:
        audio = np.resize(recording, seconds * rate)
        stream = codec.encode(audio, rate)
        for effort in (0, 1, 2):
            took = median(lambda audio=audio, effort=effort: codec.encode(audio, rate, effort=effort))
            print(f"{seconds} s  encode --effort {effort}  {seconds / took:5.1f}")
        took = median(lambda stream=stream: codec.decode(stream))
        print(f"{seconds} s  decode             {seconds / took:5.1f}")


if __name__ == "__main__":
    main()
