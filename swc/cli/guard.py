"""Errors as one line on stderr and an exit code, never a traceback unless asked for."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

from swc.cli.options import printable
from swc.errors import SwcError

P = ParamSpec("P")

DEBUG_VARIABLE = "SWC_DEBUG"
_ARGUMENT = re.compile(r"`([a-z_]+)`")


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """The command, with whatever it raises turned into a message and typer.Exit."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except (typer.Exit, typer.BadParameter):
            raise
        except KeyboardInterrupt:
            _fail("interrupted", 130)
        except BrokenPipeError:
            _mute_stdout()
            raise typer.Exit(1) from None
        except Exception as error:
            if os.environ.get(DEBUG_VARIABLE, "0") not in ("", "0"):
                raise
            _fail(_describe(error), error.exit_code if isinstance(error, SwcError) else 1)

    return run


def as_flags(message: str) -> str:
    """A message of the library, which puts arguments in backticks, in the words of the command line."""
    return _ARGUMENT.sub(lambda found: "--" + found[1].replace("_", "-"), message)


def say(text: str = "") -> None:
    """Print a message for people, on stderr; it may name files, so control characters are escaped."""
    print(printable(text), file=sys.stderr)


def _fail(message: str, code: int) -> None:
    say(f"swc: error: {' '.join(message.split())}")
    try:
        sys.stdout.flush()
    except OSError:
        _mute_stdout()
    raise typer.Exit(code) from None


def _describe(error: Exception) -> str:
    if isinstance(error, SwcError):
        return as_flags(str(error))
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"unexpected {type(error).__name__}: {error}; swc --debug COMMAND ... shows where, please report it"


def _mute_stdout() -> None:
    """Point stdout at nothing, lest the interpreter's last flush complain about a closed pipe or a full disk."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
