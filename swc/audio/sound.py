"""Sources of samples through libsndfile: a whole file, parts of one, and several streams in sequence."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

import numpy as np

from swc.audio.channels import Order, from_map, from_xiph, stated_mask
from swc.audio.feed import Feed, Range
from swc.audio.notes import Notes
from swc.audio.tags import FoundTags, sound_tags
from swc.audio.wav import Audio
from swc.errors import InputError

if TYPE_CHECKING:
    import soundfile as sf

_UNKNOWN_FRAMES = 2**62  # counts of libsndfile at or above this mean "unknown"
_PLACEHOLDER = 0x7F000000  # sizes from here on are placeholders of programs that write to a pipe
_GET_CHANNEL_MAP = 0x1100
_TRUE_MAPS = ("WAVEX", "RF64", "W64", "CAF")  # libsndfile 1.2 makes up a map for AIFF, and has none for others
_MISSING = re.compile(r"(?:(?:SSND|BODY|data|Data Size|riff) *:|Data length) (\d+) \(?should be (\d+)")
_SLACK = 64  # bytes by which sizes may be wrong in complete files


class Source(Protocol):
    """A source of samples: float32 in WAV's order of channels; total_samples only where it is certain."""

    sample_rate: int
    channels: int
    channel_mask: int | None
    total_samples: int | None

    def read(self, samples: int) -> Audio:
        """Up to `samples` samples, shape (n, channels); n = 0 only at the end."""
        ...


class UnreadableError(Exception):
    """libsndfile cannot read this; the text states its reason."""


class SoundSource:
    """One stream that libsndfile reads from a path or a descriptor.

    Args:
        file: path or descriptor; not a file object, which would swallow an interrupt in its callbacks.
        notes: for oddities.
        xiph_order: whether the channels come in the order of Ogg Vorbis.

    Attributes:
        sound: libsndfile's file.
        tags: of the file.

    Raises:
        UnreadableError: libsndfile cannot read it.
        InputError: from `read`: damage.
    """

    def __init__(self, file: bytes | int, notes: Notes, xiph_order: bool = False) -> None:
        import soundfile as sf

        try:
            self.sound: sf.SoundFile = sf.SoundFile(file, closefd=False)
        except (sf.SoundFileError, TypeError) as error:  # TypeError: headerless .raw, whose rate is unknown
            reason = getattr(error, "error_string", "no header").strip().rstrip(".") or "unknown contents"
            if "not a regular file" in reason:  # said of files named .mp3 that hold no MP3
                reason = "Format not recognised"
            raise UnreadableError(reason) from None
        self._notes, self._position = notes, 0
        self.tags: FoundTags = sound_tags(self.sound)
        self.sample_rate, self.channels = int(self.sound.samplerate), int(self.sound.channels)
        self.total_samples = int(self.sound.frames) if self.sound.frames < _UNKNOWN_FRAMES else None
        self.channel_mask: int | None = None
        self._order: Order | None = None
        if xiph_order:
            self._order = from_xiph(self.channels)
        elif self.sound.format in _TRUE_MAPS:
            self._order, mask = from_map(_channel_map(self.sound))
            self.channel_mask = stated_mask(mask, self.channels)

    def read(self, samples: int) -> Audio:
        """Up to `samples` samples, shape (n, channels); n = 0 at the end."""
        import soundfile as sf

        try:
            block: Audio = self.sound.read(samples, dtype="float32", always_2d=True)
        except sf.LibsndfileError as error:
            reason = error.error_string.strip().rstrip(".")
            self._notes.lost(f"is damaged after {self._position} samples" + (f" ({reason})" if reason else ""))
            return np.zeros((0, self.channels), np.float32)
        self._position += len(block)
        return block if self._order is None else np.ascontiguousarray(block[:, self._order])

    def close(self) -> None:
        """Release libsndfile's file."""
        self.sound.close()

    def lacks(self) -> tuple[int, int] | None:
        """(Bytes of audio present, bytes stated) of a file shorter than its header says, by libsndfile's log."""
        for stated, there in _MISSING.findall(self.sound.extra_info):
            if int(there) + _SLACK < int(stated) < _PLACEHOLDER:
                return int(there), int(stated)
        return None


def open_path(
    path: Path | None, file: IO[bytes], notes: Notes, resources: ExitStack, xiph: bool = False
) -> SoundSource:
    """Open a whole file, by its path where it has one: some formats go by the suffix."""
    if path is not None:
        source = SoundSource(os.fsencode(path), notes, xiph)
    else:
        source = SoundSource(rewound(file, resources), notes, xiph)
    resources.callback(source.close)
    return source


def rewound(file: IO[bytes], resources: ExitStack) -> int:
    """The descriptor of a file, at its start until `resources` are closed; then at the position that `file` assumes."""
    descriptor = file.fileno()
    resources.callback(os.lseek, descriptor, os.lseek(descriptor, 0, os.SEEK_CUR), os.SEEK_SET)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


class FedSource(SoundSource):
    """A stream in parts of a file; libsndfile does not get to see the length that its header states.

    Args:
        skip: samples to leave out at the start.
        samples: per channel after these, where they were counted.
    """

    def __init__(
        self,
        file: IO[bytes],
        ranges: Sequence[Range],
        notes: Notes,
        *,
        xiph_order: bool = False,
        skip: int = 0,
        samples: int | None = None,
    ) -> None:
        self._feed = Feed(file, ranges)
        try:
            super().__init__(self._feed.fd, notes, xiph_order)
        except BaseException:
            self._feed.close()
            raise
        self.total_samples = samples
        self._left = samples
        self._skip = skip

    def read(self, samples: int) -> Audio:
        while self._skip and len(block := super().read(min(self._skip, samples))):
            self._skip -= len(block)
            self._position -= len(block)
        block = super().read(samples if self._left is None else min(samples, self._left))
        if self._left is not None:
            self._left -= len(block)
        return block

    def close(self) -> None:
        super().close()
        self._feed.close()


class Joined:
    """Streams in sequence, of which only one is open at a time.

    Args:
        openers: each opens one.
        total_samples: of them all, where known.

    Raises:
        InputError: also from `read`: streams of different rates or channels.
    """

    def __init__(
        self, openers: Sequence[Callable[[], SoundSource]], notes: Notes, resources: ExitStack, total: int | None
    ) -> None:
        self._rest: Iterator[Callable[[], SoundSource]] = iter(openers)
        self._notes = notes
        first = next(self._rest)()
        self._now: SoundSource | None = first
        resources.callback(self.close)
        self.sample_rate, self.channels = first.sample_rate, first.channels
        self.channel_mask = first.channel_mask
        self.total_samples = total

    def read(self, samples: int) -> Audio:
        """Up to `samples` samples, shape (n, channels); n = 0 at the end of the last."""
        while self._now is not None:
            if len(block := self._now.read(samples)):
                return block
            self.close()
            if opener := next(self._rest, None):
                self._now = self._open(opener)
        return np.zeros((0, self.channels), np.float32)

    def close(self) -> None:
        """Release the one that is open."""
        if self._now is not None:
            self._now.close()
            self._now = None

    def _open(self, opener: Callable[[], SoundSource]) -> SoundSource:
        try:
            source = opener()
        except UnreadableError as error:
            raise InputError(f"{self._notes.name} holds a stream that cannot be read ({error})") from None
        kinds = [(self.sample_rate, self.channels), (source.sample_rate, source.channels)]
        if kinds[0] != kinds[1]:
            source.close()
            refuse_mixture(self._notes, kinds)
        return source


def refuse_mixture(notes: Notes, kinds: Sequence[tuple[int, int]]) -> None:
    """Raise InputError if streams, each of (sample rate, channels), cannot be played in sequence."""
    if len(set(kinds)) > 1:
        listed = " and ".join(f"{rate} Hz x {channels}" for rate, channels in dict.fromkeys(kinds))
        raise InputError(
            f"{notes.name} holds streams of different kinds one after the other ({listed}); "
            "convert it first: ffmpeg -i IN -ar 44100 -ac 2 out.wav"
        )


def _channel_map(sound: sf.SoundFile) -> list[int]:
    """libsndfile's positions of the channels, or nothing; soundfile has no name of its own for this."""
    import soundfile as sf

    positions = sf._ffi.new("int[]", sound.channels)
    known = sf._snd.sf_command(sound._file, _GET_CHANNEL_MAP, positions, 4 * sound.channels)
    return list(positions) if known else []
