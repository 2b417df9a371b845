"""FLAC: the contents of its header, and the number of samples by its last frame."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import IO

from swc.audio.crc import crc, crc_table
from swc.audio.feed import Range
from swc.audio.mp3 import after_id3

COMMENTS = 4
"""The type of a block of Vorbis comments."""

_PICTURE = 6  # the type of a block
_MARK = b"fLaC"
_JOINT = b"fLaC\0\0\0\x22"  # start of another stream, whose STREAMINFO of 34 bytes is not the last block
_JOINT_ALONE = b"fLaC\x80\0\0\x22"
_LOOK = 2**20  # bytes looked through at once
_LONGEST_FRAME = 2**22  # bytes
_MOST_BLOCKS = 1000  # of metadata
_MOST_TEXT = 2**20  # bytes of comments


@dataclass(frozen=True)
class Metadata:
    """The contents of the blocks before the frames.

    Attributes:
        sound: byte of the first frame.
        comments: bytes of the Vorbis comments; None without any.
        pictures: bytes of each picture.
        mask: WAV's channel mask by the comments, or None.
    """

    sound: int
    comments: Range | None
    pictures: tuple[int, ...]
    mask: int | None


@dataclass(frozen=True)
class Flac:
    """One FLAC stream.

    Attributes:
        start: byte of its marker.
        stop: byte after its last whole frame.
        sample_rate, channels, bits: by its STREAMINFO.
        block: samples of a frame, where all have the same number.
        stated: samples a channel by its STREAMINFO; 0 if unknown.
        metadata: contents of its metadata blocks.
        counted: samples a channel to `stop`; None where no frame was found.
        cut: whether it ends in the middle of a frame.
    """

    start: int
    stop: int
    sample_rate: int
    channels: int
    bits: int
    block: int
    stated: int
    metadata: Metadata
    counted: int | None = None
    cut: bool = False

    def patched_head(self, head: bytes) -> bytes:
        """The first 26 bytes, `head`, with the counted number of samples."""
        word = int.from_bytes(head[18:26], "big") >> 36 << 36
        return head[:18] + (word | (self.counted or 0)).to_bytes(8, "big")


def survey(file: IO[bytes]) -> list[Flac]:
    """The streams of a file, in order; none if it isn't FLAC or starts with a damaged header."""
    start = after_id3(file)
    file.seek(start)
    if file.read(4) != _MARK:
        return []
    end = file.seek(0, 2)
    if end >= 128:
        file.seek(end - 128)
        if file.read(3) == b"TAG":  # ID3v1
            end -= 128
    starts = [start, *_joints(file, start + 4, end)]
    streams = []
    for first, stop in zip(starts, [*starts[1:], end], strict=True):
        if stream := _survey_stream(file, first, stop):
            streams.append(stream)
    return streams if streams and streams[0].start == start else []


def _joints(file: IO[bytes], position: int, end: int) -> list[int]:
    found = []
    overlap = len(_JOINT) - 1
    while position < end:
        file.seek(position)
        data = file.read(min(_LOOK, end - position))
        for mark in (_JOINT, _JOINT_ALONE):
            at = data.find(mark)
            while at >= 0:
                found.append(position + at)
                at = data.find(mark, at + 1)
        position += max(1, len(data) - overlap)
        if len(data) <= overlap:
            break
    return sorted(set(found))


def _survey_stream(file: IO[bytes], start: int, stop: int) -> Flac | None:
    file.seek(start)
    head = file.read(42)
    if len(head) < 42 or head[4] & 127 or head[5:8] != b"\0\0\x22":
        return None
    block = struct.unpack_from(">H", head, 10)[0]
    word = int.from_bytes(head[18:26], "big")
    channels, bits = (word >> 41 & 7) + 1, (word >> 36 & 31) + 1
    metadata = read_metadata(file, start, stop)
    info = Flac(start, stop, word >> 44, channels, bits, block, word & (2**36 - 1), metadata)
    last = _last_frame(file, info, metadata.sound)
    if last is None:
        return info
    position, first, samples, whole = last
    if whole:
        return replace(info, counted=first + samples)
    return replace(info, counted=first, stop=position, cut=True)


def read_metadata(file: IO[bytes], start: int, stop: int) -> Metadata:
    """Walk the metadata blocks of the stream from `start` to `stop`; a damaged size may point beyond it."""
    position, comments, pictures, mask = start + len(_MARK), None, [], None
    for _ in range(_MOST_BLOCKS):
        file.seek(position)
        header = file.read(4)
        if len(header) < 4 or position + 4 > stop:
            break
        kind, size = header[0] & 127, int.from_bytes(header[1:], "big")
        position += 4
        if kind == COMMENTS and comments is None:
            comments = position, min(position + size, stop)
            mask = _mask_of(file.read(min(size, _MOST_TEXT)))
        elif kind == _PICTURE:
            pictures.append(size)
        position += size
        if header[0] & 128:
            break
    return Metadata(min(position, stop), comments, tuple(pictures), mask)


def _mask_of(comments: bytes) -> int | None:
    at = comments.upper().find(b"WAVEFORMATEXTENSIBLE_CHANNEL_MASK=")
    if at < 4:
        return None
    size = struct.unpack_from("<I", comments, at - 4)[0]
    try:
        return int(comments[at + 34 : at + size], 0)
    except ValueError:
        return None


def _last_frame(file: IO[bytes], info: Flac, sound: int) -> tuple[int, int, int, bool] | None:
    """(Position, first sample, samples, whether it is complete) of the last frame."""
    window = 2**16
    while True:
        base = max(sound, info.stop - window)
        file.seek(base)
        data = file.read(info.stop - base)
        if (found := _last_frame_in(data, info)) is not None:
            return base + found[0], *found[1:]
        if base == sound or window > _LONGEST_FRAME:
            return None
        window *= 8


def _last_frame_in(data: bytes, info: Flac) -> tuple[int, int, int, bool] | None:
    broken: tuple[int, int, int, bool] | None = None
    at = data.rfind(b"\xff")
    while at >= 0:
        header = _parse_header(data[at : at + 20], info)
        if header:
            first, samples = header
            if broken is None:
                if _crc16(data[at:]) == 0 or (first + samples == info.stated and _ends_within(data[at:])):
                    return at, first, samples, True
                broken = at, first, samples, False
            elif _crc16(data[at : broken[0]]) == 0:
                return broken
            else:  # audio data that looked like a frame's header by chance
                broken = at, first, samples, False
        at = data.rfind(b"\xff", 0, at)
    return broken


def _ends_within(data: bytes) -> bool:
    """Whether a complete frame may be at the start of `data`, followed by something else."""
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ _CRC16[value >> 8 ^ byte]
        if value == 0:
            return True
    return False


def _parse_header(data: bytes, info: Flac) -> tuple[int, int] | None:
    """(First sample, samples) of the frame whose header starts here, or None."""
    if len(data) < 6 or data[1] & 0xFE != 0xF8 or data[3] & 1:
        return None
    block, rate, layout = data[2] >> 4, data[2] & 15, data[3] >> 4
    if block == 0 or rate == 15 or layout > 10 or (layout + 1 if layout < 8 else 2) != info.channels:
        return None
    number, at = _parse_number(data, 4)
    extra = {6: 1, 7: 2}.get(block, 0)
    end = at + extra + {12: 1, 13: 2, 14: 2}.get(rate, 0)
    if number is None or end >= len(data) or _crc8(data[:end]) != data[end]:
        return None
    if extra:
        samples = int.from_bytes(data[at : at + extra], "big") + 1
    else:
        samples = 192 if block == 1 else 576 << block - 2 if block < 6 else 256 << block - 8
    return number if data[1] & 1 else number * info.block, samples


def _parse_number(data: bytes, at: int) -> tuple[int | None, int]:
    """A number of up to 36 bits, coded like UTF-8, and the position after it."""
    lead = data[at]
    if lead < 128:
        return lead, at + 1
    count = 8 - (lead ^ 0xFF).bit_length()  # leading ones
    tail = data[at + 1 : at + count]
    if not 2 <= count <= 7 or len(tail) < count - 1 or any(byte >> 6 != 2 for byte in tail):
        return None, at
    number = lead & (1 << 7 - count) - 1
    for byte in tail:
        number = number << 6 | byte & 63
    return number, at + count


def _crc8(data: bytes) -> int:
    return crc(data, _CRC8, 8)


def _crc16(data: bytes) -> int:
    return crc(data, _CRC16, 16)


_CRC8, _CRC16 = crc_table(0x07, 8), crc_table(0x8005, 16)
