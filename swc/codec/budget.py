"""The bit budget: how many bits a chunk may take.

The budget holds at the end of every chunk, so a stream that stops anywhere after SPREAD seconds measures at most the
requested rate. One-time costs (header, end chunk, a short last chunk) are spread over the first SPREAD seconds, tags
over the whole recording if its length is known. Room is kept for padding and for a short last chunk; a stream that
would end below MET of its rate because of that gets it back in its last chunk. At rates so low that the shared codes
alone take nearly everything (below 0.6 kbit/s a channel) paying these costs takes longer: a recording of known length
is then refused, one of unknown length may measure more if it ends early.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from swc.audio.tags import KEYS
from swc.bitstream import CHUNK_OVERHEAD, END_SIZE, LIMITS, Header, Tags, header_size, window_lengths
from swc.bitstream.coupling import MODE_BITS
from swc.errors import BitrateError, LimitError

SPREAD = 5.0  # seconds; inputs shorter than this may measure above the target
COPIED_SHARE = 1 / 20  # of the bits, for copied tags
COPIED_BYTES = 256  # for the same, if the length is unknown
MET = 0.98  # of the requested rate: a stream that reaches it leaves the rest unused

CHUNK_BITS = 8 * CHUNK_OVERHEAD + 7  # of a chunk beside its windows: framing, and padding at its longest


class Budget:
    """Running bit budget of one stream at `kbps` kbit/s, all bytes counted, all channels together.

    Raises:
        BitrateError: a rate that this many channels cannot meet, or above 8 kbit/s a channel.
    """

    def __init__(self, header: Header, kbps: float) -> None:
        self.rate = kbps * 1000
        self.tags, self.duration = _tag_bits(header), _duration(header)
        short_chunk = _least_bits(header, 1)
        self.once = 8 * (header_size(header) + END_SIZE) - self.tags + short_chunk
        self.used = 0
        self.bytes = header_size(header) + END_SIZE  # of the stream so far, exactly
        least = least_kbps(header)
        most = 8.0 * header.channels
        if not 0 < kbps <= most:
            raise BitrateError(f"`kbps` must be between {least:.2f} and {most:g} for {_channels(header)}")
        if kbps < least:
            what = f"{_channels(header)} of this length{' with these tags' if header.tags else ''}"
            raise BitrateError(f"{kbps:g} kbit/s is not enough for {what}: ask for at least {least:.2f}")

    def grant(self, seconds: float) -> int:
        """Bits that windows and couplings of the next chunk may take; less than their minimum if the budget is spent.

        Args:
            seconds: duration of the stream up to the end of this chunk.
        """
        paid = self.once * min(1.0, seconds / SPREAD) + self.tags * min(1.0, seconds / self.duration)
        return int(self.rate * seconds - paid) - self.used - CHUNK_BITS

    def falls_short(self, seconds: float, bits: int) -> bool:
        """Whether a stream of this duration measures less than MET of the rate if its last windows take `bits` bits."""
        return 8 * (self.bytes + _chunk_bytes(bits)) < MET * self.rate * seconds

    def rest(self, seconds: float) -> int:
        """Bits that windows and couplings of the last chunk may take without a reserve; arguments as `grant`."""
        return 8 * (int(self.rate * seconds / 8) - self.bytes - CHUNK_OVERHEAD)

    def reserve(self, bits: int) -> None:
        """Reserve about so many bits for the windows of a chunk."""
        self.used += CHUNK_BITS + bits
        self.bytes += _chunk_bytes(bits)

    def settle(self, reserved: int, packed: int) -> None:
        """Replace the reserve for a chunk by the actual bits of its windows."""
        self.used += packed - reserved
        self.bytes += _chunk_bytes(packed) - _chunk_bytes(reserved)


def _chunk_bytes(bits: int) -> int:
    """Bytes of a chunk whose windows take so many bits."""
    return CHUNK_OVERHEAD + -(-bits // 8)


def least_kbps(header: Header) -> float:
    """The lowest possible rate for this header's channels, length and tags, rounded up to 0.01 kbit/s."""
    full = _least_bits(header, header.chunk_latents)
    rate = full / (header.chunk_latents * header.hop / header.model_rate)
    if header.total_samples is None:
        rate += _tag_bits(header) / SPREAD
    elif header.total_samples >= SPREAD * header.source_rate:
        chunks, rest = divmod(header.latents_for(header.total_samples), header.chunk_latents)
        bits = chunks * full + (_least_bits(header, rest) if rest else 0) + 8 * (header_size(header) + END_SIZE)
        rate = max(rate, bits * header.source_rate / header.total_samples)
    return -(-int(rate + 1) // 10) / 100


def kbps_for(header: Header, steps: int) -> float:
    """The rate at which every window of a long stream can take so many steps above its least size, or all it has."""
    sizes = [header.layout.sizes(n) for n in window_lengths(header.chunk_latents, header.window)]
    bits = CHUNK_BITS + header.coded_channels * sum(size[min(steps, len(size) - 1)] for size in sizes)
    once = 8 * (header_size(header) + END_SIZE) + _least_bits(header, 1)
    rate = bits * header.model_rate / (header.chunk_latents * header.hop) + once / SPREAD
    return math.ceil(rate / 10) / 100


def _least_bits(header: Header, latents: int) -> int:
    """Bits of a chunk of `latents` latents with windows and couplings of the least size."""
    windows = sum(header.layout.bounds(n)[0] for n in window_lengths(latents, header.window))
    return CHUNK_BITS + header.coded_channels * windows + len(header.pairs) * MODE_BITS


def fit_tags(header: Header, kbps: float, copied: Tags) -> tuple[Tags, Tags]:
    """The tags of the source that a stream has room for, and the others, the longest first.

    They may take COPIED_SHARE of the bits at `kbps`, or COPIED_BYTES if the length is unknown, and never so many
    that the rate cannot be met. KEYS, which nearly every format has, come before others, and short ones before long.

    Args:
        header: of the stream, with the tags that it has in any case.
        kbps: kbit/s of the whole stream; infinite where it is not limited.
        copied: keys and values.
    """
    if header.total_samples is None:
        room = 8.0 * COPIED_BYTES if kbps < math.inf else math.inf
        header = dataclasses.replace(header, total_samples=math.ceil(SPREAD * header.source_rate))
    else:
        room = COPIED_SHARE * 1000 * kbps * _duration(header)
    lengths = [len(value.encode()) for _, value in copied]
    kept: list[int] = []
    places = sorted(range(len(copied)), key=lengths.__getitem__)
    for known in (True, False):
        for place in (place for place in places if (copied[place][0] in KEYS) == known):
            if not _fits(header, kbps, room, [copied[other] for other in (*kept, place)]):
                break
            kept.append(place)
    left_out = sorted(set(range(len(copied))) - set(kept), key=lambda place: -lengths[place])
    return tuple(copied[place] for place in sorted(kept)), tuple(copied[place] for place in left_out)


def _fits(header: Header, kbps: float, room: float, more: Sequence[tuple[str, str]]) -> bool:
    """Whether the added tags take at most `room` bits, and a stream of `kbps` can hold them."""
    try:
        whole = header.with_tags((*more, *header.tags))
    except LimitError:
        return False
    size = header_size(whole)
    bits = 8 * (size - header_size(header))
    return bits <= room and size <= LIMITS["header_length"][1] and least_kbps(whole) <= kbps


def _tag_bits(header: Header) -> int:
    """Bits of the header that its tags take."""
    return 8 * (header_size(header) - header_size(header.with_tags(())))


def _duration(header: Header) -> float:
    """Seconds over which the bits of tags are spread: the whole recording if its length is known, at least SPREAD."""
    return max(SPREAD, (header.total_samples or 0) / header.source_rate)


def _channels(header: Header) -> str:
    return "one channel" if header.channels == 1 else f"{header.channels} channels"
