"""The setup of the process: how signals end it, and standard streams that exist."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from swc.files import remove_temporaries

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
_ended = False


def end_on_signals() -> None:
    """Let signals end the process by an exception, so that temporary files are removed.

    Ignored signals, as under nohup, stay ignored.
    """
    for number in (getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> None:
    """Leave by KeyboardInterrupt or SystemExit, and ignore further signals, which would cut the cleanup short."""
    global _ended
    if _ended:
        remove_temporaries()
        os._exit(128 + number)
    _ended = True
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def open_standard_streams() -> None:
    """Replace standard streams that the caller has closed.

    Otherwise the next opened files would take their numbers. Reading stdin and writing to stdout then fail, as they
    should; messages are dropped.
    """
    for number, mode in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # the lowest free number
    if sys.stdin is None:
        sys.stdin = open(0)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w")  # noqa: SIM115
