"""Inputs and outputs by name: what commands check, say and open, above all so that no existing file is lost."""

from __future__ import annotations

import os
import shlex
import stat
import string
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import BinaryIO

import typer

from swc.errors import FormatError, InputError, naming
from swc.files import PIPE, descriptor, is_special, open_input

STREAM = ".swc"
_MANY = {"encode": "swc encode *.wav -o DIR", "decode": "swc decode *.swc -o DIR"}
TOKENS = (".npz", ".jsonl")


def input_and_output(context: typer.Context, command: str, names: list[str]) -> tuple[str, str | None]:
    """The input, and the output if it was named.

    Raises:
        typer.BadParameter: there are more names, with the command that takes them all as inputs.
    """
    if len(names) > 2:
        raise typer.BadParameter(
            f"{len(names)} names, expected an input and its output; for many inputs, name a folder for the outputs: "
            f"{_MANY[command]}",
            context,
        )
    source, target = (*names, None)[:2]
    return str(source), target


def choose_output(command: str, source: str, target: str | None, suffix: str, force: bool) -> str:
    """The output's name, after all checks of `check_names`.

    If the user gave no name, `decode` never takes an existing one, which may well be the original.

    Args:
        command: encode, decode or cut.
        suffix: of the default name; empty keeps the input's.

    Raises:
        InputError: as `output_name` and `check_names`.
    """
    if not source or target == "":
        raise InputError("the name of a file is empty; check the command")
    if os.path.isdir(source):
        what = f"name a folder for the outputs: swc {command} {quoted(source)} -o DIR"
        raise InputError(f"{source}: Is a directory; {what if command in _MANY else 'name a file in it'}")
    name = output_name(source, target, suffix)
    given = target is not None and not os.path.isdir(target)
    if command == "decode" and name != PIPE and not given and os.path.lexists(name):
        example = " ".join(quoted(text) for text in (source, _free_name(name)))
        raise InputError(
            f"{name} exists already and may be the original of {source}; "
            f"name another output, such as: swc decode {example}"
        )
    check_names(command, source, name, force)
    return name


def output_name(source: str, target: str | None, suffix: str) -> str:
    """The named output, or in a named folder or by default the input's name with another suffix.

    The default for a pipe is a pipe, and /dev/stdout is one.

    Raises:
        InputError: the output should be named after an input that has no name of its own.
    """
    if target is not None and not os.path.isdir(target):
        if target.endswith("/"):
            raise InputError(f"the folder {target} does not exist; create it first")
        return PIPE if descriptor(target) == 1 else target
    if target is None and source == PIPE:
        return PIPE
    if source == PIPE or is_special(source):
        raise InputError(f"the output cannot be named after {input_name(source)}; name an output file")
    name = default_name(source, suffix)
    return name if target is None else os.path.join(target, os.path.basename(name))


def default_name(source: str, suffix: str) -> str:
    """The input's name with another suffix; only a suffix of such an input is replaced, and none if it is empty."""
    stem, ending = os.path.splitext(source)
    if not suffix:
        return source
    return (stem if ending.lower() in _replaced_by(suffix) else source) + suffix


def check_names(command: str, source: str, target: str, force: bool) -> None:
    """Refuse a terminal for binary data, an output that is the input, and an output that exists.

    Even --force overwrites only files of the kind that the command makes: `decode` spares streams, the other commands
    spare everything else. Otherwise recordings would be lost, and always by mistake.

    Raises:
        InputError: with advice.
    """
    if source == PIPE and sys.stdin.isatty():
        raise InputError("standard input is a terminal; name an input file, or pipe one in")
    if target == PIPE and sys.stdout.isatty():
        raise InputError("not writing binary data to a terminal; name an output file, or redirect stdout")
    if same_file(source, target):
        name = "standard output" if target == PIPE else target
        raise InputError(f"{name} is both input and output; name another output")
    if target == PIPE:
        return
    if os.path.isfile(target) and descriptor(target) is None:
        _check_existing(command, target, force)
    elif not force and not os.path.exists(target):
        _check_suffix(command, target)


def input_name(source: str) -> str:
    """What messages call an input."""
    return "standard input" if source == PIPE else source


@contextmanager
def open_stream(source: str) -> Iterator[BinaryIO]:
    """As `open_input`, for one stream: an error about its bytes begins with the input's name.

    Raises:
        FormatError: within the block, with that name.
    """
    with naming(input_name(source), FormatError), open_input(source) as file:
        yield file


def check_page(target: str, force: bool) -> None:
    """Refuse a terminal, and an existing output unless it is HTML that may be overwritten.

    Raises:
        InputError: with advice.
    """
    if target == PIPE:
        if sys.stdout.isatty():
            raise InputError("not writing a page to a terminal; name an output file, or redirect stdout")
        return
    if not target or target.endswith("/") or os.path.isdir(target):
        raise InputError(f"{target or 'the name of the page'} is not the name of a file; name one, such as page.html")
    if not os.path.isfile(target) or descriptor(target) is not None:
        if is_media(target):
            raise InputError(f"{target} is named as a recording; name the page, such as page.html")
        return
    with open(target, "rb") as file:
        head = file.read(64).lstrip().lower()
    if head and not head.startswith((b"<!doctype html", b"<html")):
        raise InputError(f"{target} exists and is not a page; name another output")
    if not force:
        raise InputError(f"{target} exists already; name another output, or add --force to overwrite it")


def is_stream(path: str) -> bool:
    """Whether a file begins like a .swc stream; one of the eight bytes may be wrong.

    Raises:
        OSError: it cannot be read.
    """
    from swc.bitstream import MAGIC

    with open(path, "rb") as file:
        head = file.read(len(MAGIC))
    return sum(one == other for one, other in zip(head, MAGIC, strict=False)) >= len(MAGIC) - 1


def is_media(name: str) -> bool:
    """Whether a name is that of audio or of a stream."""
    return os.path.splitext(name)[1].lower() in (STREAM, *_audio_suffixes())


def check_report(path: Path | None) -> None:
    """Refuse, before the work, a file of scores or a plot that could not be written or would replace a recording.

    Raises:
        InputError: with advice.
    """
    if path is None or str(path) == PIPE or is_special(path):
        return
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; create it first")
    if path.exists() and is_media(str(path)):
        raise InputError(f"{path} exists and is named as a recording; name another file for the scores")


def check_plot(path: Path | None) -> None:
    """As `check_report`, for a plot, which is a PNG file.

    Raises:
        InputError: with advice.
    """
    if path is not None and path.suffix.lower() != ".png":
        raise InputError(f"{path}: plots are PNG files; name one that ends in .png")
    check_report(path)


def _replaced_by(suffix: str) -> tuple[str, ...]:
    """The suffixes that the suffix of a default name replaces."""
    return (*_audio_suffixes(), *TOKENS) if suffix == STREAM else (STREAM,)


def _audio_suffixes() -> tuple[str, ...]:
    from swc.audio.formats import AV_SUFFIXES, CONTAINERS, SUFFIXES

    return (*SUFFIXES, *AV_SUFFIXES, *(f".{name}" for name in CONTAINERS), ".raw", ".pcm")


def never_overwritten(command: str, target: str) -> str | None:
    """Why a command leaves an existing file alone even with --force; None if it does not.

    Raises:
        OSError: it cannot be read.
    """
    if command == "decode":
        return f"{target} is a .swc stream, and decode never overwrites one" if is_stream(target) else None
    if os.path.getsize(target) and not _is_alike(command, target):
        return f"{target} exists and is not a {_made(command, target)}, and {command} never overwrites such a file"
    return None


def _check_existing(command: str, target: str, force: bool) -> None:
    if reason := never_overwritten(command, target):
        raise InputError(f"{reason}; {_advice(command)}")
    if not force:
        raise InputError(f"{target} exists already; name another output, or add --force to overwrite it")


def _is_alike(command: str, target: str) -> bool:
    """Whether a file is of the kind that a command writes under such a name."""
    if _made(command, target) == ".swc stream":
        return is_stream(target)
    from swc.bitstream.token_files import is_tokens

    with open(target, "rb") as file:
        return is_tokens(file)


def _made(command: str, target: str) -> str:
    """The kind of file that a command writes under such a name."""
    return "file of tokens" if command == "tokens" and target.lower().endswith(TOKENS) else ".swc stream"


def _check_suffix(command: str, target: str) -> None:
    """Refuse a name that belongs to another kind of file: it is probably an input."""
    ending = os.path.splitext(os.path.realpath(target))[1].lower()
    wrong = ending == STREAM if command == "decode" else ending in _audio_suffixes()
    if wrong:
        made = "audio" if command == "decode" else ".swc"
        raise InputError(
            f"{command} writes {made}, not {ending}: {_advice(command)}, or add --force to call it {target}"
        )


def _advice(command: str) -> str:
    return "name another output" + (f" (for many inputs: {_MANY[command]})" if command in _MANY else "")


def same_file(source: str, target: str) -> bool:
    """Whether input and output are the same file on disk, whatever their names."""
    try:
        one = os.stat(0 if source == PIPE else source)
        other = os.stat(1 if target == PIPE else target)
    except OSError:
        return False
    return stat.S_ISREG(one.st_mode) and os.path.samestat(one, other)


def _free_name(name: str) -> str:
    """A similar name that no file has."""
    stem, suffix = os.path.splitext(name)
    if len(os.fsencode(os.path.basename(name))) > 240:  # within the 255 bytes that file systems allow
        stem = os.path.join(os.path.dirname(name), "audio")
    names = (f"{stem}.decoded{'' if number == 1 else f'-{number}'}{suffix}" for number in count(1))
    return next(name for name in names if not os.path.lexists(name))


def quoted(name: str) -> str:
    """The name quoted for a shell, and so that swc does not take it as an option."""
    name = f"./{name}" if name.startswith("-") else name
    if name.isprintable():
        return shlex.quote(name)
    plain = set(string.ascii_letters + string.digits + "/._- ")
    return "$'" + "".join(chr(b) if chr(b) in plain else f"\\x{b:02x}" for b in os.fsencode(name)) + "'"
