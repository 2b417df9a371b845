"""Cuts a long signal into segments with context, so that work on segments equals work on the whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from swc.dsp.arrays import Array, namespace


class Context(NamedTuple):
    """The context needed before and after a stretch of a signal; a causal network needs none after it."""

    before: int
    after: int


class Segment(NamedTuple):
    """A stretch of a signal with context.

    Attributes:
        signal: (channels, before + length + after, ...).
        before: context before the stretch.
        length: of the stretch itself.
    """

    signal: Array
    before: int
    length: int

    @property
    def context(self) -> Context:
        """The context that is there."""
        return Context(self.before, self.signal.shape[1] - self.before - self.length)


class Segments:
    """Cuts a signal that comes in pieces into stretches of `step` with context around them.

    Args:
        step: length of a stretch; the last may be shorter.
        context: around each stretch; less only at the ends of the signal.
    """

    def __init__(self, step: int, context: Context) -> None:
        self.step, self.context = step, context
        self._parts: list[Array] = []  # from the context of the next stretch on
        self._size = 0  # of these
        self._before = 0  # context in them

    def push(self, piece: Array) -> Iterator[Segment]:
        """The stretches that are complete with the next piece (channels, n, ...) of the signal."""
        self._parts.append(piece)
        self._size += piece.shape[1]
        while self._size >= self._before + self.step + self.context.after:
            yield self._next()

    def flush(self) -> Iterator[Segment]:
        """The other stretches of the signal, which has ended."""
        while self._size > self._before:
            yield self._next()

    def _next(self) -> Segment:
        signal = self._parts[0] if len(self._parts) == 1 else namespace(self._parts[0]).concat(self._parts, 1)
        before, length = self._before, min(self.step, self._size - self._before)
        drop = max(0, before + length - self.context.before)
        self._parts, self._size, self._before = [signal[:, drop:]], self._size - drop, before + length - drop
        return Segment(signal[:, : before + length + self.context.after], before, length)


def segments(pieces: Iterable[Array], step: int, context: Context) -> Iterator[Segment]:
    """The stretches of a signal, see `Segments`; pieces are read only as far as the next one needs."""
    cut = Segments(step, context)
    for piece in pieces:
        yield from cut.push(piece)
    yield from cut.flush()
