"""swc as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import Any

import numpy as np
from cli_forks import Forked

from swc.bitstream import CHUNK_OVERHEAD

RATE = 44100
CHUNK = 172 * 1024  # samples a chunk, of the small codec's
RAW = ("--raw", "--rate", str(RATE), "--channels", "1", "--effort", "0")


def pcm(seconds: float) -> bytes:
    t = np.arange(round(seconds * RATE)) / RATE
    noise = 0.01 * np.random.default_rng(0).standard_normal(len(t))
    sound = (0.2 * np.sin(2 * np.pi * (200 + 50 * np.sin(t)) * t) + noise) * (1 + np.sin(0.7 * t)) / 2
    return (sound * 2**15).astype("<i2").tobytes()


def command_line(*args: str | Path) -> list[str]:
    return [sys.executable, "-m", "swc", *map(str, args)]


def piped(data: bytes, *args: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """As subprocess.run, with the options of `Forked`."""
    with Forked(*args, **{"stdin": PIPE, "stdout": PIPE, "stderr": PIPE} | options) as process:
        output, errors = process.communicate(data)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


class Running:
    """A process whose input stays open, and whose output is collected as it comes."""

    def __init__(self, *args: str | Path) -> None:
        self.process = Forked(*args, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        self.output = bytearray()
        self._collector = threading.Thread(target=self._collect)
        self._collector.start()

    def _collect(self) -> None:
        assert self.process.stdout is not None
        while data := os.read(self.process.stdout.fileno(), 65536):
            self.output += data

    def feed(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def wait_for(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{len(self.output)} bytes came out"
            assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
            time.sleep(0.01)

    def finish(self) -> str:
        """Close the input, wait for the end, return what went to stderr."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        errors = self.process.stderr.read().decode()
        self.process.wait(timeout=60)
        self._collector.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return errors


@contextmanager
def running(*args: str | Path) -> Iterator[Running]:
    started = Running(*args)
    try:
        yield started
    finally:
        if started.process.returncode is None:
            started.process.kill()
            started.finish()


def chunk_ends(data: bytes, header: int) -> list[int]:
    """Where in the beginning of a stream its header and each of its whole chunks end; 0 before the header is whole."""
    if len(data) < header:
        return [0]
    ends, at = [header], header
    while data[at : at + 2] == b"\xc5\x5c" and at + 6 <= len(data):
        at += CHUNK_OVERHEAD + int.from_bytes(data[at + 4 : at + 6], "little")
        if at <= len(data):
            ends.append(at)
    return ends
