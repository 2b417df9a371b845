"""TOML -> frozen dataclasses that reject unknown keys and wrong types; a table's `kind` chooses among several."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from swc.errors import InputError

T = TypeVar("T")
Unions = Mapping[type, Mapping[str, type]]
"""Roles, and the dataclass of each kind that fills them."""


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file.

    Raises:
        InputError: the file is missing or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"no config file {path}") from None
    except OSError as e:
        raise InputError(f"cannot read the config file {path}: {e.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise InputError(f"{path} is not a TOML file: {e}") from None


def build(target: type[T], table: dict[str, Any], where: str, unions: Unions) -> T:
    """A frozen dataclass of a table.

    Args:
        target: the dataclass, or a role of `unions`.
        table: its keys and values.
        where: name of the table in messages.
        unions: kinds of the roles that may occur.

    Raises:
        InputError: an unknown key or kind, a wrong type, or a value that the dataclass refuses.
    """
    if target in unions:
        target, table = _of_kind(unions[target], table, where)
    hints = _hints(target)  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(hints))
    if unknown:
        raise InputError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(hints))}")
    values = {key: _convert(hints[key], value, f"{where}: {key}", unions) for key, value in table.items()}
    try:
        return target(**values)
    except (TypeError, InputError) as e:
        raise InputError(f"{where}: {e}") from None


@cache
def _hints(target: type) -> dict[str, Any]:
    """The types of a dataclass's fields."""
    hints = get_type_hints(target)
    return {field.name: hints[field.name] for field in dataclasses.fields(target)}


def _of_kind(kinds: Mapping[str, type], table: dict[str, Any], where: str) -> tuple[type, dict[str, Any]]:
    """The dataclass that a table's `kind` names, and the rest of the table."""
    kind = table.get("kind")
    if kind is None:
        raise InputError(f"{where}: kind is missing; known are {', '.join(sorted(kinds))}")
    if not isinstance(kind, str) or kind not in kinds:
        raise InputError(f"{where}: kind must be one of {', '.join(sorted(kinds))}, not {kind!r}")
    chosen = kinds[kind]
    takes_kind = any(field.name == "kind" for field in dataclasses.fields(chosen))  # one dataclass of several kinds
    return chosen, {key: value for key, value in table.items() if key != "kind" or takes_kind}


def _convert(hint: Any, value: Any, where: str, unions: Unions) -> Any:
    if isinstance(hint, type) and (hint in unions or dataclasses.is_dataclass(hint)):
        if not isinstance(value, dict):
            raise InputError(f"{where} must be a table")
        return build(hint, value, where, unions)
    if hint in (int, float, str, bool):
        if hint is float and type(value) is int:
            return float(value)
        if type(value) is not hint:
            raise InputError(f"{where} must be {hint.__name__}, not {value!r}")
        return value
    inner = hint.__args__  # the only generics are tuples
    if not isinstance(value, list):
        raise InputError(f"{where} must be a list")
    if inner[-1] is Ellipsis:
        return tuple(_convert(inner[0], v, where, unions) for v in value)
    if len(value) != len(inner):
        raise InputError(f"{where} must have {len(inner)} values")
    return tuple(_convert(h, v, where, unions) for h, v in zip(inner, value, strict=True))
