"""WAV on a pipe, read and written strictly forwards, and PCM of every width to and from float32.

libsndfile needs to seek; a pipe cannot, and its header often does not know the length.
Raw PCM is the same without a header.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Literal

import numpy as np
import numpy.typing as npt

from swc.audio.tags import info_chunk
from swc.files import BinaryOutput

Audio = npt.NDArray[np.float32]
"""Shape (samples, channels), float32, full scale [-1, 1]."""

Bits = Literal["16", "24", "float"]

PCM = {"16": "i2", "24": "i3", "float": "f4"}
"""Kinds of samples, by their bits: letter and bytes as numpy has them, little-endian."""

_MAX_CHUNK = 16 * 2**20  # larger chunks ahead of the samples are left to libsndfile


@dataclass(frozen=True)
class RawFormat:
    """Layout of PCM without a header, little-endian, channels interleaved.

    Attributes:
        bits: of a sample; "float" are 32 bits.
        sample_rate: in Hz.
        channels: 1 to 8.
    """

    bits: Bits
    sample_rate: int
    channels: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * int(PCM[self.bits][1:])


def is_wav(head: bytes) -> bool:
    """Whether the first 12 bytes of a file are those of a WAV file."""
    return head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE"


class WavSource:
    """Samples of a WAV file, or of raw PCM, read strictly forwards; part of a sample at the end is dropped."""

    def __init__(self, fp: IO[bytes], sample_rate: int, channels: int, kind: str, total: int | None) -> None:
        self._fp = fp
        self._kind = kind
        self._frame_bytes = channels * int(kind[1:])
        self._left = total
        self.sample_rate = sample_rate
        self.channels = channels
        self.total_samples = total

    @classmethod
    def parse(cls, fp: IO[bytes], consumed: bytearray) -> WavSource | None:
        """Read up to the first sample; None where libsndfile should judge instead.

        `consumed` starts with the bytes already read and collects all that is read here.
        """

        def take(count: int) -> bytes:
            data = fp.read(count)
            consumed.extend(data)
            return data

        take(12 - len(consumed))
        riff_size = struct.unpack_from("<I", consumed, 4)[0]
        layout: tuple[int, int, str] | None = None
        long_size: int | None = None
        while len(header := take(8)) == 8:
            name, size = struct.unpack("<4sI", header)
            if name == b"data":
                if layout is None:
                    return None
                sample_rate, channels, kind = layout
                known = _data_length(size, long_size, riff_size, len(consumed))
                total = None if known is None else known // (channels * int(kind[1:]))
                return cls(fp, sample_rate, channels, kind, total)
            if size > _MAX_CHUNK:
                return None
            body = take(size + size % 2)
            if name == b"ds64" and len(body) >= 16:
                long_size = struct.unpack_from("<Q", body, 8)[0]
            elif name == b"fmt " and (layout := _wav_layout(body)) is None:
                return None
        return None

    def read(self, samples: int) -> Audio:
        """Up to `samples` samples, shape (n, channels); n = 0 at the end."""
        if self._left is not None:
            samples = min(samples, self._left)
        raw = self._fp.read(samples * self._frame_bytes) if samples else b""
        raw = raw[: len(raw) - len(raw) % self._frame_bytes]
        block = _from_pcm(raw, self._kind).reshape(-1, self.channels)
        if self._left is not None:
            self._left -= len(block)
        return block


def _wav_layout(body: bytes) -> tuple[int, int, str] | None:
    """(sample rate, channels, kind) of a fmt chunk; kind is "u1", "i2", "i3", "i4", "f4" or "f8"."""
    if len(body) < 16:
        return None
    code, channels, sample_rate, _, align, bits = struct.unpack_from("<HHIIHH", body)
    if code == 0xFFFE and len(body) >= 26:
        code = struct.unpack_from("<H", body, 24)[0]
    kinds = {(1, 8): "u1", (1, 16): "i2", (1, 24): "i3", (1, 32): "i4", (3, 32): "f4", (3, 64): "f8"}
    kind = kinds.get((code, bits))
    if kind is None or channels == 0 or align != channels * int(kind[1:]):
        return None
    return sample_rate, channels, kind


def _data_length(size: int, long_size: int | None, riff_size: int, position: int) -> int | None:
    """Bytes of samples, or None where the writer did not know when it wrote the header."""
    if size == 0xFFFFFFFF and long_size is not None:
        return long_size if 0 < long_size < 2**62 else None
    if size == 0:  # truly empty only where the RIFF chunk goes on behind it
        return 0 if position < riff_size + 8 < 0x7FFF0000 else None
    placeholder = size >= 0xFFFFFF00 or 0x7FFFF000 <= size <= 0x80000000  # ffmpeg's, and sox's and arecord's
    return None if placeholder else size


def _from_pcm(raw: bytes, kind: str) -> Audio:
    if kind == "u1":
        return (np.frombuffer(raw, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
    if kind == "i3":
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        return wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    samples: Audio = np.frombuffer(raw, "<" + kind).astype(np.float32)
    samples /= {"i2": 2**15, "i4": 2**31}.get(kind, 1)
    return samples


class PcmSink:
    """Samples written strictly forwards, with nothing around them."""

    def __init__(self, fp: BinaryOutput, bits: Bits) -> None:
        self._fp = fp
        self._kind = PCM[bits]

    def write(self, block: Audio) -> None:
        """Append samples, shape (samples, channels)."""
        self._fp.write(_to_pcm(block, self._kind))

    def finish(self) -> None:
        """Nothing follows the samples."""


class WavSink(PcmSink):
    """WAV written strictly forwards; unknown lengths are 0xFFFFFFFF, as ffmpeg writes them."""

    def __init__(
        self,
        fp: BinaryOutput,
        sample_rate: int,
        channels: int,
        bits: Bits,
        total_samples: int | None,
        tags: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(fp, bits)
        self._total = total_samples
        self._written = 0
        width = int(self._kind[1:])
        self._frame_bytes = width * channels
        info = info_chunk(tags)
        size = 0xFFFFFFFF if total_samples is None else total_samples * self._frame_bytes
        code, data_size = (3 if bits == "float" else 1), min(size, 0xFFFFFFFF)
        riff_size = min(36 + len(info) + size + size % 2, 0xFFFFFFFF)
        layout = (code, channels, sample_rate, sample_rate * self._frame_bytes, self._frame_bytes, 8 * width)
        head = struct.pack("<4sI8sIHHIIHH", b"RIFF", riff_size, b"WAVEfmt ", 16, *layout)
        fp.write(head + info + struct.pack("<4sI", b"data", data_size))

    def write(self, block: Audio) -> None:
        """Append samples, shape (samples, channels)."""
        self._written += len(block)
        super().write(block)

    def finish(self) -> None:
        """Pad.

        Raises:
            ValueError: not as many samples as announced.
        """
        if self._total is not None:
            if self._written != self._total:
                raise ValueError(f"announced {self._total} samples, wrote {self._written}")
            if self._total * self._frame_bytes % 2:
                self._fp.write(b"\0")


def quantized(block: Audio, bits: int) -> npt.NDArray[np.float64]:
    """Whole numbers of `bits` bits, so that what was read from PCM is written back unchanged."""
    full = 2.0 ** (bits - 1)
    return np.rint(block.astype(np.float64) * full).clip(-full, full - 1)


def _to_pcm(block: Audio, kind: str) -> bytes:
    if kind == "f4":
        return block.astype("<f4").tobytes()
    if kind == "i2":
        return quantized(block, 16).astype("<i2").tobytes()
    wide = np.ascontiguousarray(quantized(block, 24).astype("<i4"))
    return wide.view(np.uint8).reshape(*block.shape, 4)[..., :3].tobytes()
