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
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from types import FrameType
from typing import IO, Any, NoReturn

from swc.codec.transcode import Report
from swc.errors import SwcError
from swc.files import remove_temporaries
from swc.threads import configure

Pair = tuple[str, str]
"""Source and target."""
Work = Callable[[str, str, Report], Any]
"""Makes a target from a source, reports progress, and returns or raises the result."""
Progress = Callable[[int, float, float | None], None]
"""Called with the index of a pair, seconds of its audio done so far, and their total (None if unknown)."""

INTERVAL = 0.1  # seconds between two reports of a process
_PATIENCE = 5.0  # seconds that a process gets to clean up


def work_on(
    pairs: Sequence[Pair], prepare: Callable[[], Work], jobs: int, threads: int, progress: Progress | None = None
) -> Generator[tuple[int, Any], None, None]:
    """Work on pairs of source and target, and yield the index of each with its result or exception once it is done.

    Processes end when the iterator does or is closed.

    Args:
        prepare: pickled, and called once in each process.
        jobs: processes, at most.
        threads: of torch, in each.

    Raises:
        Exception: raised by `prepare`.
        SwcError: a process died while preparing.
    """
    waiting = deque(enumerate(pairs))
    messages: SimpleQueue[_Message] = SimpleQueue()
    workers = set[_Worker]()
    try:
        while waiting or workers:
            while len(workers) < jobs and sum(worker.index is None for worker in workers) < len(waiting):
                workers.add(_Worker(prepare, threads, messages))
            worker, kind, content = messages.get()
            if worker not in workers:  # it was dismissed
                continue
            if kind == "progress":
                if progress is not None and worker.index is not None:
                    progress(worker.index, *content)
                continue
            if kind == "unprepared":
                raise content
            index, worker.index = worker.index, None
            if kind == "died" or not waiting:
                workers.remove(worker)
                worker.stop()
            else:
                worker.index, pair = waiting.popleft()
                worker.send(pair)
            if index is not None:
                yield index, content
    finally:
        for worker in workers:
            worker.dismiss()
        for worker in workers:
            worker.stop()


class _Worker:
    """A process, as seen by its parent.

    Args:
        messages: queue for its messages.

    Attributes:
        index: of the pair it works on, or None.
    """

    def __init__(self, prepare: Callable[[], Work], threads: int, messages: SimpleQueue[_Message]) -> None:
        code = f"import sys; sys.path[:] = {sys.path!r}; from swc.codec.pool import serve; serve()"
        self.index: int | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        Thread(target=self._listen, args=(messages,), daemon=True).start()
        self.send((prepare, threads))

    def send(self, content: Any) -> None:
        """Send something to the process; if it has died, a message will report that."""
        with suppress(BrokenPipeError):
            _write(_open(self._process.stdin), content)

    def dismiss(self) -> None:
        """Let the process end, leaving its work undone and its temporary files removed."""
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

    def _listen(self, messages: SimpleQueue[_Message]) -> None:
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


_Message = tuple[_Worker, str, Any]
"""Sender; prepared, unprepared, progress, done or died; and content."""


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
        _answer(answers, "unprepared", _portable(error))
        _end(1)
    _answer(answers, "prepared", None)
    while True:
        source, target = pairs.get()
        try:
            result = work(source, target, _reporter(answers))
        except Exception as error:
            result = _portable(error)
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


def _portable(error: Exception) -> Exception:
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
