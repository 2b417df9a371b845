"""Parallel work on a stream's chunks, each of which is rounded as if it were alone.

The rounding of an operation on many numbers can depend on how threads share it, and phases can depend on the last bit.
So each chunk is processed by one thread, and threads share the chunks: audio is the same for any number of threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Protocol, TypeVar

MOST = 8  # threads: each holds some 100 MB of spectra

A = TypeVar("A")
B = TypeVar("B")


class Each(Protocol):
    """The built-in `map` of one iterable, or one that works ahead."""

    def __call__(self, function: Callable[[A], B], items: Iterable[A], /) -> Iterator[B]:
        """Results in the order of the items."""


class Alone(Protocol):
    """A call of a function of one item."""

    def __call__(self, function: Callable[[A], B], item: A, /) -> B:
        """What the function returns."""


def _call(function: Callable[[A], B], item: A) -> B:
    return function(item)


class Ahead:
    """Maps functions over items in order, on threads; a context that ends them.

    Args:
        threads: MOST at most; 0 and 1 work on one after the other, in the calling thread.
        items: that are asked for before the result of the first is needed, per thread; 0 where the next may be long in
            coming, or there is none: then the calling thread does the work.
        begin: is called in each thread, before any works.
        alone: calls a function in the calling thread, as such threads would.
    """

    def __init__(
        self, threads: int, items: int = 1, begin: Callable[[], object] = object, alone: Alone = _call
    ) -> None:
        threads = min(threads, MOST)
        self._alone, self._waiting = alone, items * threads
        self._pool = _pool(threads, begin) if threads > 1 and items else None

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def map(self, function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """As the built-in `map`; what `items` raises comes after earlier results."""
        if self._pool is None:
            yield from map(partial(self._alone, function), items)
            return
        source, fault = iter(items), None
        working: deque[Future[B]] = deque()
        while True:
            while fault is None and len(working) <= self._waiting:
                try:
                    working.append(self._pool.submit(function, next(source)))
                except Exception as error:  # StopIteration, too
                    fault = error
            if working:
                yield working.popleft().result()
            elif isinstance(fault, StopIteration):
                return
            elif fault is not None:
                raise fault


def _pool(threads: int, begin: Callable[[], object]) -> ThreadPoolExecutor:
    pool, ready = ThreadPoolExecutor(threads, "swc"), Barrier(threads)
    for one in [pool.submit(partial(_begin, begin, ready)) for _ in range(threads)]:
        one.result()
    return pool


def _begin(begin: Callable[[], object], ready: Barrier) -> None:
    begin()
    ready.wait()  # so that each thread begins once
