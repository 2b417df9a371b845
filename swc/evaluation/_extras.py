"""Optional packages of the extras `eval`, `mos` and `av`: loaded on first use, their warnings kept to themselves."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from swc.errors import InputError

_UNUSED = {"distillmos": "torchaudio"}
"""Modules that a package imports without need: each is replaced by an empty one.

DistillMOS reads files with torchaudio when run as a command. Published builds of torchaudio need CUDA's libraries.
"""


def has_extra(module: str) -> bool:
    """Whether a top-level module can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None


def load_extra(module: str, purpose: str, extra: str = "eval") -> ModuleType:
    """Import an optional module, which `extra` installs.

    Raises:
        InputError: it is not installed; the message says how to install it.
    """
    package = module.partition(".")[0]
    with contained(), _standing_in(_UNUSED.get(package)):
        try:
            return importlib.import_module(module)
        except ImportError as error:
            reason = "" if error.name in (package, module) else f" ({error})"
            advice = f"install it with: {install_command(extra)}"
            raise InputError(f"{purpose} needs the package {package!r}{reason}; {advice}") from error


def install_command(extra: str) -> str:
    """The command that installs an extra."""
    return f"pip install 'swc-codec[{extra}]'"


@contextmanager
def contained(logger: str | None = None) -> Iterator[None]:
    """Silence third-party warnings, and one logger below ERROR, while the block runs."""
    log = logging.getLogger(logger) if logger else None
    level = log.level if log else logging.NOTSET
    if log:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if log:
            log.setLevel(level)


@contextmanager
def _standing_in(module: str | None) -> Iterator[None]:
    """Provide an empty module under a name, if none is loaded, while the block runs."""
    if module is None or module in sys.modules:
        yield
        return
    sys.modules[module] = ModuleType(module)
    try:
        yield
    finally:
        del sys.modules[module]
