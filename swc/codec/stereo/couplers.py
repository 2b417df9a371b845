"""The encoder's side of coupled channels: coded channels for the networks, and their couplings."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from swc.bitstream import Coupling, Couplings, Header
from swc.bitstream.coupling import PARAMETRIC
from swc.codec.stereo.downmix import Downmix, plain_mode
from swc.codec.stereo.grid import Grid
from swc.codec.stereo.measure import measure
from swc.codec.stereo.quantise import quantised


class Couplers:
    """Couples the channels of one recording; without pairs, audio passes unchanged.

    Args:
        header: of the stream.
        like: a tensor where the audio is.
        bits: per second for each pair.
    """

    def __init__(self, header: Header, like: Tensor, bits: float) -> None:
        self.header, self.bits, self.grid = header, bits, Grid(header, like)
        self._downmix = Downmix(header, self.grid)

    @torch.inference_mode()
    def push(self, audio: Tensor) -> Iterator[Tensor]:
        """See `Downmix.push`."""
        yield from self._downmix.push(audio)

    @torch.inference_mode()
    def flush(self) -> Iterator[Tensor]:
        """See `Downmix.flush`."""
        yield from self._downmix.flush()

    def couplings(self, channels: Tensor, before: int, length: int) -> Couplings:
        """The couplings of a chunk, from the channels of the pairs (2 * pairs, samples) with context.

        Args:
            before: samples before the chunk.
            length: of the chunk, in samples.
        """
        return tuple(self._coupling(channels[at : at + 2], before, length) for at in range(0, len(channels), 2))

    def _coupling(self, pair: Tensor, before: int, length: int) -> Coupling:
        mode = plain_mode(*pair[:, before : before + length])
        if mode != PARAMETRIC:
            return Coupling(mode)
        bits = round(self.bits * length / self.header.model_rate)
        return quantised(measure(pair, before, length, self.grid), bits)
