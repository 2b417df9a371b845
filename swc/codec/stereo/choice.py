"""Which channels of a recording are coded together."""

from __future__ import annotations

import torch

from swc.audio import Audio
from swc.bitstream import LIMITS, Header
from swc.bitstream.coupling import Pair, slots_in
from swc.codec.options import Stereo
from swc.codec.stereo.grid import Grid
from swc.codec.stereo.measure import common
from swc.errors import InputError

COHERENCE = 0.28  # least coherence of channels that share a coded one; two speakers have .06 to .18, music .4 and more
COUPLING_SHARE, LEAST_BITS, MOST_BITS = 0.08, 120.0, 450.0  # of the rate; and bits a second
_PIECE = 10.0  # seconds measured at once
_SIDES = ((0, 1), (4, 5), (6, 7), (9, 10), (12, 14), (15, 17))
"""Bits of a channel mask: left and right of front, back, front beside the centre, side, top front and top back."""


def chosen_pairs(stereo: Stereo, header: Header, mask: int, audio: Audio) -> tuple[Pair, ...]:
    """The pairs of channels that share a coded channel.

    Two channels that have little in common, such as two speakers with a microphone each, take a coded channel each.
    So do the centre and the low-frequency channel, which are not on either side.

    Args:
        stereo: "auto" decides by the audio; the others couple all pairs of loudspeakers, or none.
        header: of the stream, for its rates.
        mask: which loudspeaker each channel belongs to, as WAVE's dwChannelMask.
        audio: the beginning of the recording (samples, channels).

    Raises:
        InputError: pairs that must be coupled, and chunks that are too long for it.
    """
    pairs = () if stereo == "apart" else _of_mask(mask)
    if pairs and slots_in(header.chunk_latents) > LIMITS["slots"][1]:
        if stereo == "coupled":
            raise InputError("chunks of this model are too long for coupled channels; set `stereo` to apart")
        return ()
    if stereo != "auto":
        return pairs
    return tuple(pair for pair in pairs if _belong_together(audio[:, pair], header))


def coupling_bits(kbps: float) -> float:
    """Approximate bits per second for the parameters of a pair, in a stream of so many kbit/s."""
    return min(max(1000 * kbps * COUPLING_SHARE, LEAST_BITS), MOST_BITS)


def _of_mask(mask: int) -> tuple[Pair, ...]:
    """Left and right of each place, by their channels."""
    place = {bit: channel for channel, bit in enumerate(bit for bit in range(32) if mask >> bit & 1)}
    return tuple(sorted((place[left], place[right]) for left, right in _SIDES if left in place and right in place))


def _belong_together(audio: Audio, header: Header) -> bool:
    """Whether two channels (samples, 2) at the source rate have enough in common; so does silence."""
    grid, piece = Grid(header, torch.zeros(0)), round(_PIECE * header.source_rate)
    cohering = most = 0.0
    for start in range(0, len(audio), piece):
        part = torch.from_numpy(audio[start : start + piece].T.copy())
        if part.shape[1] >= grid.hop:
            some, all_ = common(part, grid)
            cohering, most = cohering + some, most + all_
    return cohering >= COHERENCE * most
