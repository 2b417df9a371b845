"""Speed, memory and size of swc and of other codecs, in one run.

pip install transformers snac
python benchmarks/peers.py docs/speed.json --png docs/images/speed.png --page docs/performance.md
python benchmarks/peers.py docs/speed.json --render ...      the figures of an earlier run

Every codec runs in a process of its own with one thread, and in another with two; they take turns, so that what else
the machine does falls on all. One round measures each of them encoding and decoding one recording and eight at once.
What takes more than four seconds is measured in the first round alone. Speeds are medians over the rounds; a ratio is
the median of the rounds' ratios. It takes some eight minutes on two cores, most of them for DAC and SNAC at 44.1 kHz.
Without --page, the tables go to stdout.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import peer_tables
from pages import Document, options, report
from peer_codecs import builders

BATCHES, THREADS, WORK = (1, 8), (1, 2), ("encode", "decode")
PACKAGES = ("torch", "transformers", "snac")
LONG = 4.0  # seconds: what takes longer is measured once
SCRIPT = Path(__file__).with_name("peer_codecs.py")


class Worker:
    """A codec in a process of its own."""

    def __init__(self, name: str, threads: int, seconds: float) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
        environment["PYTHONPATH"] = os.pathsep.join([str(SCRIPT.parents[1]), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, str(SCRIPT), name, str(seconds)]
        self.name, self.threads = name, threads
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        if not (line := self.process.stdout.readline()):
            sys.exit(f"{self.name} failed, with {self.threads} threads: {request}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def started(names: Sequence[str], seconds: float, all_threads: Sequence[int]) -> Iterator[list[Worker]]:
    """A worker for each codec and number of threads; one after the other begins."""
    with contextlib.ExitStack() as stack:
        workers = []
        for threads in all_threads:
            for name in names:
                worker = Worker(name, threads, seconds)
                stack.callback(worker.process.wait)
                stack.callback(worker.process.kill)
                workers.append(worker)
        yield workers


def run(
    names: Sequence[str],
    seconds: float,
    rounds: int,
    batches: Sequence[int] = BATCHES,
    threads: Sequence[int] = THREADS,
    count: bool = True,
) -> Document:
    """All that is measured; MACs, too, if `count`."""
    began = time.perf_counter()
    runs, once = [], set()
    with started(names, seconds, threads) as workers:
        codecs = {}
        for worker in workers:
            about = worker.ask(count=count and worker.threads == 1)
            codecs.setdefault(worker.name, about)
        print(f"{len(names)} codecs are ready after {time.perf_counter() - began:.0f} s", file=sys.stderr)
        for index in range(rounds):
            start = time.perf_counter()
            for batch in batches:
                for worker in workers:
                    for work in WORK:
                        cell = {"codec": worker.name, "threads": worker.threads, "batch": batch, "work": work}
                        if tuple(cell.values()) in once:
                            continue
                        answer = worker.ask(work=work, batch=batch)
                        runs.append(cell | {"round": index} | answer)
                        if answer["seconds"] > LONG:
                            once.add(tuple(cell.values()))
            took = time.perf_counter() - start
            print(f"round {index + 1} of {rounds} took {took:.0f} s", file=sys.stderr)
    return {"about": machine() | {"seconds": seconds, "rounds": rounds}, "codecs": codecs, "runs": runs}


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    versions = {name: metadata.version(name) for name in PACKAGES if find_spec(name)}
    return {"processor": found[1] if found else "unknown", "cores": len(os.sched_getaffinity(0)), "versions": versions}


def main() -> None:
    parser = options(__doc__, "speed: peers")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="(default 3)")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S", help="of a recording (default 2)")
    parser.add_argument("--codecs", nargs="+", metavar="NAME", help="of " + ", ".join(builders()))
    args = parser.parse_args()
    names = args.codecs or list(builders())
    report(args, "speed: peers", lambda: run(names, args.seconds, args.rounds), peer_tables.markdown, peer_tables.plot)


if __name__ == "__main__":
    main()
