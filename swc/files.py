"""Files and pipes: inputs, outputs that appear under their name only when they are whole, and outputs as they come."""

from __future__ import annotations

import io
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from swc.errors import InputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


PIPE = "-"
"""The name that stands for stdin or stdout."""


class BinaryOutput(Protocol):
    """A file to write to."""

    def write(self, data: bytes, /) -> int | None: ...


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


class Output(io.RawIOBase):
    """A binary output without a buffer: what was written is out, and what failed is noticed at once.

    Attributes:
        name: for messages.
        size: bytes written so far.
    """

    def __init__(self, fp: BinaryIO, name: str) -> None:
        self.name, self.size = name, 0
        self._fp = fp

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of `data`, and return its length in bytes.

        Raises:
            OSError: naming the output.
        """
        rest = memoryview(data).cast("B")
        while rest:
            try:
                count = self._fp.write(rest)
            except OSError as error:
                error.filename = self.name
                raise
            if count is None:  # what a file in non-blocking mode returns
                raise BlockingIOError(f"{self.name} takes no more now; give swc an output that blocks")
            self.size += count
            rest = rest[count:]
        return memoryview(data).nbytes


@contextmanager
def open_input(path: str | Path) -> Iterator[BinaryIO]:
    """Stdin for `-`, or the named file.

    Raises:
        InputError: no such file.
    """
    if str(path) == PIPE:
        yield sys.stdin.buffer
        return
    try:
        file = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    with file:
        yield file


@contextmanager
def open_output(path: str | Path) -> Iterator[Output]:
    """Stdout for `-`, a device or named pipe, or a file that appears under its name only when the block ends well.

    Raises:
        InputError: as `replacing`.
    """
    if str(path) == PIPE:
        stdout: BinaryIO = sys.stdout.buffer
        yield Output(getattr(stdout, "raw", stdout), "standard output")
    elif is_special(path):
        with open(path, "wb", buffering=0) as fp:
            yield Output(fp, str(path))
    else:
        with replacing(path) as temporary, open(temporary, "wb", buffering=0) as fp:
            yield Output(fp, str(path))
