"""Counts frames of MPEG audio (MP3 and its predecessors): the number in a header may be wrong or missing."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import lru_cache
from typing import IO

from swc.audio.feed import Range

DECODER_DELAY = 529  # delay of a layer III decoder in samples

_RATES = (44100, 48000, 32000)
_KBPS = {  # by (MPEG-1, layer)
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HEAD = 200  # bytes that hold a frame's header and all of an Info header
_LOOK = 2**16  # bytes looked through at once for the next frame


@dataclass(frozen=True)
class Frame:
    """The contents of a frame's 4-byte header: layer 1 to 3, Hz, bytes, and samples a channel."""

    mpeg1: bool
    layer: int
    sample_rate: int
    channels: int
    size: int
    samples: int

    @property
    def kind(self) -> tuple[int, int, int]:
        """The properties shared by all frames of a stream."""
        return self.layer, self.sample_rate, self.channels


@dataclass
class Stream:
    """One stream of frames.

    Attributes:
        frame: the first.
        stated: frames by its Xing, Info or VBRI header; None if there is none or it does not say.
        delay, padding: samples that the encoder put before and after the audio; None if unknown.
        ranges: bytes of the frames that hold audio.
        frames: of them.
    """

    frame: Frame
    stated: int | None = None
    delay: int | None = None
    padding: int = 0
    ranges: list[Range] = field(default_factory=list)
    frames: int = 0

    @property
    def skip(self) -> int:
        """Decoded samples before the audio."""
        return 0 if self.delay is None else self.delay + DECODER_DELAY

    @property
    def samples(self) -> int:
        """Samples a channel of the audio."""
        total = self.frames * self.frame.samples
        if self.delay is not None and self.counts_are_right:
            total = min(total, total - self.padding + DECODER_DELAY)
        return max(0, total - self.skip)

    @property
    def counts_are_right(self) -> bool:
        """Whether the header's count, which may include the header's own frame, matches the frames."""
        return self.stated in (self.frames, self.frames + 1)

    @property
    def is_plain(self) -> bool:
        """Whether its header is correct or absent."""
        return self.stated is None or self.counts_are_right

    def add(self, start: int, stop: int) -> None:
        """Append one frame."""
        self.frames += 1
        if self.ranges and self.ranges[-1][1] == start:
            start = self.ranges.pop()[0]
        self.ranges.append((start, stop))


@dataclass
class Survey:
    """The contents of a file of MPEG audio: its streams, and bytes that are neither frames nor tags."""

    streams: list[Stream]
    junk: int = 0


@lru_cache(maxsize=4096)
def parse_frame(header: bytes) -> Frame | None:
    """The frame that 4 bytes announce, or None."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    kbps, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or kbps in (0, 15) or rate == 3:
        return None
    mpeg1 = version == 3
    sample_rate = _RATES[rate] >> (0 if mpeg1 else 1 if version == 2 else 2)
    samples = 384 if layer == 1 else 1152 if mpeg1 or layer == 2 else 576
    unit = 4 if layer == 1 else 1
    size = (samples // 8 // unit * _KBPS[mpeg1, layer][kbps - 1] * 1000 // sample_rate + (header[2] >> 1 & 1)) * unit
    return Frame(mpeg1, layer, sample_rate, 1 if header[3] >> 6 == 3 else 2, size, samples)


def after_id3(file: IO[bytes], position: int = 0) -> int:
    """The position after the ID3v2 tags that start at `position`, if any."""
    while True:
        file.seek(position)
        head = file.read(10)
        if len(head) < 10 or head[:3] != b"ID3" or max(head[6:]) > 127:
            return position
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        position += 10 + size + (10 if head[5] & 16 else 0)


def survey(file: IO[bytes], anywhere: bool = False) -> Survey | None:
    """Count the frames of a file; None if no frame is at its start, or, if `anywhere`, none at all.

    The start is the position after ID3 tags.
    """
    return _Walk(file).survey(anywhere)


class _Walk:
    """Goes through a file from frame to frame."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._end = file.seek(0, 2)

    def survey(self, anywhere: bool) -> Survey | None:
        position = after_id3(self._file)
        if not anywhere and not self._is_frame(position):
            return None
        streams: list[Stream] = []
        junk = 0
        while position < self._end:
            head = self._read(position, _HEAD)
            frame = parse_frame(head[:4])
            new = not streams or frame is None or frame.kind != streams[-1].frame.kind
            if frame is None or (new and not self._is_frame(position)):
                start, position = position, self._after_tag(position)
                if position == start:
                    position = self._next_frame(position + 1)
                    junk += position - start
                continue
            stop = position + frame.size
            if stop > self._end:
                junk += self._end - position
                break
            if stream := _parse_info(frame, head):
                streams.append(stream)
            else:
                if new:
                    streams.append(Stream(frame))
                streams[-1].add(position, stop)
            position = stop
        streams = [stream for stream in streams if stream.frames or stream.stated]
        return Survey(streams, junk) if streams else None

    def _read(self, position: int, count: int) -> bytes:
        self._file.seek(position)
        return self._file.read(count)

    def _is_frame(self, position: int) -> bool:
        """Whether a frame starts here, and another of its kind, a tag or nothing follows."""
        frame = parse_frame(self._read(position, 4))
        if frame is None:
            return False
        following = self._read(position + frame.size, 4)
        if len(following) < 4 or following[:3] in (b"TAG", b"ID3", b"APE"):
            return position + frame.size <= self._end
        successor = parse_frame(following)
        return successor is not None and successor.kind == frame.kind

    def _after_tag(self, position: int) -> int:
        """The position after the tag (ID3 or APE) that starts here, or `position` if there is none."""
        head = self._read(position, 32)
        if head[:3] == b"TAG" and position + 128 <= self._end:
            return position + 128
        if head[:8] == b"APETAGEX" and len(head) == 32:
            size, _, flags = struct.unpack_from("<III", head, 12)
            is_header = flags >> 29 & 1
            return position + 32 + (size if is_header else 0)
        return after_id3(self._file, position)

    def _next_frame(self, position: int) -> int:
        """The position of the next frame, or of the end."""
        while data := self._read(position, _LOOK):
            at = data.find(b"\xff")
            while at >= 0:
                if self._is_frame(position + at):
                    return position + at
                at = data.find(b"\xff", at + 1)
            position += len(data)
        return self._end


def _parse_info(frame: Frame, head: bytes) -> Stream | None:
    """An empty stream described by its Xing, Info or VBRI header, or None if this frame isn't one."""
    if frame.layer != 3:
        return None
    if head[36:40] == b"VBRI" and len(head) >= 54:
        return Stream(frame, stated=struct.unpack_from(">I", head, 50)[0])
    at = 4 + ((32 if frame.channels == 2 else 17) if frame.mpeg1 else 17 if frame.channels == 2 else 9)
    if head[at : at + 4] not in (b"Xing", b"Info") or len(head) < at + 12:
        return None
    flags, count = struct.unpack_from(">II", head, at + 4)
    stream = Stream(frame, stated=count if flags & 1 else None)
    encoder = at + 8 + sum(size for bit, size in ((1, 4), (2, 4), (4, 100), (8, 4)) if flags & bit)
    if head[encoder : encoder + 4].isalnum():
        trim = int.from_bytes(head[encoder + 21 : encoder + 24], "big")
        stream.delay, stream.padding = trim >> 12, trim & 0xFFF
    return stream
