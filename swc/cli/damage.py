"""How damage is told: which part of the recording, and which bytes of the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swc.cli.options import time_text

if TYPE_CHECKING:
    from swc.bitstream import SalvageReader


def lost_ranges(reader: SalvageReader) -> list[dict[str, Any]]:
    """The losses of a stream that was read to its end, as plain data, times in seconds."""
    header = reader.header
    chunk = header.chunk_latents * header.hop / header.model_rate
    known = header.total_samples if reader.cut_off else reader.total_samples
    end = float("inf") if known is None else known / header.source_rate
    return [
        {
            "offset": loss.offset,
            "bytes": loss.size,
            "chunks": loss.stop - loss.first,
            "start": min(loss.first * chunk, end),
            "end": min(loss.stop * chunk, end),
        }
        for loss in reader.losses
    ]


def lost_lines(lost: list[dict[str, Any]], cut_off: bool) -> list[str]:
    """The same for people, a line a loss."""
    lines = []
    for number, loss in enumerate(lost, 1):
        where = f"{loss['bytes']} bytes at byte {loss['offset']}"
        last = cut_off and number == len(lost)
        if loss["chunks"]:
            what = f"lost: {time_text(loss['start'])} to {time_text(loss['end'])}"
            lines.append(f"{what} ({where}{', where the stream is cut off' if last else ''})")
        elif last:
            lines.append(f"cut off after {time_text(loss['start'])} ({where} are no whole chunk)")
        else:
            lines.append(f"no audio lost: {where} belong to no chunk")
    if cut_off and not lost:
        lines.append("the end chunk is missing; the stream may have gone on")
    return lines
