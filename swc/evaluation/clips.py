"""The reference recordings of an evaluation: one file, or a folder searched recursively."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from swc.audio.formats import SUFFIXES
from swc.errors import InputError

SpeechRule = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Clip:
    """One reference recording.

    Attributes:
        path: where it lies.
        file: path below the reference folder with forward slashes, or the name of a single file.
        domain: first folder of `file`, or "".
    """

    path: Path
    file: str
    domain: str


def find_clips(reference: Path) -> list[Clip]:
    """The audio files of a folder in alphabetical order, or the one file given. Hidden files are left out.

    Raises:
        InputError: nothing there, no audio in the folder, or a file that cannot be read or has no samples.
    """
    if reference.is_file():
        clips = [Clip(reference, reference.name, "")]
    elif reference.is_dir():
        clips = sorted(_search(reference), key=lambda clip: clip.file)
    else:
        raise InputError(f"no such file or folder: {reference}")
    if not clips:
        raise InputError(f"no audio files in {reference}; looked for {' '.join(SUFFIXES)}")
    for clip in clips:
        _check(clip)
    return clips


def read_clip(clip: Clip) -> tuple[NDArray[np.float32], int]:
    """Samples as float32 of shape (samples, channels), full scale 1.0, and the sample rate in Hz."""
    audio, sample_rate = soundfile.read(clip.path, dtype="float32", always_2d=True)
    return audio, int(sample_rate)


def speech_rule(clips: list[Clip]) -> SpeechRule:
    """Which domains are speech: the one called "speech", or everything if there are no domain folders."""
    if any(clip.domain for clip in clips):
        return lambda domain: domain.lower() == "speech"
    return lambda domain: True


def _search(folder: Path) -> list[Clip]:
    clips = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        if any(part.startswith(".") for part in inside.parts):
            continue
        domain = inside.parts[0] if len(inside.parts) > 1 else ""
        clips.append(Clip(path, inside.as_posix(), domain))
    return clips


def _check(clip: Clip) -> None:
    """Fail on an unusable file before hours of work, not in the middle of them."""
    try:
        frames = soundfile.info(clip.path).frames
    except soundfile.LibsndfileError as error:
        raise InputError(f"cannot read {clip.path}: {error.error_string}") from error
    if frames == 0:
        raise InputError(f"{clip.path} contains no samples; remove it from the reference")
