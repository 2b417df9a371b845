"""The files among the named files and folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from swc.cli.files import STREAM, is_stream
from swc.errors import InputError

Wanted = Callable[[str], bool]
"""Whether a file in a folder is an input, by its path; named files always are."""


@dataclass(frozen=True)
class Input:
    """One file.

    Attributes:
        path: where it is.
        name: its path relative to the named folder, or the last part of its own.
        folder: the named one, or None.
    """

    path: str
    name: str
    folder: str | None


@dataclass
class Inputs:
    """The result of a search.

    Attributes:
        files: in the order of the given names, and by name within a folder.
        unreadable: folders that could not be listed, with the reason.
        links: to folders, which are not followed.
    """

    files: list[Input] = field(default_factory=list)
    unreadable: list[OSError] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Patterns:
    """Shell patterns for a file's path in its folder or for its name alone; * matches / too."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def take(self, name: str) -> bool:
        """Whether the file is included (all are without a pattern for that) and not excluded."""
        return (not self.include or _matches(name, self.include)) and not _matches(name, self.exclude)


def find_inputs(names: Iterable[str], wanted: Wanted, patterns: Patterns | None = None) -> Inputs:
    """The named files, and those in the named folders, searched recursively.

    Hidden files in folders are left out, and so is anything that is neither a file nor a broken link.

    Raises:
        InputError: an empty name.
    """
    patterns, found = patterns or Patterns(), Inputs()
    for name in names:
        if not name:
            raise InputError("the name of a file is empty; check the command")
        if os.path.isdir(name):
            _search(name, wanted, patterns, found)
        elif patterns.take(os.path.basename(name)):
            found.files.append(Input(name, os.path.basename(name), None))
    return found


def find_streams(names: Iterable[str]) -> list[str]:
    """The named files, and the streams in the named folders; - stays.

    Raises:
        InputError: a folder without streams.
        OSError: a folder that cannot be listed.
    """
    files: list[str] = []
    for name in names:
        found = find_inputs([name], is_stream_file)
        if found.unreadable:
            raise found.unreadable[0]
        if not found.files:
            raise InputError(f"no {STREAM} streams in {name}; check the path")
        files += [item.path for item in found.files]
    return files


def is_stream_file(path: str) -> bool:
    """Whether a file is a stream by its suffix or its first bytes."""
    if os.path.splitext(path)[1].lower() == STREAM:
        return True
    with suppress(OSError):
        return is_stream(path)
    return False


def is_audio_file(path: str) -> bool:
    """Whether a file is named as audio, including kinds that only PyAV reads."""
    from swc.audio.formats import AV_SUFFIXES, SUFFIXES

    return os.path.splitext(path)[1].lower() in (*SUFFIXES, *AV_SUFFIXES)


def is_raw_file(path: str) -> bool:
    """Whether a file is named as PCM without a header."""
    return os.path.splitext(path)[1].lower() in (".raw", ".pcm")


def _search(top: str, wanted: Wanted, patterns: Patterns, found: Inputs) -> None:
    for place, folders, files in os.walk(top, onerror=found.unreadable.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found.links += [path for name in folders if os.path.islink(path := os.path.join(place, name))]
        for file in sorted(files):
            path = os.path.join(place, file)
            name = os.path.relpath(path, top)
            if not file.startswith(".") and patterns.take(name) and _is_file(path) and wanted(path):
                found.files.append(Input(path, name, top))


def _is_file(path: str) -> bool:
    """Whether this is a file, or a broken link, which is to be named among the failures."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns for text in (name, os.path.basename(name)))
