"""Headers of WAV files, which may be wrong about the number of samples."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Literal

from swc.audio.channels import stated_mask

_MAX_CHUNK = 16 * 2**20  # bytes; larger chunks before the samples are left to libsndfile


@dataclass(frozen=True)
class Layout:
    """The contents of a fmt chunk.

    Attributes:
        sample_rate: in Hz.
        channels: of a sample.
        kind: "u1", "i2", "i3", "i4", "f4" or "f8", as numpy calls them.
        mask: dwChannelMask, if it is an unusual one.
    """

    sample_rate: int
    channels: int
    kind: str
    mask: int | None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * int(self.kind[1:])


def is_wav(head: bytes) -> bool:
    """Whether these first 12 bytes are those of a WAV file."""
    return head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE"


def read_header(fp: IO[bytes], consumed: bytearray) -> tuple[Layout, int | None, int] | None:
    """(Layout, stated bytes of samples, end of the RIFF chunk) of a WAV file; None to leave it to libsndfile."""

    def take(count: int) -> bytes:
        data = fp.read(count)
        consumed.extend(data)
        return data

    take(12 - len(consumed))
    if len(consumed) < 12 or not is_wav(bytes(consumed)):
        return None
    riff_end = struct.unpack_from("<I", consumed, 4)[0] + 8
    layout: Layout | None = None
    long_size: int | None = None
    while len(header := take(8)) == 8:
        name, size = struct.unpack("<4sI", header)
        if name == b"data":
            return None if layout is None else (layout, _data_length(size, long_size), riff_end)
        if size > _MAX_CHUNK:
            return None
        body = take(size + size % 2)
        if name == b"ds64" and len(body) >= 16:
            long_size = struct.unpack_from("<Q", body, 8)[0]
        elif name == b"fmt " and (layout := _wav_layout(body)) is None:
            return None
    return None


def is_chunk(header: bytes, most: int) -> bool:
    """Whether 8 bytes look like the header of a RIFF chunk of at most `most` bytes, and not like audio."""
    if len(header) < 8 or not all(32 <= byte < 127 for byte in header[:4]):
        return False
    return int(struct.unpack_from("<I", header, 4)[0]) + 8 <= most


def judge_tail(fp: IO[bytes], position: int, size: int) -> Literal["chunks", "another", "samples"]:
    """The contents of a file of `size` bytes from `position` on, where its samples should have ended."""
    while position + 8 <= size:
        fp.seek(position)
        header = fp.read(12)
        if is_wav(header):
            return "another"
        if not is_chunk(header[:8], size - position):
            return "samples"
        chunk = struct.unpack_from("<I", header, 4)[0]
        position += 8 + chunk + chunk % 2
    return "chunks"


def info_entries(fp: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Names and texts in the LIST chunks of a file, if it is WAV; keeps the file's position."""
    back = fp.tell()
    size = fp.seek(0, 2)
    fp.seek(0)
    infos: list[bytes] = []
    position = 12 if is_wav(fp.read(12)) else size
    while position + 8 <= size:
        fp.seek(position)
        name, length = struct.unpack("<4sI", fp.read(8))
        if name == b"LIST" and length <= _MAX_CHUNK and fp.read(4) == b"INFO":
            infos.append(fp.read(length - 4))
        position += 8 + length + length % 2
    fp.seek(back)
    for info in infos:
        at = 0
        while at + 8 <= len(info):
            name, length = struct.unpack_from("<4sI", info, at)
            yield name, info[at + 8 : at + 8 + length]
            at += 8 + length + length % 2


def _wav_layout(body: bytes) -> Layout | None:
    if len(body) < 16:
        return None
    code, channels, sample_rate, _, align, bits = struct.unpack_from("<HHIIHH", body)
    mask = None
    if code == 0xFFFE and len(body) >= 26:
        mask, code = struct.unpack_from("<IH", body, 20)
    kinds = {(1, 8): "u1", (1, 16): "i2", (1, 24): "i3", (1, 32): "i4", (3, 32): "f4", (3, 64): "f8"}
    kind = kinds.get((code, bits))
    if kind is None or channels == 0 or align != channels * int(kind[1:]):
        return None
    return Layout(sample_rate, channels, kind, stated_mask(mask, channels))


def _data_length(size: int, long_size: int | None) -> int | None:
    """Bytes of samples, or None if the writer did not know them when it wrote the header."""
    if size == 0xFFFFFFFF and long_size is not None:
        return long_size if 0 < long_size < 2**62 else None
    placeholder = size >= 0xFFFFFF00 or 0x7FFFF000 <= size <= 0x80000000  # ffmpeg's, and sox's and arecord's
    return None if placeholder else size
