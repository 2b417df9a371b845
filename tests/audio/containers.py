"""Audio files in memory, honest and otherwise."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile as sf

TONES = (400, 600, 900, 50, 1300, 1900, 2500, 3100)
"""Hz, one a channel."""


def noise(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Quiet noise of 16 bits."""
    return np.random.default_rng(seed).integers(-(2**13), 2**13, (samples, channels)).astype(np.int16)


def tones(channels: int, rate: int = 48000) -> np.ndarray:
    """A second with a tone of its own in each channel, float32."""
    time = np.arange(rate)[:, None] / rate
    return np.float32(0.2 * np.sin(2 * np.pi * np.array(TONES[:channels]) * time))


def heard(audio: np.ndarray) -> list[int]:
    """Which of TONES is the loudest, for each channel of a second at 48 kHz."""
    spectrum = np.abs(np.fft.rfft(audio[12000:36000], axis=0))
    return [min(TONES, key=lambda tone: abs(tone - 2 * int(channel.argmax()))) for channel in spectrum.T]


def encoded(audio: np.ndarray, container: str, rate: int = 44100, **kinds: Any) -> bytes:
    buffer = io.BytesIO()
    sf.write(buffer, audio, rate, format=container, **kinds)
    return buffer.getvalue()


def mp3_without_header(audio: np.ndarray, rate: int = 44100, **kinds: Any) -> bytes:
    """MP3 whose first frame, which says how many there are, is left out."""
    data = encoded(audio, "MP3", rate, **kinds)
    at = data.index(b"Info") if b"Info" in data[:400] else data.index(b"Xing")
    return data[data.index(data[:2], at) :]


def flac_with_count(data: bytes, count: int) -> bytes:
    """FLAC that states another number of samples."""
    word = struct.unpack_from(">Q", data, 18)[0] >> 36 << 36 | count
    return data[:18] + struct.pack(">Q", word) + data[26:]


def ogg_pages(data: bytes) -> Iterator[tuple[int, int]]:
    """First byte and end of each page."""
    start = 0
    while start < len(data):
        count = data[start + 26]
        end = start + 27 + count + sum(data[start + 27 : start + 27 + count])
        yield start, end
        start = end


def wav_with_sizes(data: bytes, riff: int, size: int) -> bytes:
    at = data.index(b"data")
    return data[:4] + struct.pack("<I", riff) + data[8 : at + 4] + struct.pack("<I", size) + data[at + 8 :]


def flac_of_32_bits(values: list[int]) -> bytes:
    """Mono FLAC of 44.1 kHz: 192 equal samples for each of the values."""
    word = 44100 << 44 | 31 << 36 | 192 * len(values)
    info = struct.pack(">HH6xQ16x", 192, 192, word)
    frames = b""
    for number, value in enumerate(values):
        header = bytes([0xFF, 0xF8, 0x19, 0x0E, number])
        frame = header + bytes([crc(header, 0x07, 8), 0]) + struct.pack(">i", value)
        frames += frame + struct.pack(">H", crc(frame, 0x8005, 16))
    return b"fLaC\x80\0\0\x22" + info + frames


def comments(*entries: bytes, count: int | None = None) -> bytes:
    """Vorbis comments, each KEY=value; `count` states another number of them."""
    head = struct.pack("<I4sI", 4, b"made", len(entries) if count is None else count)
    return head + b"".join(struct.pack("<I", len(entry)) + entry for entry in entries)


def flac_with_blocks(data: bytes, *blocks: tuple[int, bytes]) -> bytes:
    """FLAC whose blocks of metadata, but for STREAMINFO, are these: each its type and contents."""
    at, last = 42, data[4] & 128
    while not last:
        last = data[at] & 128
        at += 4 + int.from_bytes(data[at + 1 : at + 4], "big")
    kinds = [0, *(kind for kind, _ in blocks)]
    kinds[-1] |= 128
    added = [
        bytes([kind]) + len(content).to_bytes(3, "big") + content
        for kind, (_, content) in zip(kinds[1:], blocks, strict=True)
    ]
    return b"fLaC" + bytes(kinds[:1]) + data[5:42] + b"".join(added) + data[at:]


def id3(*frames: tuple[bytes, bytes]) -> bytes:
    """An ID3v2.4 tag of frames: each its name and contents."""

    def number(value: int) -> bytes:
        return bytes(value >> shift & 127 for shift in (21, 14, 7, 0))

    body = b"".join(name + number(len(content)) + b"\0\0" + content for name, content in frames)
    return b"ID3\4\0\0" + number(len(body)) + body


def with_chunk(data: bytes, name: bytes, content: bytes) -> bytes:
    """A WAV file with another chunk after its samples."""
    data += name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


def crc(data: bytes, polynomial: int, width: int) -> int:
    value = 0
    for bit in (byte >> 7 - index & 1 for byte in data for index in range(8)):
        top = value >> width - 1 ^ bit
        value = (value << 1 & (1 << width) - 1) ^ (polynomial if top else 0)
    return value
