"""Kinds of audio files that libsndfile reads, by their names and suffixes."""

from __future__ import annotations

FORMATS = "WAV, FLAC, Ogg (Vorbis or Opus), MP3, AIFF, CAF, AU"
"""The common ones, for messages."""

SUFFIXES = (
    *(".wav", ".w64", ".rf64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc"),
    *(".caf", ".au", ".snd", ".avr", ".ircam", ".voc", ".wve"),
)
"""Suffixes that count as audio when a folder is searched."""

AV_SUFFIXES = (
    *(".m4a", ".m4b", ".mp4", ".aac", ".mka", ".mkv", ".webm", ".weba", ".wma", ".ape", ".wv", ".tta", ".tak", ".mpc"),
    *(".ac3", ".eac3", ".dts", ".amr", ".dsf"),
)
"""Suffixes of audio that only PyAV reads."""

CONTAINERS = {"aif": "AIFF", "aifc": "AIFF", "oga": "OGG", "opus": "OGG", "snd": "AU", "wave": "WAV"}
"""Formats whose name is not their suffix, as libsndfile calls them."""
