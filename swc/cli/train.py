"""swc train: a model from a folder of recordings."""

from __future__ import annotations

import math
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swc.cli.guard import as_flags, say
from swc.cli.options import Device, Quiet, counted, time_text
from swc.errors import InputError

if TYPE_CHECKING:
    from swc.training import Progress

_COUNT = re.compile(r"\d+ of \d+$")


def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The model's config.toml.")],
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="Recordings to learn from, or tar files of them.")
    ],
    val: Annotated[
        Path | None,
        typer.Option("--val", metavar="DIR", help="Recordings to validate on, which are never trained on."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder for checkpoints, log and weights.  [default: runs/NAME]"),
    ] = None,
    max_minutes: Annotated[
        float | None, typer.Option("--max-minutes", min=0, metavar="M", help="Stop after M minutes.")
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option("--max-steps", min=0, metavar="N", help="Stop after N steps.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="CKPT", help="Continue from a checkpoint of the same run.")
    ] = None,
    init: Annotated[
        Path | None,
        typer.Option("--init", metavar="WEIGHTS", help="Start a new run from a bundle's weights."),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option("--cache", metavar="FILE", help="Keep the decoded recordings here.")
    ] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="Compile the networks; meant for a GPU.")] = False,
    device: Device = "cpu",
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Seed of crops, augmentation and initialisation.")
    ] = 0,
    quiet: Quiet = False,
) -> None:
    """Train a model, or continue training one.

    Recordings that cannot be read are named and left out; the exit code is 1 then, though the weights are written.
    """
    from swc.config import Config
    from swc.training import train as run

    settings, left_out = Config.from_toml(config), 0
    told = printer(quiet)

    def report(progress: Progress) -> None:
        nonlocal left_out
        left_out += progress.warning
        told(progress)

    weights = run(
        settings,
        data,
        out or Path("runs") / settings.model.name,
        val=val,
        max_minutes=max_minutes,
        max_steps=max_steps,
        resume=resume,
        init=init,
        device=device,
        seed=seed,
        cache=cache,
        compiled=compiled,
        report=report,
    )
    if weights is not None:
        sys.stdout.buffer.write(os.fsencode(weights) + b"\n")  # for scripts: the very bytes of the name
    if left_out:
        raise InputError(f"{counted(left_out, 'recording')} could not be read; they are named above")


def printer(quiet: bool) -> Callable[[Progress], None]:
    """Print lines of progress, pure counts ("5 of 900") at most every two seconds; if quiet, only warnings."""
    counted_at = -math.inf

    def report(progress: Progress) -> None:
        nonlocal counted_at
        if quiet and not progress.warning:
            return
        now = time.monotonic()
        if _COUNT.search(progress.text):
            if now - counted_at < 2 and progress.fraction < 1:
                return
            counted_at = now
        left = "" if math.isnan(progress.remaining) else f", {time_text(progress.remaining)} left"
        say(as_flags(progress.text) + left)

    return report
