"""Optional packages of `swc[eval]` and `swc[av]`: loaded on first use, their warnings kept to themselves."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from swc.errors import InputError


def has_extra(module: str) -> bool:
    """Whether a top-level module can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None


def load_extra(module: str, purpose: str, extra: str = "eval") -> ModuleType:
    """Import an optional module, which `extra` installs.

    Raises:
        InputError: it is not installed; the message says how to install it.
    """
    with contained():
        try:
            return importlib.import_module(module)
        except ImportError as error:
            advice = f"install it with: pip install 'swc[{extra}]'"
            raise InputError(f"{purpose} needs the package {module!r}; {advice}") from error


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
