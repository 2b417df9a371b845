"""The payload of a chunk: windows as their layout packs them, channels innermost, couplings, padded to a byte."""

from __future__ import annotations

from functools import lru_cache

from bitarray import bitarray

from swc.bitstream.coupling import pack_couplings, slots_in, unpack_couplings
from swc.bitstream.structure import Chunk, Header, window_lengths
from swc.errors import SyntaxFormatError


def pack(header: Header, chunk: Chunk) -> bytes:
    """The payload of a chunk, padded with zero bits to a byte.

    Raises:
        SyntaxFormatError: windows, channels, couplings, experts or shapes that don't agree with the header.
        LimitError: a code out of bounds.
    """
    count = -(-chunk.latents // header.window)
    if len(chunk.windows) != count:
        raise SyntaxFormatError(f"a chunk of {chunk.latents} latents has {count} windows, not {len(chunk.windows)}")
    pairs, channels = len(header.pairs), header.coded_channels
    for row in chunk.windows:
        if len(row) != channels:
            raise SyntaxFormatError(f"a window has {len(row)} coded channels, not {channels}")
    if len(chunk.couplings) != pairs:
        raise SyntaxFormatError(f"a chunk has {len(chunk.couplings)} couplings, not {pairs}")
    windows = [window for row in chunk.windows for window in row]
    bits = header.layout.pack(windows, _lengths(header.window, channels, chunk.latents))
    return (bits + pack_couplings(chunk.couplings, slots_in(chunk.latents))).tobytes()


def unpack(header: Header, latents: int, payload: bytes, offset: int = 0) -> Chunk:
    """The chunk of `latents` latents in a payload.

    Args:
        header: of the stream.
        latents: per channel, 1 to header.chunk_latents.
        payload: its bytes.
        offset: position of the payload in the stream, for messages.

    Raises:
        SyntaxFormatError: a payload longer or shorter than its windows, or padding that isn't zero.
    """
    bits = bitarray(endian="big")
    bits.frombytes(payload)
    pairs, channels = len(header.pairs), header.coded_channels
    windows, size = header.layout.unpack(bits, _lengths(header.window, channels, latents), offset)
    couplings, size = unpack_couplings(bits, size, pairs, slots_in(latents), offset)
    used = (size + 7) // 8
    if used < len(payload):
        raise SyntaxFormatError("the payload is longer than its masks imply", offset + used)
    if bits.find(1, size) >= 0:
        raise SyntaxFormatError("the padding of the payload is not zero", offset + size // 8)
    starts = range(0, len(windows), channels)
    return Chunk(latents, tuple([tuple(windows[i : i + channels]) for i in starts]), couplings)


@lru_cache(maxsize=64)
def _lengths(window: int, channels: int, latents: int) -> tuple[int, ...]:
    """Latents of each window of a chunk in the order of the payload."""
    return tuple(length for length in window_lengths(latents, window) for _ in range(channels))
