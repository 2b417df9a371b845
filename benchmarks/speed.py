"""Speed of encoding and decoding some seconds of audio, model loaded: the median of several runs, in x real time.

python benchmarks/speed.py [MODEL] [--device DEV] [--runs N] [--seconds 10 60]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib import resources

import numpy as np
import soundfile
import torch

from swc import Codec
from swc.codec.options import DEFAULT_MODEL


def median(work: Callable[[], object], runs: int) -> float:
    """Median seconds of so many runs, after one to warm up."""
    work()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=DEFAULT_MODEL)
    parser.add_argument("--device", default="cpu", metavar="DEV")
    parser.add_argument("--runs", type=int, default=9, metavar="N", help="that a median is of (default 9)")
    parser.add_argument("--seconds", type=int, nargs="+", default=(10, 60), metavar="S", help="(default 10 60)")
    args = parser.parse_args()
    with resources.as_file(resources.files("swc") / "data" / "demo.flac") as path:
        recording, rate = soundfile.read(path, dtype="float32")
    codec = Codec.load(args.model, args.device)
    threads = f"{torch.get_num_threads()} threads, {codec.device}"
    print(f"{threads}, {rate} Hz, 2.67 kbit/s, median of {args.runs}, x real time")
    for seconds in args.seconds:
        audio = np.resize(recording, seconds * rate)
        stream = codec.encode(audio, rate)
        for effort in (0, 1, 2):
            took = median(lambda audio=audio, effort=effort: codec.encode(audio, rate, effort=effort), args.runs)
            print(f"{seconds} s  encode --effort {effort}  {seconds / took:5.1f}", flush=True)
        took = median(lambda stream=stream: codec.decode(stream), args.runs)
        print(f"{seconds} s  decode             {seconds / took:5.1f}", flush=True)


if __name__ == "__main__":
    main()
