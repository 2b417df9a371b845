"""The findings of a SalvageReader as plain data: parts of the recording, and bytes of the stream."""

from __future__ import annotations

from typing import Any

from swc.bitstream.salvage import SalvageReader


def damage_facts(reader: SalvageReader) -> dict[str, Any]:
    """The damage that a reader has found so far, as plain data, times in seconds."""
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
