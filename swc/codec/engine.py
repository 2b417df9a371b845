"""Work on many files with the workers of an engine: who does what, and what follows when one fails or dies.

An engine knows how to start workers: processes of this machine (`swc.codec.pool`), or of a cluster
(`swc.codec.cluster`). Everything else is decided here, once for all engines.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol

from swc.codec.transcode import Report

Pair = tuple[str, str]
"""Source and target."""
Work = Callable[[str, str, Report], Any]
"""Makes a target from a source, reports progress, and returns or raises the result."""
Prepare = Callable[[], Work]
"""Pickled, and called once in each worker."""
Progress = Callable[[int, float, float | None], None]
"""Called with the index of a pair, seconds of its audio done so far, and their total (None if unknown)."""


class Worker(Protocol):
    """Prepares itself, and then works on one pair after the other; it may die at any moment.

    Attributes:
        index: of the pair it works on, or None.
        node: name of its machine once it is prepared; empty for this one.
    """

    index: int | None
    node: str

    def send(self, pair: Pair) -> None:
        """Let it work on a pair; if it has died, a message will report that."""

    def dismiss(self) -> None:
        """Let it end, leaving its work undone and its temporary files removed."""

    def stop(self) -> None:
        """`dismiss`, and wait for the end."""


Message = tuple[Worker, str, Any]
"""Sender; kind; and content.

Kinds are prepared, unprepared (with an exception), progress (seconds done, and their total), done (with a result or an
exception) and died (with an exception).
"""


@dataclass(frozen=True)
class Crew:
    """The workers that an engine offers for some work.

    Attributes:
        size: of them at a time, at most.
        start: starts one; it puts its messages into the queue.
        attempts: how often a pair is tried whose workers die.
    """

    size: int
    start: Callable[[SimpleQueue[Message]], Worker]
    attempts: int = 1


class Engine(Protocol):
    """Offers workers for as long as its context lasts."""

    def __call__(
        self, prepare: Prepare, pairs: Sequence[Pair], device: str, jobs: int | None
    ) -> AbstractContextManager[Crew]:
        """Offer at most `jobs` workers; None takes as many as there are processors, or GPUs, for."""


def work_on(
    pairs: Sequence[Pair], crew: Crew, progress: Progress | None = None
) -> Generator[tuple[int, Any, str], None, None]:
    """Work on pairs, and yield the index of each, its result or exception, and its worker's node, once it is done.

    A pair whose worker dies is tried again, after the others. If the worker had finished the target, and died before it
    could say so, the result is None. Workers end when the iterator does or is closed.

    Raises:
        Exception: raised by `prepare`, or the death of workers that were preparing themselves.
    """
    waiting = deque(enumerate(pairs))
    deaths = Counter[int | None]()  # by pair; None is for those that were not prepared yet
    before: dict[int, _State] = {}  # of targets
    messages: SimpleQueue[Message] = SimpleQueue()
    workers = set[Worker]()
    try:
        while waiting or any(worker.index is not None for worker in workers):
            while len(workers) < crew.size and sum(worker.index is None for worker in workers) < len(waiting):
                workers.add(crew.start(messages))
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
                before[worker.index] = _state(pair[1])
                worker.send(pair)
            if kind == "died":
                deaths[index] += 1
                if index is None and deaths[None] >= crew.size * crew.attempts:
                    raise content
                if index is not None and _state(pairs[index][1]) not in (None, before[index]):
                    content = None
                elif index is not None and deaths[index] < crew.attempts:
                    waiting.append((index, pairs[index]))
                    continue
            if index is not None:
                yield index, content, worker.node
    finally:
        for worker in workers:
            worker.dismiss()
        for worker in workers:
            worker.stop()


_State = tuple[int, int] | None


def _state(target: str) -> _State:
    """Changes when the target is made, which happens at once, under its final name."""
    try:
        status = os.stat(target)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
