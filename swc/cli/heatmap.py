"""The choice of codebooks over time as rows of block characters."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swc.bitstream import Stream

_SHADES = " ░▒▓█"
_PLAIN_SHADES = " .:+#"  # for terminals without block characters
_BAR = 10
_MARGIN = 23  # columns left of the map, beside the word for what is chosen


def routing_rows(stream: Stream, usage: Sequence[float]) -> list[str]:
    """One line for each codebook to choose: its number, share, a bar, and its share of the use at each moment."""
    from swc.bitstream.timeline import routing_map

    layout, windows = stream.header.layout, sum(len(chunk.windows) for chunk in stream.chunks)
    margin = _MARGIN + len(layout.choice.one)
    columns = min(windows, max(8, shutil.get_terminal_size().columns - margin - 2))
    shades = _shades()
    rows = []
    for number, (share, moments) in enumerate(
        zip(usage, routing_map(stream, columns).tolist(), strict=True), layout.first
    ):
        bar = shades[-1] * round(share * _BAR)
        cells = (shades[_level(moment)] for moment in moments)
        rows.append(f"  {layout.choice.one} {number:>3} {share:>4.0%} {bar:<{_BAR}} |{''.join(cells)}|")
    scale = f"|0 s{_clock(stream.duration):>{columns - 3}}|" if columns >= 12 else ""
    return [*rows, f"{'':{margin}}{scale}".rstrip()] if scale else rows


def _level(share: float) -> int:
    """0 for none, 4 for all, 1 to 3 between."""
    return 0 if not share else 4 if share == 1 else 1 + int(3 * share)


def _clock(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _shades() -> str:
    try:
        _SHADES.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return _PLAIN_SHADES
    return _SHADES
