"""From audio to chunks of codes, in order, with the bits of a budget or of a quality.

Every chunk is encoded with as much context on either side as the encoder reaches, so chunks equal those of one pass
over the whole recording. In a recording of known length several chunks are searched at once, together with those of
other recordings, which is faster: chunks are independent. The networks take one recording at a time: several would
gain little, and round differently.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swc.audio import Audio, CheckedBlocks
from swc.audio.resample import Quality
from swc.bitstream import Chunk, Couplings, Header
from swc.codec.control import RateControl, Uncoded
from swc.codec.gain import FixedGain, Gain
from swc.codec.intake import Intake
from swc.codec.stereo.couplers import Couplers
from swc.dsp.context import Context, Segment, Segments
from swc.nn.layers.convnext import Memory
from swc.nn.model import CodecModel

TOGETHER = 16  # chunks of a recording of known length that are searched at once


class Request(NamedTuple):
    """A chunk before its codes.

    Attributes:
        z: latents (channels, L, D).
        grants: steps of each window's size (channels, W).
        couplings: of its pairs of channels.
    """

    z: Tensor
    grants: Tensor
    couplings: Couplings


class StreamEncoder:
    """Encodes one recording; everything that the next samples depend on is in its attributes.

    Args:
        model: on its device.
        header: of the stream to be.
        control: of the bits that windows take.
        effort: of the search for codes.
        coupling_bits: per second for the couplings of a pair, approximately.
        together: chunks that are searched at once; None chooses by whether the length is known.
        gain: brings audio to the level of coding; None for the header's.
        resampling: its quality.
    """

    def __init__(
        self,
        model: CodecModel,
        header: Header,
        control: RateControl,
        effort: int,
        coupling_bits: float = 0.0,
        together: int | None = None,
        gain: Gain | None = None,
        resampling: Quality = "VHQ",
    ) -> None:
        self.model, self.header, self.control, self.effort = model, header, control, effort
        self.together = together or (1 if header.total_samples is None else TOGETHER)
        self.intake = Intake(header, gain or FixedGain(header.gain_q8), model.device, resampling)
        self.stereo = Couplers(header, model.like, coupling_bits)
        context = model.encoder.context
        if header.pairs:  # couplings take whole latents
            context = Context(*(-(-samples // header.hop) * header.hop for samples in context))
        self.segments = Segments(header.chunk_latents * header.hop, context)
        self.memory: Memory = ()  # of the networks
        self.latents = self.samples = 0  # so far: coded, and at the source rate

    def push(self, block: Audio) -> Iterator[Uncoded]:
        """The chunks that are complete with the next samples (n, channels) at the source rate, context included."""
        self.samples += len(block)
        for rows in self.stereo.push(self.intake.push(block)):
            yield from map(self._uncoded, self.segments.push(rows))

    def flush(self) -> Iterator[Uncoded]:
        """The other chunks of the recording, which has ended."""
        for rows in chain(self.stereo.push(self.intake.flush()), self.stereo.flush()):
            yield from map(self._uncoded, self.segments.push(rows))
        yield from map(self._uncoded, self.segments.flush())

    def requests(self, source: CheckedBlocks) -> Iterator[list[Request]]:
        """The chunks of a whole recording: several at a time if the length is known, else one by one.

        Each request must have been answered by a chunk before the next item is taken.
        """
        one_by_one = self._chunks(source)
        while some := list(islice(one_by_one, self.together)):
            yield self.granted(some)

    def _chunks(self, source: CheckedBlocks) -> Iterator[Uncoded]:
        for block in source:
            yield from self.push(block)
        yield from self.flush()

    def granted(self, chunks: Sequence[Uncoded]) -> list[Request]:
        """The next chunks, with the bits that the control grants them."""
        grants = self.control.grants(chunks)
        return [Request(chunk.z, steps, chunk.couplings) for chunk, steps in zip(chunks, grants, strict=True)]

    def chunk(self, request: Request, codes: NDArray[np.int64]) -> Chunk:
        """The requested chunk, from its codes (channels, stages, L)."""
        layout, window, length = self.header.layout, self.header.window, codes.shape[2]
        windows = tuple(
            tuple(layout.window(row[:, start : start + window]) for row in codes) for start in range(0, length, window)
        )
        packed = sum(layout.size(one) for channels in windows for one in channels) + sum(map(len, request.couplings))
        self.control.settle(packed)
        return Chunk(length, windows, request.couplings)

    @torch.inference_mode()
    def _uncoded(self, segment: Segment) -> Uncoded:
        """A chunk of rows: coded channels, and below them the channels of pairs."""
        header, context = self.header, self.segments.context
        signal, before, length = segment.signal[: header.coded_channels], segment.before, segment.length
        couplings = self.stereo.couplings(segment.signal[len(signal) :], before, length)
        z, self.memory = self.model.encoder.following(Segment(signal, before, length), header.hop, self.memory)
        windows = torch.split(signal[:, before : before + length], header.window * header.hop, 1)
        rms = torch.stack([window.square().mean(1).sqrt() for window in windows], 1)
        self.latents += z.shape[1]
        seconds = min(self.latents * header.hop / header.model_rate, self.samples / header.source_rate)
        total = None if header.total_samples is None else header.latents_for(header.total_samples)
        ended = length < self.segments.step or segment.context.after == 0 < context.after
        return Uncoded(z, rms, seconds, ended or self.latents == total, couplings)
