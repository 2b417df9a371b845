"""The payload of a chunk: routing masks and codes, packed most significant bit first."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from swc.bitstream.structure import Chunk, Header, Window, window_lengths
from swc.errors import LimitError, SyntaxFormatError


def window_bits(header: Header, latents: int, n_experts: int) -> int:
    """Bits that one window of one channel takes, its mask included."""
    return header.n_routed + (header.n_shared + n_experts) * latents * header.codebook_bits


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
    digits = bin(int.from_bytes(b"\1" + payload, "big"))[3:]  # as text: "0b1" aside, a digit a bit
    channels, shared = header.channels, header.n_shared
    routed, width = header.n_routed, header.codebook_bits
    shapes: list[tuple[tuple[int, ...], int, int]] = []  # experts, rows, latents
    coded: list[str] = []
    cursor = 0
    for length in window_lengths(header, latents):
        for _ in range(channels):
            begin = cursor + routed
            experts = _experts(digits[cursor:begin])
            rows = shared + len(experts)
            end = begin + rows * length * width
            if end > len(digits):
                raise SyntaxFormatError("the payload is shorter than its masks imply", offset + cursor // 8)
            coded.append(digits[begin:end])
            shapes.append((experts, rows, length))
            cursor = end
    used = (cursor + 7) // 8
    if used < len(payload):
        raise SyntaxFormatError("the payload is longer than its masks imply", offset + used)
    if "1" in digits[cursor:]:
        raise SyntaxFormatError("the padding of the payload is not zero", offset + cursor // 8)
    codes = _codes("".join(coded), width)
    windows: list[Window] = []
    cursor = 0
    for experts, rows, length in shapes:
        windows.append(Window(experts, codes[cursor : cursor + rows * length].reshape(rows, length)))
        cursor += rows * length
    starts = range(0, len(windows), channels)
    return Chunk(latents, tuple([tuple(windows[i : i + channels]) for i in starts]))


@lru_cache(maxsize=4096)
def _experts(mask: str) -> tuple[int, ...]:
    """Indices of the ones."""
    return tuple(index for index, bit in enumerate(mask) if bit == "1")


def _codes(digits: str, width: int) -> NDArray[np.uint16]:
    """Numbers of `width` bits each."""
    if len(digits) < 128:  # arrays would take longer, and a hostile stream may have a chunk every 11 bytes
        return np.array([int(digits[at : at + width], 2) for at in range(0, len(digits), width)], np.uint16)
    bits = np.frombuffer(digits.encode("ascii"), np.uint8) & 1
    octets = np.packbits(bits.reshape(-1, width), axis=1)  # (codes, 1 or 2), the last octet filled up with zeros
    if width <= 8:
        return octets[:, 0].astype(np.uint16) >> np.uint16(8 - width)
    return octets.view(">u2")[:, 0].astype(np.uint16) >> np.uint16(16 - width)


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
