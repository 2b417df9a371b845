"""WAV and raw PCM, read strictly forwards to their real end.

A pipe is not seekable, its header often lacks the length, and the header of a file may be wrong about it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, Literal

import numpy as np
import numpy.typing as npt

from swc.audio.notes import Notes
from swc.audio.riff import Layout, is_chunk, judge_tail, read_header
from swc.errors import InputError
from swc.files import read_some

Audio = npt.NDArray[np.float32]
"""Shape (samples, channels), float32, full scale [-1, 1]."""

Bits = Literal["16", "24", "float"]

PCM = {"16": "i2", "24": "i3", "float": "f4"}
"""Kinds of samples, by their bits: numpy's letter and size in bytes, little-endian."""

_SKIP = 2**16  # bytes


@dataclass(frozen=True)
class RawFormat:
    """Layout of PCM without a header, little-endian, channels interleaved.

    Attributes:
        bits: of a sample; "float" means 32 bits.
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


class WavSource:
    """Samples of a WAV file, or of raw PCM, read strictly forwards; an incomplete sample at the end is dropped.

    Args:
        fp: at the first sample.
        layout: of the samples.
        stated: bytes of samples, or None if only the end of the input tells.
        notes: for oddities; None for raw PCM.
        joined: whether more may follow the stated bytes, as in concatenated WAV files.

    Attributes:
        total_samples: per channel, or None if uncertain.
    """

    def __init__(
        self, fp: IO[bytes], layout: Layout, stated: int | None, notes: Notes | None = None, joined: bool = False
    ) -> None:
        self._fp, self._layout, self._notes, self._joined = fp, layout, notes, joined
        self._ahead = b""  # read already
        self._padding = (stated or 0) % 2
        self._left = None if stated is None else stated // layout.frame_bytes
        self._surplus = 0 if stated is None else stated % layout.frame_bytes
        self._stated, self._position = self._left, 0
        self.sample_rate, self.channels, self.channel_mask = layout.sample_rate, layout.channels, layout.mask
        self.total_samples = None if joined else self._left

    @classmethod
    def raw(cls, fp: IO[bytes], format: RawFormat, total: int | None) -> WavSource:
        """PCM without a header, of `total` samples if known."""
        layout = Layout(format.sample_rate, format.channels, PCM[format.bits], None)
        return cls(fp, layout, None if total is None else total * format.frame_bytes)

    @classmethod
    def parse(cls, fp: IO[bytes], consumed: bytearray, notes: Notes, size: int | None = None) -> WavSource | None:
        """Read up to the first sample; None to leave the file to libsndfile.

        Args:
            consumed: starts with the bytes already read and collects everything read here.
            size: bytes of a file, which is seekable; None for a pipe.

        Raises:
            InputError: a file that is shorter than its header says.
        """
        header = read_header(fp, consumed)
        if header is None:
            return None
        layout, stated, riff_end = header
        if size is None:
            return cls._from_pipe(fp, layout, stated, riff_end - len(consumed), notes)
        start = len(consumed)
        there = size - start
        if stated is None:
            notes.say(f"does not state its length; {there // layout.frame_bytes} samples were found")
            return cls(fp, layout, there)
        if stated > there:
            notes.ends_early(there // layout.frame_bytes, stated // layout.frame_bytes)
            return cls(fp, layout, there)
        tail = judge_tail(fp, start + stated + stated % 2, size)
        fp.seek(start)
        if tail == "samples":
            counts = there // layout.frame_bytes, stated // layout.frame_bytes
            notes.say("holds {} samples, not {} as its header states; all are read".format(*counts))
            return cls(fp, layout, there)
        if tail == "another":
            notes.say("holds several WAV files one after the other; all are read")
        return cls(fp, layout, stated, notes, joined=tail == "another")

    @classmethod
    def _from_pipe(cls, fp: IO[bytes], layout: Layout, stated: int | None, riff_left: int, notes: Notes) -> WavSource:
        ahead = b""
        if stated == 0:  # truly empty if a chunk follows; else the writer did not know the length
            ahead = fp.read(8)
            if ahead and not is_chunk(ahead, riff_left):
                stated = None
        source = cls(fp, layout, stated, notes, joined=notes.salvage and stated is not None)
        source._ahead = ahead
        return source

    def read(self, samples: int, wait: bool = True) -> Audio:
        """Up to `samples` samples, shape (n, channels); n = 0 at the end.

        Args:
            wait: for all of them; else at least one, and as many more as there are.

        Raises:
            InputError: audio follows the stated samples, or they are incomplete.
        """
        while True:
            width = self._layout.frame_bytes
            count = samples if self._left is None else min(samples, self._left)
            raw = self._take(count * width) if wait else self._some(count * width, width)
            raw = raw[: len(raw) - len(raw) % width]
            block = _from_pcm(raw, self._layout.kind).reshape(-1, self.channels)
            self._position += len(block)
            if self._left is not None:
                self._left -= len(block)
            if len(block) or self._left is None:
                return block
            if self._left:
                if self._notes and self.total_samples is None:  # otherwise the reader notices
                    self._notes.ends_early(self._position, self._position + self._left)
                return block
            if self._notes is None or not self._follow(self._notes):
                return block

    def _take(self, count: int) -> bytes:
        data, self._ahead = self._ahead[:count], self._ahead[count:]
        return data + self._fp.read(count - len(data)) if count > len(data) else data

    def _some(self, count: int, width: int) -> bytes:
        """Up to `count` bytes, as many as there are, in whole samples of `width`; fewer than one only at the end."""
        data = self._ahead
        while len(data) < min(width, count) and (more := read_some(self._fp, count - len(data))):
            data += more
        size = min(len(data), count)
        size -= size % width if size >= width else 0
        self._ahead = data[size:]
        return data[:size]

    def _follow(self, notes: Notes) -> bool:
        """Look at the bytes after the stated samples; True if they are audio, with which `read` continues."""
        self._notes = None
        self._take(self._surplus + self._padding)
        while header := self._take(8):
            if header[:4] in (b"RIFF", b"RF64"):
                return self._join(header, notes)
            if not is_chunk(header, 2**33):
                if len(header) < 8:
                    return False
                notes.lost(f"continues after the {self._stated} samples its header states", "save it to a file first")
                self._ahead, self._left = header + self._ahead, None
                return True
            left = struct.unpack_from("<I", header, 4)[0]
            left += left % 2
            while left and (skipped := self._take(min(left, _SKIP))):
                left -= len(skipped)
        return False

    def _join(self, header: bytes, notes: Notes) -> bool:
        if not self._joined:
            notes.lost(f"continues with another WAV file after {self._position} samples", "save it to a file first")
        consumed = bytearray(header)
        following = read_header(self._fp, consumed)
        if following is None:
            notes.lost(f"continues after {self._position} samples with bytes that cannot be read", "convert it first")
            return False
        layout, stated, _ = following
        if (layout.sample_rate, layout.channels) != (self.sample_rate, self.channels):
            raise InputError(
                f"{notes.name} holds WAV files of different kinds one after the other ({self.sample_rate} Hz x "
                f"{self.channels} and {layout.sample_rate} Hz x {layout.channels}); split it first"
            )
        notes.say("holds several WAV files one after the other; all are read")
        self._layout, self._notes = layout, notes
        self._left = None if stated is None else stated // layout.frame_bytes
        self._stated, self._padding = self._left, (stated or 0) % 2
        self._surplus = 0 if stated is None else stated % layout.frame_bytes
        return True


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
