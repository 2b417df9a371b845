"""The page itself: HTML, style and scripts from `assets`, and the audio as data."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from string import Template
from typing import Any

import numpy as np
import soundfile

from swc import __version__
from swc.audio import Audio
from swc.audio.sinks import quantized
from swc.errors import InputError
from swc.evaluation.listening.levels import Playback, match_levels
from swc.evaluation.listening.versions import Version
from swc.files import printable

MOST_VERSIONS = 9
"""Each version has a digit on the keyboard."""

_SCRIPTS = ("spectrogram.js", "player.js", "blind.js", "view.js", "app.js", "controls.js")
_SUBSET_HZ = 65535  # above, FLAC states rates in multiples of 10


@dataclass(frozen=True)
class Recording:
    """A recording in several versions.

    Attributes:
        name: on the page.
        sample_rate: Hz, of all versions.
        versions: the original first; of one length.
        start: seconds into the file at which they begin.
    """

    name: str
    sample_rate: int
    versions: tuple[Version, ...]
    start: float = 0.0


def listening_page(recordings: Sequence[Recording]) -> str:
    """An HTML document that plays the versions of each recording side by side.

    Raises:
        InputError: as `check_versions`.
        ValueError: no recordings, or versions of unequal lengths.
    """
    for recording in recordings:
        check_versions(len(recording.versions))
        if len({len(version.audio) for version in recording.versions}) > 1:
            raise ValueError(f"the versions of {recording.name} differ in length")
    if not recordings:
        raise ValueError("a page needs a recording")
    script = "".join(f"{_asset(name)}\n" for name in _SCRIPTS)
    script = f'"use strict";\n(() => {{\n{script}}})();\n'
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    names = recordings[0].name if len(recordings) == 1 else f"{len(recordings)} recordings"
    return Template(_asset("page.html")).substitute(
        title=html.escape(printable(f"Compare: {names}")),
        version=__version__,
        digest=digest,
        style=_asset("page.css"),
        data=_json([_recording(recording) for recording in recordings]),
        script=script,
    )


def check_versions(count: int) -> None:
    """Raise InputError for more versions than keys, or too few to compare."""
    if not 2 <= count <= MOST_VERSIONS:
        raise InputError(f"{count} versions; a page compares 2 to {MOST_VERSIONS}, including the original")


def _asset(name: str) -> str:
    return (resources.files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _json(value: Any) -> str:
    """JSON that is safe in a script element: in ASCII, and without anything that could end it."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")


def _recording(recording: Recording) -> dict[str, Any]:
    playbacks = match_levels(recording.versions, recording.sample_rate)
    return {
        "name": printable(recording.name),
        "rate": recording.sample_rate,
        "samples": len(recording.versions[0].audio),
        "start": recording.start,
        "versions": [
            _version(version, playback, recording.sample_rate)
            for version, playback in zip(recording.versions, playbacks, strict=True)
        ],
    }


def _version(version: Version, playback: Playback, sample_rate: int) -> dict[str, Any]:
    """The samples are embedded with levels matched; `unmatched` undoes that."""
    return {
        "name": printable(version.name),
        "kbps": None if version.kbps is None else round(version.kbps, 3),
        "note": version.note,
        "channels": version.audio.shape[1],
        "gain_db": round(playback.gain_db, 3),
        "unmatched": playback.unmatched / playback.matched,
        "audio": base64.b64encode(_compressed(version.audio * playback.matched, sample_rate)).decode(),
    }


def _compressed(audio: Audio, sample_rate: int) -> bytes:
    """FLAC of 16 bits a sample, which browsers decode; WAV at the few rates that FLAC cannot state."""
    container = "FLAC" if sample_rate <= _SUBSET_HZ or sample_rate % 10 == 0 else "WAV"
    buffer = io.BytesIO()
    soundfile.write(buffer, quantized(audio, 16).astype(np.int16), sample_rate, "PCM_16", format=container)
    return buffer.getvalue()
