"""Files and pipes: inputs, outputs that appear under their name only when complete, and unbuffered outputs."""

from __future__ import annotations

import errno
import io
import os
import re
import secrets
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Protocol

from swc.errors import InputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


PIPE = "-"
"""The name that stands for stdin or stdout."""

_STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR = re.compile(r"(?:/dev/fd|/proc/(?:thread-)?self/fd)/(\d+)")
_LINKS = 40  # as many as Linux follows
_temporaries: set[Path] = set()


class BinaryOutput(Protocol):
    """A file to write to."""

    def write(self, data: bytes, /) -> int | None: ...


def read_some(fp: IO[bytes], size: int) -> bytes:
    """Up to `size` bytes, as many as there are, without waiting for more; none only at the end."""
    read: Callable[[int], bytes] = getattr(fp, "read1", fp.read)
    return read(size)


def printable(text: str) -> str:
    """Text from a file, or its name, safe to print: control characters and invalid ones are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, an empty file; it is renamed to `path` on success, removed on any failure.

    Raises:
        InputError: the folder does not exist, or `path` is a folder or too long a name.
        OSError: the folder cannot be written to. Errors within the block that name the temporary path are raised with
            `path` in its place.
    """
    target = Path(os.path.realpath(path))
    if target.parent.exists() and not target.parent.is_dir():
        raise InputError(f"{path}: {target.parent} is not a folder; name another output")
    if not target.parent.is_dir():
        raise InputError(f"{path}: the folder {target.parent} does not exist; create it first")
    _check_target(path, target)
    temporary = target.with_name(f".swc-{secrets.token_hex(6)}.part")
    _temporaries.add(temporary)
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        yield temporary
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        _name_target(error, temporary, path)
        raise
    finally:
        _temporaries.discard(temporary)


@contextmanager
def editing(path: str | Path) -> Iterator[BinaryIO]:
    """`replacing` for an existing file: yields the new one, which keeps its owner and permissions.

    Raises:
        InputError: not a file, or a read-only one.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is not a file; name a file on disk")
    if not os.access(path, os.W_OK):
        raise InputError(f"{path} is read-only; make it writable first")
    with replacing(path) as temporary, open(temporary, "wb", buffering=0) as file:
        with suppress(OSError, AttributeError):  # of another user; absent on Windows
            os.chown(temporary, status.st_uid, status.st_gid)
        os.chmod(temporary, stat.S_IMODE(status.st_mode))
        yield file


def remove_temporaries() -> None:
    """Remove the temporary files of `replacing`, for a process that ends at once."""
    for temporary in tuple(_temporaries):
        temporary.unlink(missing_ok=True)


def descriptor(path: str | Path) -> int | None:
    """The open file of this process that `path` stands for (1 for /dev/stdout, 3 for /dev/fd/3), else None.

    Opening such a path again would write from the beginning of a file to which the caller appends.
    """
    name = os.path.abspath(path)
    for _ in range(_LINKS):
        if name in _STANDARD:
            return _STANDARD[name]
        if found := _DESCRIPTOR.fullmatch(name):
            return int(found[1])
        try:
            name = os.path.abspath(os.path.join(os.path.dirname(name), os.readlink(name)))
        except OSError:  # not a link
            return None
    return None


def is_special(path: str | Path) -> bool:
    """Whether `path` is a device, socket, named pipe or open file: written to directly, never replaced."""
    if descriptor(path) is not None:
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


class Output(io.RawIOBase):
    """A binary output without a buffer: data is written, and failures are noticed, at once.

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
            if count is None:  # returned by a file in non-blocking mode
                raise BlockingIOError(f"{self.name} accepts no more data now; give swc an output that blocks")
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
    """Stdout for `-`, a special file, or a file that appears under its name only when the block ends without an error.

    Raises:
        InputError: as `replacing`.
    """
    if str(path) == PIPE:
        stdout: BinaryIO = sys.stdout.buffer
        yield Output(getattr(stdout, "raw", stdout), "standard output")
    elif is_special(path):
        with _open_special(path) as fp:
            yield Output(fp, str(path))
    else:
        with replacing(path) as temporary, open(temporary, "wb", buffering=0) as fp:
            yield Output(fp, str(path))


def _open_special(path: str | Path) -> BinaryIO:
    number = descriptor(path)
    try:
        return open(path if number is None else os.dup(number), "wb", buffering=0)
    except OSError as error:
        error.filename = str(path)
        raise


def _check_target(path: str | Path, target: Path) -> None:
    """Refuse at once a name that could only fail in the end."""
    try:
        if stat.S_ISDIR(os.stat(target).st_mode):
            raise InputError(f"{path} is a folder; name a file in it")
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InputError(f"{path}: the name is too long for this file system; choose a shorter one") from None
        error.filename = str(path)
        raise


def _name_target(error: BaseException, temporary: Path, path: str | Path) -> None:
    """Let an error name the requested file in place of the temporary one."""
    if isinstance(error, OSError) and str(error.filename) == str(temporary):
        error.filename = str(path)
        if error.filename2 is not None:
            del error.filename2
    error.args = tuple(
        arg.replace(str(temporary), str(path)).replace(temporary.name, os.path.basename(path))
        if isinstance(arg, str)
        else arg
        for arg in error.args
    )
