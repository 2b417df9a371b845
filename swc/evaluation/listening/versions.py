"""Versions of a recording, all with its rate and length, so that a listener can switch between them anywhere."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from swc.audio import Audio, resample
from swc.bitstream import Stream
from swc.codec.options import samples_of
from swc.evaluation.listening.excerpt import Excerpt, check_channels, read_excerpt
from swc.files import PIPE, is_special

if TYPE_CHECKING:
    from swc.codec.codec import Codec


@dataclass(frozen=True)
class Version:
    """One version of a recording.

    Attributes:
        name: on the page.
        audio: float32 (samples, channels) at the recording's rate, as long as the original.
        kbps: measured kbit/s, all bytes counted; None without a file whose bytes could be counted.
        note: differences from the original apart from sound; empty if there are none.
        samples: per channel, before added silence; None if no silence was added.
    """

    name: str
    audio: Audio
    kbps: float | None = None
    note: str = ""
    samples: int | None = None


def coded(codec: Codec, original: Excerpt, kbps: float) -> Version:
    """The excerpt, encoded at a rate and decoded.

    Raises:
        BitrateError: a rate that the excerpt cannot meet.
    """
    data = codec.encode(original.audio, original.sample_rate, kbps=kbps).to_bytes()
    decoded = codec.decode(Stream.from_bytes(data))
    return Version(f"swc {kbps:g}", decoded, len(data) * 8 / original.seconds / 1000)


def from_file(path: str, original: Excerpt, name: str) -> Version:
    """An audio file that holds the same recording, resampled and fitted to the original.

    Args:
        path: of a version of the whole recording; the part at the original's place is used.
        original: gives length and rate.
        name: of the version.

    Raises:
        InputError: as `read_excerpt`.
    """
    part = read_excerpt(path, original.start, original.seconds)
    audio = resample(part.audio, part.sample_rate, original.sample_rate)
    counted = path != PIPE and not is_special(path)
    kbps = os.path.getsize(path) * 8 / part.file_seconds / 1000 if counted else None
    return _fitted(name, audio, part.file_seconds, kbps, original)


def from_stream(codec: Codec, path: str, original: Excerpt, name: str) -> Version:
    """A .swc file that holds the same recording, decoded and fitted like `from_file`.

    Raises:
        FormatError: a damaged stream.
        ModelError: one of another model.
        InputError: more than two channels, or nothing at the original's place.
    """
    stream = Stream.load(path)
    rate, channels = stream.header.source_rate, stream.header.channels
    check_channels(path, channels)
    first, stop = samples_of(original.start, original.seconds, rate)
    part = np.concatenate(list(codec.decode_blocks(stream, start=first, stop=stop)))
    return _fitted(name, resample(part, rate, original.sample_rate), stream.duration, stream.kbps, original)


def _fitted(name: str, audio: Audio, seconds: float, kbps: float | None, original: Excerpt) -> Version:
    """Cut or padded with silence to the original's length; differences are noted."""
    notes = []
    difference = seconds - original.file_seconds
    if abs(difference) * original.sample_rate > 1:
        notes.append(f"{abs(difference):.3f} s {'longer' if difference > 0 else 'shorter'} than the original")
    (samples, channels), own = original.audio.shape, audio.shape[1]
    if own != channels:
        notes.append(f"{'mono' if own == 1 else 'stereo'}, unlike the original")
    fitted = np.zeros((samples, own), np.float32)
    fitted[: len(audio)] = audio[:samples]
    return Version(name, fitted, kbps, ", ".join(notes), min(len(audio), samples))
