"""Pages of Ogg, walked to the end: which streams a file holds, in sequence and side by side."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import IO

from swc.audio.crc import crc, crc_table
from swc.audio.feed import Range

_HEAD = 27  # bytes of a page before its table of segments
_PACKET = 64  # bytes of a stream's first packet that are examined
_CHECK = slice(22, 26)  # a page's CRC-32
_CRC32 = crc_table(0x04C11DB7, 32)


@dataclass
class Stream:
    """One logical stream.

    Attributes:
        codec: "vorbis", "opus", or "other".
        sample_rate: in Hz; Opus is always decoded from 48 000.
        channels: of the stream.
        xiph_order: whether its channels are in the order of Vorbis.
        ranges: bytes of its pages.
        ended: whether its last page is marked as such.
    """

    codec: str
    sample_rate: int = 0
    channels: int = 0
    xiph_order: bool = False
    ranges: list[Range] = field(default_factory=list)
    ended: bool = False

    @property
    def kind(self) -> tuple[str, int, int]:
        """The properties that streams must share to be played in sequence."""
        return self.codec, self.sample_rate, self.channels

    def add(self, start: int, stop: int) -> None:
        """Append one page."""
        if self.ranges and self.ranges[-1][1] == start:
            start = self.ranges.pop()[0]
        self.ranges.append((start, stop))


@dataclass
class Survey:
    """The contents of an Ogg file.

    Attributes:
        links: in sequence, the streams that start together.
        junk: bytes that are not in any page.
        cut: whether it ends in the middle of a page.
    """

    links: list[list[Stream]]
    junk: int = 0
    cut: bool = False


def survey(file: IO[bytes]) -> Survey | None:
    """Walk the pages of a file; None if it does not start with one."""
    end = file.seek(0, 2)
    found = Survey([])
    by_serial: dict[int, Stream] = {}
    position, starting = 0, False
    while position < end:
        file.seek(position)
        head = file.read(_HEAD + 255 + _PACKET)
        size = _page_size(head)
        if size is None:
            if position == 0:
                return None
            after = _next_page(file, position + 1, end)
            found.junk += after - position
            position = after
            continue
        if position + size > end:
            found.cut = True
            break
        flags, serial = head[5], struct.unpack_from("<I", head, 14)[0]
        if flags & 2:
            if not starting:
                found.links.append([])
                by_serial = {}
            by_serial[serial] = _parse_packet(head[_HEAD + head[26] :])
            found.links[-1].append(by_serial[serial])
        starting = bool(flags & 2)
        if stream := by_serial.get(serial):
            stream.add(position, position + size)
            stream.ended = bool(flags & 4)
        position += size
    return found


def second_packet(file: IO[bytes], pages: Sequence[Range]) -> list[Range]:
    """The place of a stream's second packet, in parts, as a page may end within it; empty if there is none.

    Args:
        pages: of the stream, complete ones.
    """
    parts: list[Range] = []
    number = 0
    for start, stop in pages:
        while start < stop:
            file.seek(start)
            head = file.read(_HEAD + 255)
            start += _HEAD + head[26]
            for size in head[_HEAD : _HEAD + head[26]]:
                if number == 1:
                    first = parts.pop()[0] if parts and parts[-1][1] == start else start
                    parts.append((first, start + size))
                start += size
                number += size < 255  # a segment that is not full ends a packet
                if number == 2:
                    return parts
    return []


def seal(file: IO[bytes], stop: int) -> None:
    """Correct the CRCs of all pages that start before the byte `stop`."""
    position = 0
    while position < stop:
        file.seek(position)
        head = file.read(_HEAD + 255)
        file.seek(position)
        page = bytearray(file.read(_page_size(head) or stop - position))
        page[_CHECK] = bytes(4)
        page[_CHECK] = struct.pack("<I", crc(bytes(page), _CRC32, 32))
        file.seek(position)
        file.write(page)
        position += len(page)


def _page_size(head: bytes) -> int | None:
    """Bytes of the page that starts like this, or None if it is not a page."""
    if len(head) < _HEAD or head[:5] != b"OggS\0":
        return None
    count = head[26]
    return _HEAD + count + sum(head[_HEAD : _HEAD + count])


def _next_page(file: IO[bytes], position: int, end: int) -> int:
    while position < end:
        file.seek(position)
        data = file.read(2**16)
        at = data.find(b"OggS\0")
        if at >= 0:
            return position + at
        position += max(1, len(data) - 4)
    return end


def _parse_packet(packet: bytes) -> Stream:
    """The stream that the first packet of its first page announces."""
    if packet[:7] == b"\1vorbis" and len(packet) >= 16:
        channels, rate = struct.unpack_from("<BI", packet, 11)
        return Stream("vorbis", rate, channels, xiph_order=True)
    if packet[:8] == b"OpusHead" and len(packet) >= 19:
        return Stream("opus", 48000, packet[9], xiph_order=packet[18] == 1)
    return Stream("other")
