"""Damage, told to people."""

from __future__ import annotations

from typing import Any

from swc.cli.guard import as_flags, say
from swc.cli.options import time_text
from swc.errors import FormatError, SwcError
from swc.files import PIPE, open_input


def damage_lines(facts: dict[str, Any]) -> list[str]:
    """Lines that describe the findings of `damage_facts`."""
    lines = []
    if facts["repaired_bit"] is not None:
        byte, bit = divmod(facts["repaired_bit"], 8)
        lines.append(f"corrected: bit {bit} of byte {byte}, in the header")
    for number, loss in enumerate(facts["lost"], 1):
        where = f"{loss['bytes']} bytes at byte {loss['offset']}"
        last = facts["cut_off"] and number == len(facts["lost"])
        if loss["chunks"]:
            what = f"lost: {time_text(loss['start'])} to {time_text(loss['end'])}"
            lines.append(f"{what} ({where}{', where the stream is cut off' if last else ''})")
        elif last:
            lines.append(f"cut off after {time_text(loss['start'])} ({where} are not a complete chunk)")
        else:
            lines.append(f"no audio lost: {where} outside of chunks")
    if facts["cut_off"] and not facts["lost"]:
        lines.append("the end chunk is missing; the recording may have been longer")
    if facts["end_mismatch"]:
        lines.append("the end chunk does not match; it is damaged, or a chunk is of another recording")
    return lines


def fault(source: str, error: SwcError | OSError) -> tuple[dict[str, Any], int]:
    """The fault of a file that could not be read as a stream, as plain data, and its exit code."""
    facts: dict[str, Any] = {"file": source, "damage": None}
    if isinstance(error, FormatError):
        damage = None if source == PIPE else _find_damage(source)
        return facts | {"error": as_flags(str(error)), "damage": damage}, error.exit_code
    if isinstance(error, SwcError):
        return facts | {"error": str(error).removeprefix(f"{source}: ")}, error.exit_code
    return facts | {"error": error.strerror or str(error)}, 1


def say_fault(facts: dict[str, Any]) -> None:
    """Describe a `fault` to people."""
    say(f"{facts['file']}: {facts['error']}")
    for line in damage_lines(facts["damage"]) if facts["damage"] else ():
        say(f"  {line}")


def _find_damage(source: str) -> dict[str, Any] | None:
    """The findings of `swc decode --salvage`, or None if it could do nothing."""
    from swc.bitstream import SalvageReader
    from swc.bitstream.damage import damage_facts

    with open_input(source) as fp:
        try:
            reader = SalvageReader(fp)
        except FormatError:
            return None
        for _ in reader:
            pass
    return damage_facts(reader)
