"""The reference recordings of an evaluation: one file, or a folder searched recursively."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from swc.audio import Audio, AudioReader
from swc.audio.formats import SUFFIXES
from swc.errors import InputError

MAX_MINUTES = 30
"""Longer recordings are refused: an evaluation keeps several whole ones in memory, and PESQ would take hours."""

SpeechRule = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Clip:
    """One reference recording.

    Attributes:
        path: of the file.
        file: path below the reference folder with forward slashes, or the name of a single file.
        domain: first folder of `file`, or "".
    """

    path: Path
    file: str
    domain: str


def find_clips(reference: Path, limit: int | None = None) -> list[Clip]:
    """The audio files of a folder in alphabetical order, or the one file given. Hidden files are left out.

    Args:
        reference: file, or folder that is searched recursively.
        limit: take only so many, spread evenly.

    Raises:
        InputError: nothing there, or no audio in the folder.
    """
    if reference.is_file():
        clips = [Clip(reference, reference.name, "")]
    elif reference.is_dir():
        clips = sorted(_search(reference), key=lambda clip: clip.file)
    else:
        raise InputError(f"no such file or folder: {reference}")
    if not clips:
        raise InputError(f"no audio files in {reference}; looked for {' '.join(SUFFIXES)}")
    count = len(clips) if limit is None else min(limit, len(clips))
    return [clips[index * len(clips) // count] for index in range(count)]


def read_clip(clip: Clip, noted: Callable[[str], None] | None = None) -> tuple[Audio, int]:
    """Samples (samples, channels), full scale 1.0, and the sample rate in Hz, as `swc encode` reads them.

    Args:
        noted: called with each sentence about an oddity of the file.

    Raises:
        InputError: as `AudioReader`; no samples, or too many.
    """
    with AudioReader(clip.path) as reader:
        most = MAX_MINUTES * 60 * reader.sample_rate
        blocks, samples = [], reader.total_samples or 0
        if samples <= most:
            samples = 0
            for block in reader.blocks():
                blocks.append(block)
                samples += len(block)
                if samples > most:
                    break
        if samples > most:
            raise InputError(f"{clip.path} is longer than {MAX_MINUTES} minutes; cut it into clips of some seconds")
        if not samples:
            raise InputError(f"{clip.path} contains no samples; remove it from the reference")
        if noted is not None:
            for note in reader.notes:
                noted(note)
        return np.concatenate(blocks), reader.sample_rate


def speech_rule(clips: list[Clip]) -> SpeechRule:
    """Which domains are speech: the one called "speech", or everything if there are no domain folders."""
    if any(clip.domain for clip in clips):
        return lambda domain: domain.lower() == "speech"
    return lambda domain: True


def _search(folder: Path) -> list[Clip]:
    clips = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        dangling = path.is_symlink() and not path.exists()  # to be named among the failures
        if path.suffix.lower() not in SUFFIXES or not (path.is_file() or dangling):
            continue
        if any(part.startswith(".") for part in inside.parts):
            continue
        domain = inside.parts[0] if len(inside.parts) > 1 else ""
        clips.append(Clip(path, inside.as_posix(), domain))
    return clips
