"""Output files that appear under their name only when they are whole."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from swc.errors import InputError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, renamed to it on success and removed on any failure.

    Raises:
        InputError: the folder does not exist, or `path` is a folder.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise InputError(f"{path}: the folder {target.parent} does not exist; create it first")
    if target.is_dir():
        raise InputError(f"{path} is a folder; name a file in it")
    temporary = target.with_name(f".swc-{secrets.token_hex(6)}.part")
    try:
        yield temporary
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def is_special(path: str | Path) -> bool:
    """Whether `path` is a device, socket or named pipe: written to directly, never replaced."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
