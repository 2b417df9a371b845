"""Errors as one line on stderr and an exit code, never a traceback unless asked for."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, ParamSpec

import typer

from swc.cli.options import shown
from swc.errors import SwcError

P = ParamSpec("P")

DEBUG_VARIABLE = "SWC_DEBUG"
_ARGUMENT = re.compile(r"(?<![^\s(])`([a-z_]+)`(?=[,;:.)]*(?:\s|$))")  # and not a part of a file's name
_NO_MEMORY = re.compile(r"not enough memory|out of memory|can't allocate|array is too big|allowed dimension exceeded")


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """The command, with its exceptions turned into a message and typer.Exit."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (typer.Exit, typer.BadParameter):
            raise
        except KeyboardInterrupt:
            fail("interrupted", 130)
        except BrokenPipeError:
            flush_stdout()
            raise typer.Exit(1) from None
        except Exception as error:
            if debugging():
                raise
            fail(describe(error), error.exit_code if isinstance(error, SwcError) else 1)

    return run


def debugging() -> bool:
    """Whether tracebacks are wanted."""
    return os.environ.get(DEBUG_VARIABLE, "0") not in ("", "0")


def as_flags(message: str) -> str:
    """A message of the library, which puts arguments in backticks, with options of the command line instead."""
    return _ARGUMENT.sub(lambda found: "--" + found[1].replace("_", "-"), message)


def say(text: str = "") -> None:
    """Print a message for people, on stderr; it may name files, so control characters are escaped."""
    if sys.stderr is not None:
        with suppress(OSError):  # there is no other place to report it
            print(shown(text, sys.stderr), file=sys.stderr)


def tell(text: str) -> None:
    """Print a line of requested output, on stdout; it may name files, so control characters are escaped.

    Raises:
        OSError: naming stdout.
    """
    try:
        print(shown(text, sys.stdout))
    except OSError as error:
        error.filename = "standard output"
        raise


def fail(message: str, code: int) -> NoReturn:
    """Report an error, and leave with that exit code."""
    say(f"swc: error: {message}")
    flush_stdout()
    raise typer.Exit(code)


def flush_stdout() -> OSError | None:
    """Flush stdout, and return the error if that fails; the rest is dropped then."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # point stdout at the null device, so that the interpreter's last flush does not fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error
    return None


def describe(error: Exception) -> str:
    """The message for an error; it asks for a report only if nothing else explains the error."""
    if isinstance(error, SwcError):
        return as_flags(str(error))
    if isinstance(error, OSError) and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror}" if error.filename else error.strerror
    text = " ".join(str(error).split())
    if isinstance(error, ImportError) and error.name == "torch":
        return "torch is not installed, and all but decoding needs it; install it with: pip install torch"
    if isinstance(error, MemoryError) or _NO_MEMORY.search(text):
        return "not enough memory; close other programs, or cut the recording into shorter ones"
    if isinstance(error, UnicodeError):
        return f"a name or text does not fit its encoding ({text}); rename the file, or correct the text"
    if type(error).__module__ == "soundfile":
        return f"the audio cannot be read or written: {text}; convert it to WAV first: ffmpeg -i IN out.wav"
    if isinstance(error, OSError):
        return text or "the system refused an operation on a file"
    return f"unexpected {type(error).__name__}: {text}; swc --debug COMMAND ... shows where, please report it"
