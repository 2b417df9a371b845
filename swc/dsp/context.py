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


def segments(pieces: Iterable[Array], step: int, context: Context) -> Iterator[Segment]:
    """Stretches of `step` with up to `context` around them; less only at the ends of the signal.

    Args:
        pieces: (channels, n, ...) each, the signal cut anywhere; read only as far as the next segment needs.
        step: length of a stretch; the last may be shorter.
        context: around each stretch.
    """
    source = iter(pieces)
    buffer: Array | None = None
    before = 0  # context at the front of the buffer
    while True:
        buffer = _fill(buffer, source, before + step + context.after)
        length = 0 if buffer is None else min(step, buffer.shape[1] - before)
        if buffer is None or length <= 0:
            return
        yield Segment(buffer[:, : before + length + context.after], before, length)
        drop = max(0, before + length - context.before)
        buffer, before = buffer[:, drop:], before + length - drop


def _fill(buffer: Array | None, source: Iterator[Array], wanted: int) -> Array | None:
    """The buffer, longer by as many pieces as it takes to reach `wanted`, or to the end of the source."""
    parts = [] if buffer is None else [buffer]
    have = sum(p.shape[1] for p in parts)
    while have < wanted:
        piece = next(source, None)
        if piece is None:
            break
        parts.append(piece)
        have += piece.shape[1]
    if len(parts) < 2:  # nothing was added: no copy
        return parts[0] if parts else None
    return namespace(parts[0]).concat(parts, 1)
