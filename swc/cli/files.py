"""What commands do alike with their input and output names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from swc.errors import InputError
from swc.files import PIPE


def output_name(source: str, target: str | None, suffix: str) -> str:
    """The output that was named, else the input's name with another suffix; a pipe answers a pipe."""
    if target is not None:
        return target
    return PIPE if source == PIPE else str(Path(source).with_suffix(suffix))


def check_names(source: str, target: str, force: bool) -> None:
    """Refuse a terminal for binary data, an output that exists, and an output that is the input.

    Raises:
        InputError: with what to do instead.
    """
    if source == PIPE and sys.stdin.isatty():
        raise InputError("standard input is a terminal; name an input file, or pipe one in")
    if target == PIPE:
        if sys.stdout.isatty():
            raise InputError("not writing binary data to a terminal; name an output file, or redirect stdout")
        return
    path = Path(target)
    if source != PIPE and path.exists() and Path(source).exists() and os.path.samefile(source, path):
        raise InputError(f"{target} is both input and output; name another output")
    if path.is_file() and not force:
        raise InputError(f"{target} exists already; add --force to overwrite it")
