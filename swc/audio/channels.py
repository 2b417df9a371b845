"""Order and meaning of channels: internally always the order of WAV, by the bits of its channel mask."""

from __future__ import annotations

from collections.abc import Sequence

DEFAULT_MASKS = {1: 0x4, 2: 0x3, 3: 0x7, 4: 0x33, 5: 0x37, 6: 0x3F, 7: 0x70F, 8: 0x63F}
"""WAV's dwChannelMask for a number of channels where none is stated."""

_BITS = (
    "FL",
    "FR",
    "FC",
    "LFE",
    "BL",
    "BR",
    "FLC",
    "FRC",
    "BC",
    "SL",
    "SR",
    "TC",
    "TFL",
    "TFC",
    "TFR",
    "TBL",
    "TBC",
    "TBR",
)

_XIPH = {  # Vorbis I, section 4.3.9; RFC 7845, section 5.1.1.2
    3: ("FL", "FC", "FR"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FC", "FR", "BL", "BR"),
    6: ("FL", "FC", "FR", "BL", "BR", "LFE"),
    7: ("FL", "FC", "FR", "SL", "SR", "BC", "LFE"),
    8: ("FL", "FC", "FR", "SL", "SR", "BL", "BR", "LFE"),
}

_SNDFILE = {  # libsndfile's SF_CHANNEL_MAP_* from 1 on; its plain left, right and centre are the front's
    1: "FC",
    **dict(enumerate(("FL", "FR", "FC", "FL", "FR", "FC", "BC", "BL", "BR", "LFE", "FLC", "FRC", "SL", "SR"), 2)),
    **dict(enumerate(("TC", "TFL", "TFR", "TFC", "TBL", "TBR", "TBC"), 16)),
}

Order = tuple[int, ...]
"""For every channel of an output, its index in the input."""


def stated_mask(mask: int | None, channels: int) -> int | None:
    """`mask` where it names all the channels and isn't their default, else None."""
    if not mask or mask.bit_count() != channels or mask == DEFAULT_MASKS.get(channels):
        return None
    return mask


def from_xiph(channels: int) -> Order | None:
    """How WAV's order is picked from that of Ogg Vorbis and Opus; None where they are the same."""
    return _sorted(_XIPH[channels]) if channels in _XIPH else None


def to_xiph(channels: int) -> Order | None:
    """How the order of Ogg Vorbis and Opus is picked from WAV's; None where they are the same."""
    order = from_xiph(channels)
    return None if order is None else tuple(order.index(channel) for channel in range(channels))


def from_map(positions: Sequence[int]) -> tuple[Order | None, int | None]:
    """(Order, mask) of channels at libsndfile's positions; (None, None) where these say nothing."""
    names = tuple(_SNDFILE.get(position, "") for position in positions)
    return from_names(names)


def from_names(names: Sequence[str]) -> tuple[Order | None, int | None]:
    """(Order, mask) of channels called FL, FR and so on; (None, None) where a name is unknown or comes twice."""
    if not set(names) <= set(_BITS) or len(set(names)) < len(names):
        return None, None
    mask = sum(1 << _BITS.index(name) for name in names)
    return _sorted(names), mask


def _sorted(names: Sequence[str]) -> Order | None:
    order = tuple(sorted(range(len(names)), key=lambda channel: _BITS.index(names[channel])))
    return None if order == tuple(range(len(names))) else order
