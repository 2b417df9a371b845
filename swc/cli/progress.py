"""Progress bars on stderr, where that is a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from swc.cli.options import counted, time_text

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Report = Callable[[float, float | None], None]
"""(done so far, total or None if unknown)."""
Share = tuple[int, float]
"""Files that a node has done, and seconds of their audio."""


@contextmanager
def progress_bar(label: str, quiet: bool) -> Iterator[Report]:
    """Yield a function that moves the bar; it does nothing if quiet or not on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def share_text(share: Share) -> str:
    """The part of the work that a node has done, for people."""
    files, seconds = share
    return f"{counted(files, 'file')}, {time_text(seconds)} of audio"


class FileBars:
    """Two bars for many files: the number done, with the time left, and the share of their bytes, with the speed.

    A line for each node of a cluster follows.

    Args:
        progress: shows them.
        sizes: of the inputs in bytes, from which the time left is estimated.
    """

    def __init__(self, progress: Progress, sizes: Sequence[int]) -> None:
        self.progress, self._sizes = progress, sizes
        self._total = sum(sizes)
        self._files = progress.add_task("files", total=len(sizes), note="")
        self._audio = progress.add_task("audio", total=self._total, note="")
        self._begun: dict[int, tuple[float, float]] = {}  # bytes, and seconds of audio
        self._nodes: dict[str, TaskID] = {}
        self._done, self._bytes, self._seconds = 0, 0.0, 0.0
        self._started = time.monotonic()

    def reach(self, index: int, done: float, total: float | None) -> None:
        """File number `index` has reached `done` seconds of audio, of `total`."""
        share = min(1.0, done / total) if total else 0.0
        self._begun[index] = (share * self._sizes[index], done)
        self._show()

    def finish(self, index: int, seconds: float) -> None:
        """File number `index`, of so many seconds of audio, is done, or has failed."""
        self._begun.pop(index, None)
        self._bytes += self._sizes[index]
        self._seconds += seconds
        self._done += 1
        self.progress.advance(self._files)
        self._show()

    def share(self, nodes: Mapping[str, Share]) -> None:
        """The nodes of a cluster have done so much."""
        for node, share in nodes.items():
            if node not in self._nodes:
                self._nodes[node] = self.progress.add_task(f"node {node}", total=len(self._sizes), note="")
            self.progress.update(self._nodes[node], completed=share[0], note=share_text(share))

    def _show(self) -> None:
        elapsed = time.monotonic() - self._started
        size = self._bytes + sum(size for size, _ in self._begun.values())
        seconds = self._seconds + sum(seconds for _, seconds in self._begun.values())
        left = f", {time_text(elapsed * (self._total / size - 1))} left" if size else ""
        self.progress.update(self._files, note=f"{self._done} of {len(self._sizes)}{left}")
        self.progress.update(self._audio, completed=size, note=f"{seconds / elapsed:.1f} x real time")


class NoBars:
    """Does nothing, where `FileBars` cannot be seen."""

    def reach(self, index: int, done: float, total: float | None) -> None: ...

    def finish(self, index: int, seconds: float) -> None: ...

    def share(self, nodes: Mapping[str, Share]) -> None: ...


@contextmanager
def file_bars(sizes: Sequence[int], quiet: bool) -> Iterator[FileBars | NoBars]:
    """Yield bars for many files; invisible ones if quiet or not on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield NoBars()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[note]}"))
    console, both = Console(stderr=True), sys.stdout.isatty()  # or output for a file would go to the terminal
    with Progress(*columns, console=console, transient=True, redirect_stdout=both) as progress:
        yield FileBars(progress, sizes)
