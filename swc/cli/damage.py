"""Damage, told to people."""

from __future__ import annotations

from typing import Any

from swc.cli.options import time_text


def damage_lines(facts: dict[str, Any]) -> list[str]:
    """Lines that say what `damage_facts` found."""
    lines = []
    if facts["repaired_bit"] is not None:
        byte, bit = divmod(facts["repaired_bit"], 8)
        lines.append(f"put right: bit {bit} of byte {byte}, in the header")
    for number, loss in enumerate(facts["lost"], 1):
        where = f"{loss['bytes']} bytes at byte {loss['offset']}"
        last = facts["cut_off"] and number == len(facts["lost"])
        if loss["chunks"]:
            what = f"lost: {time_text(loss['start'])} to {time_text(loss['end'])}"
            lines.append(f"{what} ({where}{', where the stream is cut off' if last else ''})")
        elif last:
            lines.append(f"cut off after {time_text(loss['start'])} ({where} are no whole chunk)")
        else:
            lines.append(f"no audio lost: {where} belong to no chunk")
    if facts["cut_off"] and not facts["lost"]:
        lines.append("the end chunk is missing; the recording may have gone on")
    if facts["end_mismatch"]:
        lines.append("the end chunk does not match; it is damaged, or a chunk is of another recording")
    return lines
