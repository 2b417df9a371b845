"""From audio to chunks of codes, in order, with the bits of a budget or of a quality.

Every chunk is encoded with as much context on either side as the encoder reaches, so chunks equal those of one pass
over the whole recording. In a recording of known length several chunks are searched at once, together with those of
other recordings, which is faster: chunks are independent. The networks take one recording at a time: several would
gain little, and round differently.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swc.audio import Audio, CheckedBlocks, Resampler
from swc.bitstream import Chunk, Couplings, Header
from swc.codec.control import RateControl, Uncoded
from swc.codec.gain import factor
from swc.codec.stereo.couplers import Couplers
from swc.dsp.context import segments
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
    """Encodes one recording.

    Args:
        model: on its device.
        header: of the stream to be.
        control: of the bits that windows take.
        effort: of the search for codes.
        coupling_bits: per second for the couplings of a pair, approximately.
        together: chunks that are searched at once; None chooses by whether the length is known.
    """

    def __init__(
        self,
        model: CodecModel,
        header: Header,
        control: RateControl,
        effort: int,
        coupling_bits: float = 0.0,
        together: int | None = None,
    ) -> None:
        self.model, self.header, self.control, self.effort = model, header, control, effort
        self.stereo = Couplers(header, model.like, coupling_bits)
        self.together = together or (1 if header.total_samples is None else TOGETHER)

    def requests(self, source: CheckedBlocks) -> Iterator[list[Request]]:
        """The chunks of audio at the header's source rate: several at a time if the length is known, else one by one.

        Each request must have been answered by a chunk before the next item is taken.
        """
        one_by_one = self._uncoded(source)
        while some := list(islice(one_by_one, self.together)):
            grants = self.control.grants(some)
            yield [Request(chunk.z, steps, chunk.couplings) for chunk, steps in zip(some, grants, strict=True)]

    def chunk(self, request: Request, codes: NDArray[np.int64]) -> Chunk:
        """The requested chunk, from its codes (channels, stages, L)."""
        layout, window, length = self.header.layout, self.header.window, codes.shape[2]
        windows = tuple(
            tuple(layout.window(row[:, start : start + window]) for row in codes) for start in range(0, length, window)
        )
        packed = sum(layout.size(one) for channels in windows for one in channels) + sum(map(len, request.couplings))
        self.control.settle(packed)
        return Chunk(length, windows, request.couplings)

    def _uncoded(self, source: CheckedBlocks) -> Iterator[Uncoded]:
        """Each chunk as soon as its audio and context have arrived."""
        header, latents = self.header, 0
        total = None if header.total_samples is None else header.latents_for(header.total_samples)
        for z, rms, couplings, ended in self._latents(self.stereo.rows(self._resampled(source))):
            latents += z.shape[1]
            seconds = min(latents * header.hop / header.model_rate, source.samples / header.source_rate)
            yield Uncoded(z, rms, seconds, ended or latents == total, couplings)

    def _resampled(self, source: CheckedBlocks) -> Iterator[Tensor]:
        """The input at the model's rate and level, (channels, n) on the device, completed to whole latents."""
        header = self.header
        gain = np.float32(factor(header.gain_q8))
        resampler = Resampler(header.source_rate, header.model_rate, header.channels)
        samples = 0
        for block in source:
            out = resampler.process(block)
            samples += len(out)
            yield self._tensor(out * gain)
        rest = resampler.flush() * gain
        silence = np.zeros((-(samples + len(rest)) % header.hop, header.channels), np.float32)
        yield self._tensor(np.concatenate((rest, silence)))

    def _tensor(self, audio: Audio) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(audio.T)).to(self.model.device)

    @torch.inference_mode()
    def _latents(self, rows: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor, Couplings, bool]]:
        """Latents (channels, L, D) of each chunk, the RMS of its windows (channels, W), its couplings, and whether it
        is known to be the last.

        Args:
            rows: coded channels, and below them the channels of pairs.
        """
        hop, encoder = self.header.hop, self.model.encoder
        step = self.header.chunk_latents * hop
        for rows_around, before, length in segments(rows, step, encoder.context):
            signal = rows_around[: self.header.coded_channels]
            couplings = self.stereo.couplings(rows_around[len(signal) :], before, length)
            z = encoder.encode(signal)[:, before // hop : (before + length) // hop]
            windows = torch.split(signal[:, before : before + length], self.header.window * hop, 1)
            ended = length < step or signal.shape[1] == before + length < before + step + encoder.context.after
            yield z, torch.stack([window.square().mean(1).sqrt() for window in windows], 1), couplings, ended
