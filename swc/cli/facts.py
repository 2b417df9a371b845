"""The contents of a .swc stream, as plain data."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swc.bitstream import Header, Stream


def describe(stream: Stream) -> dict[str, Any]:
    """The header, and counts over the chunks; experts are numbered from 0, like the bits of a mask."""
    from swc.bitstream.tags import TAGS_TYPE

    header, layout = stream.header, stream.header.layout
    usage = [layout.usage(window) for chunk in stream.chunks for channels in chunk.windows for window in channels]
    shares = (sum(usage[1:], usage[0]) / len(usage)).tolist() if usage else None
    bits = stream.breakdown()
    seconds = stream.duration
    return {
        **describe_header(header),
        "total_samples": stream.total_samples,
        "seconds": seconds,
        "model_rate": header.model_rate,
        "hop": header.hop,
        "gain_db": header.gain_db,
        "window": header.window,
        "windows_per_chunk": header.windows_per_chunk,
        **layout.fields(),
        "extensions": [
            {"type": e.type, "bytes": len(e.data)} for e in header.extensions if e.type != TAGS_TYPE and not e.critical
        ],
        "modes": _modes(stream),
        "chunks": len(stream.chunks),
        "windows": len(usage),
        "bytes": stream.n_bytes,
        "kbps": stream.kbps if seconds else None,
        "bits": bits,
        "overhead": 100 * stream.overhead,
        "kbps_by_kind": {kind: count / seconds / 1000 for kind, count in bits.items()} if seconds else None,
        "experts_per_window": None if shares is None else sum(shares),
        "expert_usage": shares,
    }


def describe_header(header: Header) -> dict[str, Any]:
    """The facts that are known before the chunks."""
    total = header.total_samples
    return {
        "format": f"1.{header.minor}",
        "family": header.layout.name,
        "fingerprint": header.fingerprint.hex(),
        "model": _model(header.fingerprint),
        "source_rate": header.source_rate,
        "channels": header.channels,
        "pairs": header.pairs,
        "total_samples": total,
        "seconds": None if total is None else total / header.source_rate,
        "tags": header.tags,
    }


def _modes(stream: Stream) -> dict[str, int]:
    """The number of chunks for each mode of coupling; empty if channels are apart."""
    from swc.bitstream.coupling import MODES

    counts = Counter(MODES[one.mode] for couplings in stream.couplings for one in couplings)
    return {name: counts[name] for name in MODES if counts[name]}


@cache
def _model(fingerprint: bytes) -> str | None:
    from swc.bundle.find import name_of

    return name_of(fingerprint)
