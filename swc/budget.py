"""Bits: how many experts a chunk may spend, and which of its windows get them.

The budget holds at the end of every chunk, so a stream that stops anywhere after SPREAD seconds measures at most the
rate that was asked for. What it pays once (header, end chunk, a short last chunk) is spread over the first SPREAD
seconds, tags over the whole recording where its length is known. At rates so low that the shared codes alone take
nearly everything (below 0.6 kbit/s a channel) paying it takes longer: a recording of known length is then refused, one
of unknown length may measure more if it ends early.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from swc.bitstream import CHUNK_OVERHEAD, END_SIZE, LIMITS, Header, Tags, header_size, window_bits
from swc.errors import BitrateError

SPREAD = 5.0  # seconds; inputs shorter than this may measure above the target
COPIED_SHARE = 1 / 20  # of the bits, for tags that nobody asked for
COPIED_BYTES = 256  # for the same, where the length is not known


class Budget:
    """Running bit budget of one stream at `kbps` kbit/s, all bytes counted, all channels together.

    Raises:
        BitrateError: a rate that this many channels cannot meet, or above 8 kbit/s a channel.
    """

    def __init__(self, header: Header, kbps: float) -> None:
        self.header, self.rate = header, kbps * 1000
        tail = 8 * CHUNK_OVERHEAD + 7 + header.channels * window_bits(header, 1, 0)
        self.tags, self.duration = _tag_bits(header), _duration(header)
        self.once = 8 * (header_size(header) + END_SIZE) - self.tags + tail
        self.used = 0
        least = least_kbps(header)
        most = 8.0 * header.channels
        if not 0 < kbps <= most:
            raise BitrateError(f"--kbps must be between {least:.2f} and {most:g} for {_channels(header)}")
        if kbps < least:
            what = f"{_channels(header)} of this length{' with these tags' if header.tags else ''}"
            raise BitrateError(f"{kbps:g} kbit/s is not enough for {what}: ask for at least {least:.2f}")

    def grant(self, lengths: Sequence[int], seconds: float) -> int:
        """Bits that the experts of the next chunk may take.

        Args:
            lengths: latents of each of the chunk's windows.
            seconds: duration of the stream up to the end of this chunk.
        """
        paid = self.once * min(1.0, seconds / SPREAD) + self.tags * min(1.0, seconds / self.duration)
        allowed = self.rate * seconds - paid
        return max(0, int(allowed) - self.used - self._fixed(lengths))

    def spend(self, lengths: Sequence[int], expert_bits: int) -> None:
        """Count a chunk whose experts took `expert_bits`."""
        self.used += self._fixed(lengths) + expert_bits

    def _fixed(self, lengths: Sequence[int]) -> int:
        payload = self.header.channels * sum(window_bits(self.header, n, 0) for n in lengths)
        return 8 * CHUNK_OVERHEAD + 7 + payload


def least_kbps(header: Header) -> float:
    """The least rate for this header's channels, length and tags, rounded up to 0.01 kbit/s."""
    chunk = header.chunk_latents
    seconds = chunk * header.hop / header.model_rate
    windows = header.windows_per_chunk * header.channels
    rate = (8 * CHUNK_OVERHEAD + 7 + windows * window_bits(header, header.window, 0)) / seconds
    if header.total_samples is None:
        rate += _tag_bits(header) / SPREAD
    elif header.total_samples >= SPREAD * header.source_rate:
        seconds = header.total_samples / header.source_rate
        latents = header.latents_for(header.total_samples)
        chunks, windows = -(-latents // chunk), -(-latents // header.window)
        masks = header.channels * windows * header.n_routed
        shared = header.channels * latents * header.n_shared * header.codebook_bits
        bits = masks + shared + 8 * (header_size(header) + END_SIZE) + chunks * (8 * CHUNK_OVERHEAD + 7)
        rate = max(rate, bits / seconds)
    return -(-int(rate + 1) // 10) / 100


def fit_tags(header: Header, kbps: float, copied: Tags) -> tuple[Tags, Tags]:
    """Those tags of the source that a stream has room for, and those that it has not: the longest are left out first.

    They may take COPIED_SHARE of the bits at `kbps`, of a recording of unknown length COPIED_BYTES, and never so many
    that the rate cannot be met.

    Args:
        header: of the stream, with the tags that it has in any case.
        kbps: kbit/s of the whole stream.
        copied: keys and values.
    """
    if header.total_samples is None:
        room = 8.0 * COPIED_BYTES
        header = dataclasses.replace(header, total_samples=math.ceil(SPREAD * header.source_rate))
    else:
        room = COPIED_SHARE * 1000 * kbps * _duration(header)
    left_out = [tag for tag in copied if len(tag[1].encode()) > LIMITS["tag_value"][1]]
    kept = [tag for tag in copied if tag not in left_out]
    while kept:
        whole = header.with_tags((*kept, *header.tags))
        size = header_size(whole)
        bits = 8 * (size - header_size(header))
        if bits <= room and size <= LIMITS["header_length"][1] and least_kbps(whole) <= kbps:
            break
        left_out.append(max(kept, key=lambda tag: len(tag[1].encode())))
        kept.remove(left_out[-1])
    return tuple(kept), tuple(left_out)


def allocate(heard: Sequence[bool], lengths: Sequence[int], experts: int, bits: int, code_bits: int) -> list[int]:
    """Share a chunk's expert bits among its windows: evenly, but silent windows get what the others cannot use.

    (Shares by energy, in the latents or in the audio, measured worse than even ones.)

    Args:
        heard: whether each window (of each channel) is more than silence.
        lengths: latents of each.
        experts: N_r, the most that a window can get.
        bits: what may be spent.
        code_bits: bits a code.

    Returns:
        Experts of each window.
    """
    counts = [0] * len(heard)
    for audible in (True, False):
        for _ in range(experts):
            for i in (i for i, h in enumerate(heard) if h is audible):
                cost = lengths[i] * code_bits
                if cost <= bits:
                    bits -= cost
                    counts[i] += 1
    return counts


def _tag_bits(header: Header) -> int:
    """Bits of the header that its tags take."""
    return 8 * (header_size(header) - header_size(header.with_tags(())))


def _duration(header: Header) -> float:
    """Seconds over which tags are paid: the whole recording where its length is known, but no less than SPREAD."""
    return max(SPREAD, (header.total_samples or 0) / header.source_rate)


def _channels(header: Header) -> str:
    return "one channel" if header.channels == 1 else f"{header.channels} channels"
