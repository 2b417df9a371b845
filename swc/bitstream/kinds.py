"""Recognises other kinds of files that were passed as .swc streams, and gives advice."""

from __future__ import annotations

import re

SNIFF_SIZE = 4096
"""Bytes from the start of a file that `describe` should get."""

_AUDIO = (
    (rb"RIFF....WAVE|RF64....WAVE|RIFX....WAVE", "WAV"),
    (rb"fLaC", "FLAC"),
    (rb"OggS", "Ogg"),
    (rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]", "MP3"),
    (rb"\xff[\xf0\xf1\xf8\xf9]", "AAC"),
    (rb"FORM....AIF[FC]", "AIFF"),
    (rb"....ftyp", "MP4"),
)
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_NEURON_LINE = re.compile(rf"[ \t]*\d+(?:[ \t,]+{_NUMBER}){{5}}[ \t,]+-?\d+[ \t]*")
_SOURCE = re.compile(r"^\s*(?:import|export|const|let|var|function|class|async|//|/\*|\"use strict\")", re.M)


def describe(head: bytes) -> str:
    """Say what kind of file this is, which lacks the magic, by its first bytes, and what to do next."""
    if not head:
        return "the file is empty; encode the audio again"
    if re.match(rb".SWC[\r\n\x1a]", head, re.S):
        return "the magic of this .swc stream is damaged, as a transfer in text mode does; copy it as binary"
    for pattern, kind in _AUDIO:
        if re.match(pattern, head, re.S):
            return f"this is {kind} audio, not a .swc stream; encode it with `swc encode`"
    if head.startswith(b"PK"):
        return "this is a zip, such as an Adobe Flex .swc library, not audio; use Flex tools or unzip it"
    text = _as_text(head)
    if text is not None:
        return _describe_text(text)
    return "this is not a .swc audio stream; give a file that `swc encode` made"


def _as_text(head: bytes) -> str | None:
    """The bytes as text, or None if they are binary."""
    foreign = sum(byte > 127 for byte in head)
    if foreign > len(head) // 4 or any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return None
    return head.decode("latin-1")  # old morphology files hold its micro sign


def _describe_text(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    data = [line for line in lines if not line.lstrip().startswith("#")]
    only_comments = not data and bool(lines) and not lines[0].startswith("#!")
    if only_comments or (data and _NEURON_LINE.match(data[0])):
        return "this is text, as of an SWC neuron morphology, not audio; open it with a neuron viewer"
    if _SOURCE.search(text) or text.lstrip().startswith("{"):
        return "this is source text, as for the swc JavaScript compiler, not audio; run that swc on it"
    return "this is text, not a .swc audio stream; give a file that `swc encode` made"
