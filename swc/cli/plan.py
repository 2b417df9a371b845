"""The outputs of all inputs, and every problem with them, before any work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from swc.cli.files import default_name, is_media, never_overwritten, same_file
from swc.cli.guard import say
from swc.cli.inputs import Input, Inputs
from swc.cli.options import counted
from swc.errors import InputError
from swc.files import PIPE, is_special

_MOST_NAMED = 20


@dataclass(frozen=True)
class Task:
    """A file to make.

    Attributes:
        source, target: paths.
        bytes: of the source; 0 if unknown.
        finished: the target exists already, and is to be kept.
    """

    source: str
    target: str
    bytes: int
    finished: bool


@dataclass(frozen=True)
class Overwriting:
    """Which existing files may be overwritten.

    Attributes:
        force: all files of the kind that the command makes.
        finished: whether a target is already the result of its source; such targets are kept, and others made again by
            encode. An audio file may be the original of the stream, so decode needs `force` for these, too. None keeps
            none.
    """

    force: bool
    finished: Callable[[str, str], bool] | None


def check_folder(command: str, folder: str) -> None:
    """Refuse a name that cannot be, or is not meant as, the folder of the outputs.

    Raises:
        InputError: with the command to use instead.
    """
    if not folder:
        raise InputError("the name of the folder for the outputs is empty; check the command")
    single = f"to name a single output: swc {command} IN OUT"
    if folder == PIPE:
        raise InputError(f"-o takes a folder, and - is standard output; {single}")
    if os.path.isdir(folder):
        return
    if os.path.lexists(folder):
        raise InputError(f"{folder} exists and is not a folder, as -o takes; {single}")
    if is_media(folder):
        raise InputError(f"-o takes a folder, and {folder} is named as a file; {single}")


def plan(command: str, inputs: Inputs, folder: str, suffix: str, overwriting: Overwriting) -> list[Task]:
    """The files to make in a folder, one for each input.

    Raises:
        InputError: two inputs with one output, an output within the folder of its input, or one that must not be
            overwritten. They are named on stderr first.
    """
    targets: dict[str, Input] = {}
    problems: dict[str, None] = {}  # in order, each once
    real: Callable[[str], str] = lru_cache(None)(os.path.realpath)
    for item in inputs.files:
        if item.path == PIPE or is_special(item.path):
            raise InputError(f"the output cannot be named after {item.path}; name it with swc {command} IN OUT")
        target = os.path.join(folder, default_name(item.name, suffix))
        other = targets.setdefault(target, item)
        if real(other.path) != real(item.path):
            advice = f"leave one out with --exclude, or {command} them to different folders"
            problems[f"{other.path} and {item.path} would both become {target}; {advice}"] = None
        elif problem := _inside_its_source(item, folder, target, real):
            problems[problem] = None
    read = {real(item.path) for item in inputs.files}
    tasks = []
    for target, item in targets.items():
        try:
            problem, finished = _existing(command, item.path, target, overwriting, read)
        except OSError:  # the work will report it
            problem, finished = None, False
        if problem:
            problems[problem] = None
        tasks.append(Task(item.path, target, size_of(item.path), finished))
    _refuse(problems, command)
    return tasks


def size_of(path: str) -> int:
    """Size of a file in bytes; 0 if unknown."""
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _existing(
    command: str, source: str, target: str, overwriting: Overwriting, read: set[str]
) -> tuple[str | None, bool]:
    """The problem with an existing target, or else whether it is to be kept."""
    if same_file(source, target):
        return f"{target} is both input and output; name another folder", False
    if is_special(target):
        return f"{target} is a device or pipe; name another folder", False
    if not os.path.isfile(target):
        return None, False
    if reason := never_overwritten(command, target):
        return f"{reason}; name another folder", False
    if os.path.realpath(target) in read:
        return f"{target} is an input, and also the output of {source}; name another folder", False
    if overwriting.finished is not None:
        if overwriting.finished(target, source):
            return None, True
        if command == "decode" and not overwriting.force:
            what = f"{target} differs from {source} as decoded, or is older than it, and may be its original"
            return f"{what}; name another folder, or add --force to overwrite it", False
    elif not overwriting.force:
        advice = "add --skip-existing to keep it if it is complete, or --force to overwrite it"
        return f"{target} exists already; name another folder, {advice}", False
    return None, False


def _inside_its_source(item: Input, folder: str, target: str, real: Callable[[str], str]) -> str | None:
    """The problem if the folder of the outputs, or one in it through a link, lies in the input's."""
    if item.folder is None:
        return None
    for place in (folder, os.path.dirname(target)):
        source = real(item.folder)
        if os.path.commonpath([source, real(place)]) == source:
            return f"{place} lies in {item.folder}, whose files are the inputs; name a folder outside of it"
    return None


def _refuse(problems: Iterable[str], command: str) -> None:
    """Name the problems, and raise InputError if there are any."""
    problems = list(problems)
    if not problems:
        return
    if len(problems) == 1:
        raise InputError(problems[0])
    for problem in problems[:_MOST_NAMED]:
        say(problem)
    more = len(problems) - _MOST_NAMED
    rest = f", the first {_MOST_NAMED} of which are named above" if more > 0 else ", named above"
    raise InputError(f"nothing was {command}d for {counted(len(problems), 'reason')}{rest}")
