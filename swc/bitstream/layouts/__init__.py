"""Layouts of payloads, one file for each family."""

from __future__ import annotations

from swc.bitstream.layouts.layout import Codes, Layout
from swc.bitstream.layouts.revq import RevqLayout
from swc.errors import VersionError

__all__ = ["LAYOUTS", "Codes", "Layout", "RevqLayout", "layout_of"]

LAYOUTS: dict[int, type[Layout]] = {RevqLayout.family: RevqLayout}
"""The families that this version reads and writes, by their number in the header."""

_RESERVED = {2: "vrvq", 3: "fsq"}  # families of later versions that the specification names


def layout_of(family: int, offset: int | None = None) -> type[Layout]:
    """The layout of a family.

    Raises:
        VersionError: a family that this version does not know.
    """
    if family not in LAYOUTS:
        name = _RESERVED.get(family, family)
        raise VersionError(f"payload family {name} is not supported by this version; update swc", offset)
    return LAYOUTS[family]
