"""How damage is told: which part of the recording, and which bytes of the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swc.cli.options import time_text

if TYPE_CHECKING:
    from swc.bitstream import SalvageReader


def damage_facts(reader: SalvageReader) -> dict[str, Any]:
    """What a reader found wrong up to where it has read, as plain data, times in seconds."""
    header = reader.header
    chunk = header.chunk_latents * header.hop / header.model_rate
    known = header.total_samples if reader.cut_off else reader.total_samples
    end = float("inf") if known is None else known / header.source_rate
    lost = [
        {
            "offset": loss.offset,
            "bytes": loss.size,
            "chunks": loss.stop - loss.first,
            "start": min(loss.first * chunk, end),
            "end": min(loss.stop * chunk, end),
        }
        for loss in reader.losses
    ]
    return {
        "lost": lost,
        "cut_off": reader.cut_off,
        "end_mismatch": reader.end_mismatch,
        "repaired_bit": reader.repaired_bit,
    }


def damage_lines(facts: dict[str, Any]) -> list[str]:
    """The same for people."""
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
