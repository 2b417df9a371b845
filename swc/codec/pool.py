"""Processes that work on files, one at a time each; any of them may die without harm to the others.

They are new interpreters that read pickles on stdin and write pickles on stdout, in sessions of their own, so that a
terminal's signals reach only the process that started them. They end when their stdin does, however that one ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from types import FrameType
from typing import IO, Any, NoReturn

from swc.codec.engine import Crew, Message, Pair, Prepare
from swc.codec.transcode import Report
from swc.errors import SwcError
from swc.files import remove_temporaries
from swc.threads import available, configure, share

INTERVAL = 0.1  # seconds between two reports of a process
_PATIENCE = 5.0  # seconds that a process gets to clean up


@contextmanager
def local_engine(prepare: Prepare, pairs: Sequence[Pair], device: str, jobs: int | None) -> Iterator[Crew]:
    """The engine of this machine: one process a processor, or one in all on a device other than the CPU.

    The threads are divided among the processes. A pair whose process dies is not tried again: memory may be short.
    """
    size = min(jobs or (available() if device == "cpu" else 1), len(pairs))
    yield Crew(size, partial(Process, prepare, share(size)))


class Process:
    """A process, as seen by its parent.

    Args:
        threads: of torch.
        messages: queue for its messages.
    """

    node = ""

    def __init__(self, prepare: Prepare, threads: int, messages: SimpleQueue[Message]) -> None:
        code = f"import sys; sys.path[:] = {sys.path!r}; from swc.codec.pool import serve; serve()"
        self.index: int | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        Thread(target=self._listen, args=(messages,), daemon=True).start()
        self.send((prepare, threads))

    def send(self, content: Any) -> None:
        """Send a pair, or what to prepare; if the process has died, a message will report that."""
        with suppress(BrokenPipeError):
            _write(_open(self._process.stdin), content)

    def dismiss(self) -> None:
        """Close its stdin, at which it removes its temporary files and ends."""
        with suppress(BrokenPipeError):
            _open(self._process.stdin).close()

    def stop(self) -> None:
        """`dismiss`, and wait for the end."""
        self.dismiss()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self, messages: SimpleQueue[Message]) -> None:
        """Put the process's messages into the queue, and an SwcError when it has died."""
        prepared = False
        with _open(self._process.stdout) as said, suppress(Exception):  # the end, or half a pickle
            while True:
                kind, content = pickle.load(said)  # noqa: S301  (our own)
                prepared = True
                messages.put((self, kind, content))
        code = self._process.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        error = SwcError(f"the process working on it {how}; memory may be short: use fewer `jobs`")
        messages.put((self, "died" if prepared else "unprepared", error))


def serve() -> NoReturn:
    """The main function of such a process."""
    signal.signal(signal.SIGTERM, _end_on_signal)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # for anything else that prints
    prepare, threads = pickle.load(sys.stdin.buffer)  # noqa: S301  (our own)
    pairs: SimpleQueue[Pair] = SimpleQueue()
    Thread(target=_listen, args=(pairs,), daemon=True).start()
    try:
        configure(threads)
        work = prepare()
    except Exception as error:
        _answer(answers, "unprepared", portable(error))
        _end(1)
    _answer(answers, "prepared", None)
    while True:
        source, target = pairs.get()
        try:
            result = work(source, target, _reporter(answers))
        except Exception as error:
            result = portable(error)
        _answer(answers, "done", result)


def _listen(pairs: SimpleQueue[Pair]) -> None:
    """Pass on messages from stdin; end the process when stdin ends."""
    with suppress(EOFError, pickle.UnpicklingError):
        while True:
            pairs.put(pickle.load(sys.stdin.buffer))  # noqa: S301  (our own)
    _end(0)


def _reporter(answers: IO[bytes]) -> Report:
    last = 0.0

    def report(done: float, total: float | None) -> None:
        nonlocal last
        if time.monotonic() - last >= INTERVAL:
            _answer(answers, "progress", (done, total))
            last = time.monotonic()

    return report


def _answer(answers: IO[bytes], kind: str, content: Any) -> None:
    try:
        _write(answers, (kind, content))
    except BrokenPipeError:
        _end(0)


def portable(error: Exception) -> Exception:
    """An exception that can be pickled: itself, or one with the same message; its traceback becomes a note."""
    where = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  (our own)
    except Exception:
        error = SwcError(f"{type(error).__name__}: {error}")
    error.add_note(where)
    return error


def _end_on_signal(number: int, frame: FrameType | None) -> NoReturn:
    _end(128 + number)


def _end(code: int) -> NoReturn:
    remove_temporaries()
    os._exit(code)


def _write(file: IO[bytes], content: Any) -> None:
    pickle.dump(content, file)
    file.flush()


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    """A pipe of a process that has all three."""
    assert pipe is not None
    return pipe
