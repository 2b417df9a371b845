"""From audio to chunks of codes, one after the other, in bits that a budget grants.

Every chunk is encoded with as much context on either side as the encoder reaches, so chunks equal those of one pass
over the whole recording. Of a recording of known length several are searched at once, which is faster: chunks say
nothing about each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swc.audio import Audio, CheckedBlocks, Resampler
from swc.bitstream import Chunk, Header, Window
from swc.budget import Budget, allocate
from swc.config import Config
from swc.level import factor
from swc.nn.model import CodecModel
from swc.nn.search import Effort, search
from swc.segments import segments

TOGETHER = 16  # chunks of a recording of known length that are searched at once
SILENCE_RMS = 1e-3  # of a level-normalised window, 40 dB below the loud parts: it comes last when bits are shared


class _Request(NamedTuple):
    """A chunk before its codes: latents (channels, L, D), and k_r of its windows (channels, W)."""

    z: Tensor
    experts: Tensor


class Encoding:
    """Encodes one recording.

    Args:
        model: on its device.
        config: of the model.
        header: of the stream to be.
        budget: of the stream; is spent.
        effort: of the search for experts and codes.
    """

    def __init__(self, model: CodecModel, config: Config, header: Header, budget: Budget, effort: Effort) -> None:
        self.model, self.config, self.header = model, config, header
        self.budget, self.effort = budget, effort
        self.device = next(model.parameters()).device

    def chunks(self, source: CheckedBlocks) -> Iterator[Chunk]:
        """The chunks of audio at the header's source rate: of known length some at a time, else as soon as they can."""
        together = 1 if self.header.total_samples is None else TOGETHER
        for _, alike in groupby(self._requests(source), key=lambda request: request.z.shape):
            while some := list(islice(alike, together)):
                yield from self._quantize(some)

    def _requests(self, source: CheckedBlocks) -> Iterator[_Request]:
        """Each chunk with what the budget grants it, as soon as its audio and context have come."""
        header, latents = self.header, 0
        for z, heard in self._latents(self._resampled(source)):
            latents += z.shape[1]
            seconds = min(latents * header.hop / header.model_rate, source.samples / header.source_rate)
            yield _Request(z, self._share(z, heard, seconds))

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
        return torch.from_numpy(np.ascontiguousarray(audio.T)).to(self.device)

    @torch.inference_mode()
    def _latents(self, audio: Iterable[Tensor]) -> Iterator[tuple[Tensor, list[bool]]]:
        """Latents (channels, L, D) of each chunk, and which of its windows are not silent, channels innermost."""
        hop, encoder = self.header.hop, self.model.encoder
        reach = -(-encoder.reach // self.config.backbone.frames_per_latent)
        for signal, before, length in segments(audio, self.header.chunk_latents * hop, reach * hop):
            z = encoder(signal)[:, before // hop : (before + length) // hop]
            windows = torch.split(signal[:, before : before + length], self.header.window * hop, 1)
            yield z, [h for w in windows for h in _heard(w)]

    def _share(self, z: Tensor, heard: list[bool], seconds: float) -> Tensor:
        """k_r of the windows (channels, W) of a chunk of latents (channels, L, D) that ends after `seconds`."""
        header, budget, channels = self.header, self.budget, len(z)
        lengths = [min(header.window, z.shape[1] - s) for s in range(0, z.shape[1], header.window)]
        each = [n for n in lengths for _ in range(channels)]
        counts = allocate(heard, each, header.n_routed, budget.grant(lengths, seconds), header.codebook_bits)
        spent = sum(k * n for k, n in zip(counts, each, strict=True)) * header.codebook_bits
        budget.spend(lengths, spent)
        return torch.tensor(counts, device=z.device).reshape(-1, channels).t()

    @torch.inference_mode()
    def _quantize(self, chunks: list[_Request]) -> Iterator[Chunk]:
        """Choose experts and codes for chunks of equally many latents."""
        z, experts = torch.cat([c.z for c in chunks]), torch.cat([c.experts for c in chunks])
        mask, codes = search(self.model.quantizer, z, experts, self.header.window, self.effort)
        channels, length = self.header.channels, z.shape[1]
        masks, said = mask.cpu().numpy(), codes.cpu().numpy()
        starts = [(i, i * self.header.window) for i in range(masks.shape[1])]
        for first in range(0, len(z), channels):
            rows = range(first, first + channels)
            yield Chunk(
                length,
                tuple(
                    tuple(_window(masks[c, i], said[c, :, s : s + self.header.window]) for c in rows) for i, s in starts
                ),
            )


def _window(mask: NDArray[np.bool_], codes: NDArray[np.int64]) -> Window:
    """A window of its mask (N_r,) and codes (stages, T), -1 where an expert is not chosen."""
    return Window(tuple(np.flatnonzero(mask).tolist()), codes[codes[:, 0] >= 0].astype(np.uint16))


def _heard(window: Tensor) -> list[bool]:
    """Which channels of a window (channels, samples) are more than silence."""
    heard: list[bool] = (window.square().mean(1).sqrt() > SILENCE_RMS).tolist()
    return heard
