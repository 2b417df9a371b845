"""Expert routing over time as rows of block characters."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swc.bitstream import Stream

_SHADES = " ░▒▓█"
_PLAIN_SHADES = " .:+#"  # for terminals that know no block characters
_BAR = 10
_MARGIN = 29  # columns left of the map


def routing_rows(stream: Stream, usage: Sequence[float]) -> list[str]:
    """A line an expert: its number, share, a bar, and how many of the windows of each moment chose it."""
    chosen_by = stream.header.layout.chosen
    windows = [[chosen_by(window) for window in channels] for chunk in stream.chunks for channels in chunk.windows]
    columns = min(len(windows), max(8, shutil.get_terminal_size().columns - _MARGIN - 2))
    shades = _shades()
    chosen = [[0] * columns for _ in usage]
    possible = [0] * columns
    for index, channels in enumerate(windows):
        column = index * columns // len(windows)
        possible[column] += len(channels)
        for expert in (expert for experts in channels for expert in experts):
            chosen[expert][column] += 1
    rows = []
    for expert, (share, counts) in enumerate(zip(usage, chosen, strict=True)):
        bar = shades[-1] * round(share * _BAR)
        cells = (shades[_level(n, of)] for n, of in zip(counts, possible, strict=True))
        rows.append(f"  expert {expert:>3} {share:>4.0%} {bar:<{_BAR}} |{''.join(cells)}|")
    scale = f"|0 s{_clock(stream.duration):>{columns - 3}}|" if columns >= 12 else ""
    return [*rows, f"{'':{_MARGIN}}{scale}".rstrip()] if scale else rows


def _level(count: int, of: int) -> int:
    """0 for none, 4 for all, 1 to 3 between."""
    return 0 if not count else 4 if count == of else 1 + min(2, 3 * count // of)


def _clock(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _shades() -> str:
    try:
        _SHADES.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return _PLAIN_SHADES
    return _SHADES
