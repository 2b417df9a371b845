"""A page to compare versions of a recording by ear: one HTML file that loads nothing else.

original = read_excerpt("in.wav")
versions = [Version("Original", original.audio), coded(codec, original, 2.67), opus(original, 6)]
html = listening_page([Recording("in.wav", original.sample_rate, tuple(versions))])
"""

from __future__ import annotations

from swc.evaluation.listening.excerpt import DEFAULT_SECONDS, MOST_SECONDS, Excerpt, read_excerpt
from swc.evaluation.listening.levels import Playback, k_weighted_level, match_levels
from swc.evaluation.listening.opus import opus, opus_rates
from swc.evaluation.listening.page import MOST_VERSIONS, Recording, check_versions, listening_page
from swc.evaluation.listening.versions import Version, coded, from_file, from_stream

__all__ = [
    "DEFAULT_SECONDS",
    "MOST_SECONDS",
    "MOST_VERSIONS",
    "Excerpt",
    "Playback",
    "Recording",
    "Version",
    "check_versions",
    "coded",
    "from_file",
    "from_stream",
    "k_weighted_level",
    "listening_page",
    "match_levels",
    "opus",
    "opus_rates",
    "read_excerpt",
]
