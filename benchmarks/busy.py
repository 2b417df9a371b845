"""Encoding on a busy machine: `swc encode` as it chooses its threads, and with one, alone and beside busy processes.

python benchmarks/busy.py [RECORDING] [--busy 2] [--runs 3]

Whole processes are timed, torch's start included; RECORDING is swc/data/demo.flac, 8 s, if left out. The two take
turns, so that other work on the machine affects both. The table has medians of wall-clock and of processor seconds
(user and system); a ratio is the default over one thread. OMP_NUM_THREADS and SWC_THREADS of the caller are ignored.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "swc" / "data" / "demo.flac"
LOOP = "import os, sys\nwhile os.getppid() == int(sys.argv[1]): sum(range(10**6))"  # ends if this process is killed

Times = tuple[float, float]  # wall-clock and processor seconds


@contextlib.contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep `count` cores busy meanwhile."""
    processes = []
    try:
        for _ in range(count):
            processes.append(subprocess.Popen([sys.executable, "-c", LOOP, str(os.getpid())]))
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def swc(*args: str | Path, environment: Mapping[str, str] = os.environ) -> Times:
    """One run of the command line."""
    command = [sys.executable, "-m", "swc", *map(str, args), "--quiet"]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    took = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed")
    return took, usage.ru_utime + usage.ru_stime


def encode(recording: Path, environment: Mapping[str, str]) -> Times:
    """One run of `swc encode`."""
    with tempfile.TemporaryDirectory() as folder:
        return swc("encode", recording, Path(folder, "coded.swc"), environment=environment)


def medians(runs: list[Times]) -> Times:
    wall, processor = zip(*runs, strict=True)
    return statistics.median(wall), statistics.median(processor)


def compare(name: str, recording: Path, runs: int) -> Times:
    """Run both in turn, print three rows, and return the ratios."""
    default = {key: value for key, value in os.environ.items() if key not in ("OMP_NUM_THREADS", "SWC_THREADS")}
    one_thread = default | {"OMP_NUM_THREADS": "1"}
    by_default, with_one = [], []
    for _ in range(runs):
        by_default.append(encode(recording, default))
        with_one.append(encode(recording, one_thread))
    (wall, processor), (wall_one, processor_one) = medians(by_default), medians(with_one)
    print(f"{name:14}  {'default':10}  {wall:6.2f} s  {processor:6.2f} s")
    print(f"{name:14}  {'one thread':10}  {wall_one:6.2f} s  {processor_one:6.2f} s")
    ratios = wall / wall_one, processor / processor_one
    print(f"{name:14}  {'ratio':10}  {ratios[0]:6.2f}    {ratios[1]:6.2f}", flush=True)
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, nargs="?", default=DEMO)
    parser.add_argument("--busy", type=int, default=2, metavar="N", help="busy processes (default 2)")
    parser.add_argument("--runs", type=int, default=3, metavar="R", help="runs that a median is of (default 3)")
    args = parser.parse_args()
    recording = args.recording.resolve()
    encode(recording, os.environ)  # the first run reads libraries and weights from disk
    print(f"{len(os.sched_getaffinity(0))} cores, {recording.name}, median of {args.runs}")
    print(f"{'machine':14}  {'threads':10}  {'wall':>8}  {'processor':>8}")
    compare("idle", recording, args.runs)
    with busy_processes(args.busy):
        compare(f"{args.busy} busy", recording, args.runs)


if __name__ == "__main__":
    main()
