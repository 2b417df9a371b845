"""Positions and durations on the command line: seconds, or [hours:]minutes:seconds."""

from __future__ import annotations

import math
from typing import Annotated

import typer


def parse_time(text: str) -> float:
    """Seconds of "90", "1:30" or "0:01:30.0".

    Raises:
        typer.BadParameter: anything else, negative or not finite.
    """
    parts = str(text).split(":")  # a default is already a number
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= 3 or not all(math.isfinite(n) and n >= 0 for n in numbers):
        raise typer.BadParameter(
            f"{text!r} is not a valid time; give seconds or [hours:]minutes:seconds, such as 1:30.5"
        )
    return sum(number * 60.0**power for power, number in enumerate(reversed(numbers)))


def parse_duration(text: str) -> float:
    """As `parse_time`, above 0.

    Raises:
        typer.BadParameter: as `parse_time`; zero.
    """
    seconds = parse_time(text)
    if seconds <= 0:
        raise typer.BadParameter(f"{text!r} leaves nothing; give a duration above 0, or none to continue to the end")
    return seconds


Start = Annotated[float, typer.Option("--start", metavar="T", parser=parse_time, help="Start: seconds, or 1:02:03.5.")]
Duration = Annotated[
    float | None,
    typer.Option(
        "--duration",
        metavar="D",
        parser=parse_duration,
        help="Duration: seconds, or 1:02:03.5.  [default: to the end]",
    ),
]
