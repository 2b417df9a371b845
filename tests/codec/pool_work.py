"""Work for the tests of the pool, in a module that processes import quickly."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from swc.codec.engine import Work
from swc.codec.transcode import Report
from swc.errors import FormatError, InputError
from swc.files import replacing


class StubbornError(Exception):
    """An exception that cannot be pickled."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.file = open(os.devnull)  # noqa: SIM115


@dataclass(frozen=True)
class Prepare:
    """Prepares a process, or fails to."""

    fault: str = ""

    def __call__(self) -> Work:
        if self.fault == "error":
            raise InputError("no such device")
        if self.fault == "death":
            os.kill(os.getpid(), signal.SIGKILL)
        return work


def work(source: str, target: str, report: Report) -> str:
    """Do what the source's name says."""
    report(1.0, 4.0)
    match source:
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "die once":
            if not Path(f"{target}.died").exists():
                Path(f"{target}.died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
        case "die late":
            Path(target).write_text("whole")
            os.kill(os.getpid(), signal.SIGKILL)
        case "format":
            raise FormatError("damaged", 7)
        case "stubborn":
            raise StubbornError("no way")
        case "print":
            print("what a library has to say")
        case "wait":  # with half a file
            with replacing(target) as temporary:
                temporary.write_text(str(os.getpid()))
                time.sleep(600)
        case "threads":
            return os.environ["OMP_NUM_THREADS"]
        case "done":
            Path(target).write_text("whole")
    return f"{source} {os.getpid()}"
