"""Reports on many files: a line each, complete on disk as soon as the file is done."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields

from swc.errors import InputError
from swc.files import Output


@dataclass(frozen=True)
class Line:
    """The result for one file.

    Attributes:
        input, output: paths.
        status: done, skipped or failed; planned, in a dry run.
        bytes_in, bytes_out: sizes.
        seconds: of audio.
        elapsed_seconds: taken.
        kbps: of the stream, measured.
        speed: seconds of audio a second.
        notes: oddities.
        error: the failure.
        node: of a cluster, that did the work.
    """

    input: str
    output: str
    status: str
    bytes_in: int | None = None
    bytes_out: int | None = None
    seconds: float | None = None
    elapsed_seconds: float | None = None
    kbps: float | None = None
    speed: float | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None
    node: str | None = None

    def to_json(self) -> str:
        """As an object; bytes of names that are not UTF-8 are escaped as surrogates, which os.fsencode accepts."""
        return json.dumps(asdict(self)) + "\n"

    def to_csv(self) -> str:
        """As a row; bytes of names that are not UTF-8 are surrogates."""
        text, row = io.StringIO(), vars(self) | {"notes": "; ".join(self.notes)}
        returns = any("\r" in value for value in row.values() if isinstance(value, str))  # quoted from Python 3.13 on
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL)
        writer.writerow(row.values())
        return text.getvalue()


_HEADING = ",".join(field.name for field in fields(Line)) + "\n"
_KINDS: dict[str, tuple[str, Callable[[Line], str]]] = {".jsonl": ("", Line.to_json), ".csv": (_HEADING, Line.to_csv)}
_STARTS = (b"input,output,status,", b'{"input": ')


def check_report(path: str | None) -> None:
    """Refuse, before any work, a name of an unknown kind, and an existing file that is not a report.

    Raises:
        InputError: with advice.
        OSError: the existing file cannot be read.
    """
    if path is None:
        return
    if _kind(path) not in _KINDS:
        raise InputError(f"{path}: a report is .jsonl or .csv; name it so")
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder; name a file in it")
    if os.path.exists(path):
        with open(path, "rb") as file:
            head = file.read(max(map(len, _STARTS)))
        if head and not head.startswith(_STARTS):
            raise InputError(f"{path} exists and is not a report; name another file")


@contextmanager
def report_to(path: str | None) -> Iterator[Callable[[Line], None]]:
    """Yield a function that adds a line to a new report; without a path, it does nothing.

    Raises:
        OSError: the report cannot be written; it ends with a complete line.
    """
    if path is None:
        yield lambda line: None
        return
    heading, as_text = _KINDS[_kind(path)]
    with open(path, "wb", buffering=0) as file:
        _append(file, path, heading)
        yield lambda line: _append(file, path, as_text(line))


def _append(file: io.FileIO, path: str, text: str) -> None:
    size = file.tell()
    try:
        Output(file, path).write(text.encode(errors="surrogateescape"))
    except OSError:
        with suppress(OSError):
            file.truncate(size)
        raise


def _kind(path: str) -> str:
    return os.path.splitext(path)[1].lower()
