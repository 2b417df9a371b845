"""Work on a stream's chunks side by side, of which each one rounds as if it were alone.

How an operation on many numbers rounds can depend on how threads share it, and phases can follow from the last bit.
So every chunk is worked on by one thread, and threads share the chunks: audio is the same for any number of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TypeVar

import torch

MOST = 8  # threads: each holds some 100 MB of spectra

A = TypeVar("A")
B = TypeVar("B")


class Ahead:
    """Maps functions over items in order, on as many threads as torch has; a context that ends them.

    Args:
        device: where the tensors are; anything but a CPU works on one after the other.
        items: that are asked for before the result of the first is needed, per thread; 0 where the next may be long in
            coming.
    """

    def __init__(self, device: torch.device, items: int = 1) -> None:
        threads = min(torch.get_num_threads(), MOST)
        self._waiting = items * threads
        self._pool = _pool(threads) if threads > 1 and device.type == "cpu" else None

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def map(self, function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """As the built-in `map`, with inference mode in threads; what `items` raises comes after earlier results."""
        if self._pool is None:
            yield from map(function, items)
            return
        source, fault = iter(items), None
        working: deque[Future[B]] = deque()
        while True:
            while fault is None and len(working) <= self._waiting:
                try:
                    working.append(self._pool.submit(partial(_infer, function), next(source)))
                except Exception as error:  # StopIteration, too
                    fault = error
            if working:
                yield working.popleft().result()
            elif isinstance(fault, StopIteration):
                return
            elif fault is not None:
                raise fault


def _infer(function: Callable[[A], B], item: A) -> B:
    with torch.inference_mode():  # which belongs to a thread
        return function(item)


def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that share none of their operations with others."""
    chosen, ready = torch.get_num_threads(), Barrier(threads)
    pool = ThreadPoolExecutor(threads, "swc")
    for one in [pool.submit(_alone, ready) for _ in range(threads)]:
        one.result()
    torch.set_num_threads(chosen)  # what a thread chooses also goes for those that start later
    return pool


def _alone(ready: Barrier) -> None:
    torch.set_num_threads(1)
    torch.get_num_threads()  # a thread takes over what was last chosen anywhere when it first asks
    ready.wait()
