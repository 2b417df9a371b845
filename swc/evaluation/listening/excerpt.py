"""The part of a recording to listen to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from swc.audio import Audio, AudioReader
from swc.codec.options import samples_of
from swc.errors import InputError

DEFAULT_SECONDS = 30.0
"""The default duration of an excerpt."""

MOST_SECONDS = 300.0
"""The page holds every version uncompressed in memory."""


@dataclass(frozen=True)
class Excerpt:
    """A part of an audio file.

    Attributes:
        name: of the file in messages.
        audio: float32 (samples, channels).
        sample_rate: Hz.
        start: seconds into the file at which the part begins.
        file_seconds: duration of the whole file.
        notes: oddities of the file, for people.
    """

    name: str
    audio: Audio
    sample_rate: int
    start: float
    file_seconds: float
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Duration of the part."""
        return len(self.audio) / self.sample_rate


def read_excerpt(path: str | Path, start: float = 0.0, duration: float | None = None) -> Excerpt:
    """Read a part of an audio file of one or two channels.

    Args:
        path: of the file; - is stdin.
        start: seconds at which to begin.
        duration: in seconds; None takes the rest, but at most DEFAULT_SECONDS, and adds a note then.

    Raises:
        InputError: as `AudioReader`; more than two channels, more than MOST_SECONDS, or nothing after `start`.
    """
    if duration is not None and duration > MOST_SECONDS:
        raise InputError(f"a page holds at most {MOST_SECONDS:g} s; choose a shorter `duration`, and `start`")
    with AudioReader(path) as reader:
        rate, name = reader.sample_rate, reader.name
        check_channels(name, reader.channels)
        first, stop = samples_of(start, DEFAULT_SECONDS if duration is None else duration, rate)
        audio, total = _part(reader, first, stop)
        notes = tuple(reader.notes)
    if not len(audio):
        raise InputError(f"{name} has nothing after {start:g} s: it lasts {total / rate:.2f} s; choose another `start`")
    if duration is None and stop is not None and total > stop:
        notes += (f"{name} is long: the page has {DEFAULT_SECONDS:g} s of it; choose others with `start`, `duration`",)
    return Excerpt(name, audio, rate, first / rate, total / rate, notes)


def check_channels(name: str, channels: int) -> None:
    """Raise InputError for more channels than a page plays."""
    if channels > 2:
        raise InputError(
            f"{name} has {channels} channels, a listening page plays 1 or 2; "
            "mix them down first: ffmpeg -i IN -ac 2 out.wav"
        )


def _part(reader: AudioReader, first: int, stop: int | None) -> tuple[Audio, int]:
    """Samples `first` to `stop`, and the length of the file, which is read to its end if it does not state it."""
    parts, position = [np.zeros((0, reader.channels), np.float32)], 0
    for block in reader.blocks():
        end = position + len(block)
        parts.append(block[max(0, first - position) : None if stop is None else max(0, stop - position)])
        position = end
        if reader.total_samples is not None and stop is not None and position >= stop:
            break
    total = position if reader.total_samples is None else reader.total_samples
    return np.concatenate(parts), total
