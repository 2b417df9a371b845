"""The payload of a chunk: routing masks and codes, packed most significant bit first."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from swc.bitstream.structure import Chunk, Header, Window, window_lengths
from swc.errors import LimitError, SyntaxFormatError


def window_bits(header: Header, latents: int, n_experts: int) -> int:
    """Bits that one window of one channel takes, its mask included."""
    return header.n_routed + (header.n_shared + n_experts) * latents * header.codebook_bits


def payload_bounds(header: Header, latents: int) -> tuple[int, int]:
    """Least and greatest number of bytes that a payload of `latents` latents can have."""
    windows = -(-latents // header.window)
    least = header.channels * (windows * header.n_routed + latents * header.n_shared * header.codebook_bits)
    most = least + header.channels * latents * header.n_routed * header.codebook_bits
    return (least + 7) // 8, (most + 7) // 8


def pack(header: Header, chunk: Chunk) -> bytes:
    """The payload of a chunk, padded with zero bits to a byte.

    Raises:
        SyntaxFormatError: windows, channels, experts or shapes that don't agree with the header.
        LimitError: a code that doesn't fit codebook_bits.
    """
    lengths = window_lengths(header, chunk.latents)
    if len(chunk.windows) != len(lengths):
        raise SyntaxFormatError(
            f"a chunk of {chunk.latents} latents has {len(lengths)} windows, not {len(chunk.windows)}"
        )
    pieces: list[NDArray[np.uint8]] = []
    for length, channels in zip(lengths, chunk.windows, strict=True):
        if len(channels) != header.channels:
            raise SyntaxFormatError(f"a window has {len(channels)} channels, not {header.channels}")
        for window in channels:
            _check_window(header, window, length)
            pieces += _window_to_bits(header, window)
    return np.packbits(np.concatenate(pieces)).tobytes()


def unpack(header: Header, latents: int, payload: bytes, offset: int = 0) -> Chunk:
    """The chunk of `latents` latents that a payload holds.

    Args:
        header: of the stream.
        latents: per channel, 1 to header.chunk_latents.
        payload: its bytes.
        offset: position of the payload in the stream, for messages.

    Raises:
        SyntaxFormatError: a payload longer or shorter than its masks imply, or padding that isn't zero.
    """
    bits = np.unpackbits(np.frombuffer(payload, np.uint8))
    cursor = 0
    windows: list[tuple[Window, ...]] = []
    for length in window_lengths(header, latents):
        channels: list[Window] = []
        for _ in range(header.channels):
            window = _window_from_bits(header, bits[cursor:], length)
            if window is None:
                raise SyntaxFormatError("the payload is shorter than its masks imply", offset + cursor // 8)
            cursor += window_bits(header, length, len(window.experts))
            channels.append(window)
        windows.append(tuple(channels))
    used = (cursor + 7) // 8
    if used < len(payload):
        raise SyntaxFormatError("the payload is longer than its masks imply", offset + used)
    if bits[cursor:].any():
        raise SyntaxFormatError("the padding of the payload is not zero", offset + cursor // 8)
    return Chunk(latents, tuple(windows))


def _check_window(header: Header, window: Window, length: int) -> None:
    experts, codes = window.experts, window.codes
    ascending = all(low < high for low, high in pairwise(experts))
    if not ascending or any(not 0 <= expert < header.n_routed for expert in experts):
        raise SyntaxFormatError(f"experts {experts} do not ascend within 0 to {header.n_routed - 1}")
    shape = (header.n_shared + len(experts), length)
    if codes.dtype != np.uint16 or codes.shape != shape:
        raise SyntaxFormatError(f"codes are {codes.dtype} {codes.shape}, must be uint16 {shape}")
    if codes.size and int(codes.max()) >> header.codebook_bits:
        raise LimitError(f"code {codes.max()} does not fit {header.codebook_bits} bits")


def _window_to_bits(header: Header, window: Window) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Mask and codes as bits, one a byte."""
    mask = np.zeros(header.n_routed, np.uint8)
    mask[list(window.experts)] = 1
    octets = window.codes.astype(">u2", order="C").reshape(-1, 1).view(np.uint8)  # (codes, 2)
    grid = np.unpackbits(octets, axis=1)[:, 16 - header.codebook_bits :]  # (codes, codebook_bits)
    return mask, grid.reshape(-1)


def _window_from_bits(header: Header, bits: NDArray[np.uint8], length: int) -> Window | None:
    """The window that starts the bits, or None where they end within it."""
    experts = tuple(np.flatnonzero(bits[: header.n_routed]).tolist())
    end = window_bits(header, length, len(experts))
    if end > bits.size:
        return None
    rows = header.n_shared + len(experts)
    grid = bits[header.n_routed : end].reshape(rows * length, header.codebook_bits)
    codes = np.zeros((rows, length), np.uint16)
    flat = codes.reshape(-1)
    for column in grid.T:
        flat <<= 1
        flat |= column
    return Window(experts, codes)
