"""Streams for the tests, and a second, naive writer that follows formats/SWC-1.md and checks nothing."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np

from swc.bitstream import Chunk, Header, RevqLayout, Stream, Window

FINGERPRINT = bytes.fromhex("0123456789abcdef")


def make_header(**changes) -> Header:
    fields = {
        "model_rate": 8000,
        "source_rate": 16000,
        "channels": 1,
        "hop": 4,
        "gain_q8": -1536,
        "window": 2,
        "windows_per_chunk": 2,
        "fingerprint": FINGERPRINT,
    }
    layout = {"n_shared": 1, "n_routed": 3, "codebook_bits": 4}
    layout |= {name: changes.pop(name) for name in layout.keys() & changes.keys()}
    return Header(**({"layout": RevqLayout(**layout)} | fields | changes))


def window(experts, *rows) -> Window:
    return Window(tuple(experts), np.array(rows, np.uint16))


def example() -> Stream:
    """The example of formats/SWC-1.md: two chunks, three windows."""
    first = Chunk(4, ((window([0, 2], [1, 2], [3, 4], [5, 6]),), (window([1], [7, 8], [9, 10]),)))
    return Stream(make_header(), (first, Chunk(1, ((window([], [11]),),))), 35)


def random_stream(header: Header, total_samples: int, latents: int, seed: int) -> Stream:
    """A stream of `latents` latents with masks and codes drawn at random."""
    rng = np.random.default_rng(seed)
    full = header.window * header.windows_per_chunk
    chunks = []
    for start in range(0, latents, full):
        size = min(full, latents - start)
        windows = []
        for first in range(0, size, header.window):
            length = min(header.window, size - first)
            windows.append(tuple(_random_window(header, length, rng) for _ in range(header.channels)))
        chunks.append(Chunk(size, tuple(windows)))
    return Stream(header, tuple(chunks), total_samples)


def _random_window(header: Header, length: int, rng: np.random.Generator) -> Window:
    experts = tuple(np.flatnonzero(rng.integers(0, 2, header.layout.n_routed)).tolist())
    shape = (header.layout.n_shared + len(experts), length)
    return Window(experts, rng.integers(0, 2**header.layout.codebook_bits, shape, dtype=np.uint16))


def crc(data: bytes) -> bytes:
    return struct.pack("<I", zlib.crc32(data))


def raw_header(header: Header, extensions: bytes = b"", family: int = 1, version: int = 0x10) -> bytes:
    """A header with a right CRC and anything in it; `extensions` as on the wire."""
    total = 2**64 - 1 if header.total_samples is None else header.total_samples
    data = b"\xf5SWC\r\n\x1a\n" + struct.pack("<BHB", version, 48 + len(extensions), family << 4 | header.channels)
    data += struct.pack("<I", header.model_rate)[:3] + struct.pack("<I", header.source_rate)[:3]
    data += struct.pack("<HhH", header.hop, header.gain_q8, header.window)
    data += bytes(
        [
            header.windows_per_chunk,
            header.layout.n_shared,
            header.layout.n_routed,
            header.layout.codebook_bits,
            *header.fingerprint,
        ]
    )
    data += struct.pack("<Q", total) + extensions
    return data + crc(data)


def raw_chunk(header_bytes: bytes, index: int, latents: int, payload: bytes) -> bytes:
    """A chunk with a right CRC."""
    body = b"\xc5\x5c" + struct.pack("<HH", latents, len(payload)) + payload
    return body + crc(header_bytes[-4:] + struct.pack("<I", index) + body)


def raw_end(header_bytes: bytes, payloads: list[bytes], total_samples: int, n_chunks: int) -> bytes:
    """An end chunk with a right CRC."""
    body = b"\x3a\xa3" + struct.pack("<QI", total_samples, n_chunks)
    return body + crc(header_bytes[-4:] + b"".join(payloads) + body)


def raw_payload(header: Header, chunk: Chunk) -> bytes:
    """A payload, made digit by digit."""
    digits = ""
    for channels in chunk.windows:
        for one in channels:
            digits += "".join("1" if expert in one.experts else "0" for expert in range(header.layout.n_routed))
            digits += "".join(f"{int(code):0{header.layout.codebook_bits}b}" for code in one.codes.flat)
    digits += "0" * (-len(digits) % 8)
    return bytes(int(digits[at : at + 8], 2) for at in range(0, len(digits), 8))


def raw_stream(stream: Stream) -> bytes:
    """What Stream.to_bytes should give."""
    payloads = [raw_payload(stream.header, chunk) for chunk in stream.chunks]
    header_bytes = raw_header(stream.header)
    data = header_bytes
    for index, (chunk, payload) in enumerate(zip(stream.chunks, payloads, strict=True)):
        data += raw_chunk(header_bytes, index, chunk.latents, payload)
    return data + raw_end(header_bytes, payloads, stream.total_samples, len(payloads))


class Trickle(io.RawIOBase):
    """A pipe-like file: cannot seek, moves at most three bytes a call."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        self.position = 0

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        part = self.data[self.position : self.position + min(3, len(buffer))]
        buffer[: len(part)] = part
        self.position += len(part)
        return len(part)

    def write(self, data) -> int:
        part = bytes(data)[:3]
        self.data += part
        return len(part)
