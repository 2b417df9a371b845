"""Layouts of payloads, one file for each family."""

from __future__ import annotations

from swc.bitstream.layouts.fsq import FsqLayout
from swc.bitstream.layouts.layout import Codes, Layout
from swc.bitstream.layouts.revq import RevqLayout
from swc.bitstream.layouts.vrvq import VrvqLayout
from swc.errors import VersionError

__all__ = ["LAYOUTS", "Codes", "FsqLayout", "Layout", "RevqLayout", "VrvqLayout", "layout_of"]

LAYOUTS: dict[int, type[Layout]] = {layout.family: layout for layout in (RevqLayout, VrvqLayout, FsqLayout)}
"""The families that this version reads and writes, by their number in the header."""


def layout_of(family: int, minor: int, offset: int | None = None) -> type[Layout]:
    """The layout of a family.

    Args:
        minor: minor version of the stream.
        offset: of the family in the stream, for messages.

    Raises:
        VersionError: a family that this version does not know, or that comes with a later version than the stream's.
    """
    if family not in LAYOUTS:
        raise VersionError(f"payload family {family} is not supported by this version; update swc", offset)
    layout = LAYOUTS[family]
    if minor < layout.minor:
        raise VersionError(
            f"payload family {layout.name} comes with version 1.{layout.minor}, and the stream is of 1.{minor}; "
            "encode the audio again",
            offset,
        )
    return layout
