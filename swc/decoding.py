"""From chunks to audio at the source rate, one chunk after the other.

Every sample depends on the chunk it lies in and on a little of the chunks around it (`Decoding.overlap`), and always
in the same way: so a part of a stream decodes to exactly the samples it has in the whole, and a lost chunk changes
none beyond that.

A lost chunk is concealed: the sound before it goes on while it fades out, then there is silence, and the sound behind
it fades in.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from swc.audio import Audio
from swc.bitstream import Chunk, Header, SalvageReader, StreamReader, chunk_at
from swc.config import Config
from swc.errors import InputError
from swc.level import factor
from swc.nn.model import CodecModel
from swc.segments import segments

FADE = 0.05  # seconds
FILTER = 512  # samples at the lower of two rates that resampling reaches to either side (soxr, VHQ)
LONGEST_FILTER = 1 << 20  # in samples, for source rates of a few Hz


class Decoding:
    """Decodes streams that have this header.

    Args:
        model: on its device.
        config: of the model.
        header: of the streams; made with this model.
    """

    def __init__(self, model: CodecModel, config: Config, header: Header) -> None:
        self.model, self.config, self.header = model, config, header
        self.device = next(model.parameters()).device
        self.step = header.chunk_latents * header.hop  # samples of a chunk at the model's rate
        ratio = math.gcd(header.model_rate, header.source_rate)
        self._up, self._down = header.source_rate // ratio, header.model_rate // ratio
        reach = math.ceil(FILTER * max(1.0, header.model_rate / header.source_rate))
        self._reach = 0 if self._up == self._down else min(reach, LONGEST_FILTER) + self._down

    @property
    def overlap(self) -> tuple[float, float]:
        """Seconds before and behind a chunk in which the audio depends on it."""
        b, decoder = self.config.backbone, self.model.decoder
        window, reach = self.header.window * b.frames_per_latent, decoder.reach
        # before it, the networks' reach, and all of the half window in which it may move a pause
        touched = max(0, reach - 1) // window
        reached = max(reach, touched * window + window - window // 2)
        # behind it, phases go on from the reach of the networks to the first pause that is wholly out of reach
        windows = 1 + max(0, -(-(reach - window // 2) // window))
        edge = decoder.phase_reach * b.frame_hop + self._reach
        before, behind = (frames * b.frame_hop + edge for frames in (reached, windows * window))
        return before / self.header.model_rate, behind / self.header.model_rate

    def blocks(self, reader: StreamReader | SalvageReader, start: int = 0, stop: int | None = None) -> Iterator[Audio]:
        """Samples `start` to `stop` (None: to the end) at the source rate, float32 (n, channels).

        Chunks are read from the reader as they are needed, those before and behind left out.

        Raises:
            FormatError: as the reader.
            InputError: the stream ends before `start`.
        """
        context = 2 + -(-self._reach // self.step)
        first = max(0, chunk_at(self.header, start) - context)
        chunks: Iterator[Chunk | None] = reader.chunks_from(first)
        if stop is not None:
            chunks = islice(chunks, chunk_at(self.header, stop - 1) + context + 1 - first)
        end = 0
        for offset, block in self._resampled(self._synthesised(chunks), first):
            total = reader.total_samples
            bounds = [n for n in (stop, total) if n is not None]
            low, end = max(0, start - offset), min([offset + len(block), *bounds])
            if end > offset + low:
                yield block[low : end - offset]
            if stop is not None and end >= stop:
                return
        total = reader.total_samples
        if start and total is not None and start >= total:
            raise behind_the_end(self.header, total)

    def _resampled(self, blocks: Iterable[Audio], first: int) -> Iterator[tuple[int, Audio]]:
        """Each chunk at the source rate, and the sample it starts at.

        Every chunk is resampled by itself, with as much of its surroundings as the filter reaches, from a sample where
        both rates meet: no state is carried along that would depend on where decoding began.
        """
        import soxr

        undo = np.float32(1 / factor(self.header.gain_q8))
        silence = np.zeros((self._reach, self.header.channels), np.float32)
        pieces = (torch.from_numpy(block.T) for block in _and(blocks, silence))
        position = first * self.step
        for signal, before, length in segments(pieces, self.step, self._reach):
            audio = signal.numpy().T * undo
            if self._reach == 0:
                yield position, audio
            elif length > 0:
                skip = -(position - before) % self._down
                origin = (position - before + skip) // self._down * self._up
                low, high = (-(-at * self._up // self._down) for at in (position, position + length))
                out = soxr.resample(
                    np.ascontiguousarray(audio[skip:]), self.header.model_rate, self.header.source_rate, "VHQ"
                )
                yield low, out[low - origin : high - origin]
            position += length

    @torch.inference_mode()
    def _synthesised(self, chunks: Iterable[Chunk | None]) -> Iterator[Audio]:
        """Audio (n, channels) of each chunk at the model's rate, still at the coding level."""
        b, decoder = self.config.backbone, self.model.decoder
        lost: deque[bool] = deque()
        spectra = self._spectra(self._latents(chunks, lost))
        frames = self.header.chunk_latents * b.frames_per_latent
        after_loss = True  # before the first chunk there is nothing that could fade out
        for signal, before, length in segments(spectra, frames, decoder.phase_reach):
            audio = decoder.render(signal)[:, before * b.frame_hop : (before + length) * b.frame_hop].T.cpu().numpy()
            is_lost = lost.popleft()
            if is_lost:
                audio = audio * self._fade(len(audio), out=not after_loss, into=bool(lost) and not lost[0])
            after_loss = is_lost
            yield audio

    def _fade(self, samples: int, out: bool, into: bool) -> Audio:
        """The gain (samples, 1) of a lost chunk: from full level at the start, to full level at the end, or neither."""
        size = min(samples // 2, round(FADE * self.header.model_rate))
        ramp = np.cos(np.linspace(0, np.pi / 2, size, dtype=np.float32)) ** 2
        gain = np.zeros((samples, 1), np.float32)
        if out:
            gain[:size, 0] = ramp
        if into:
            gain[samples - size :, 0] = ramp[::-1]
        return gain

    def _spectra(self, latents: Iterable[Tensor]) -> Iterator[Tensor]:
        """Spectra (channels, frames, bins) of latents, a chunk at a time; phases begin anew in each window."""
        decoder, per = self.model.decoder, self.config.backbone.frames_per_latent
        for z, before, length in segments(latents, self.header.chunk_latents, -(-decoder.reach // per)):
            compressed = decoder.compressed(z)[:, before * per : (before + length) * per]
            yield decoder.spectrum(compressed, pause=self.header.window * per)

    def _latents(self, chunks: Iterable[Chunk | None], lost: deque[bool]) -> Iterator[Tensor]:
        """Latents (channels, L, D) of each chunk; a lost one goes on with those before it, then with those behind.

        Args:
            chunks: None where one is lost.
            lost: is told of every chunk whether it is.
        """
        full, dim = self.header.chunk_latents, self.config.backbone.latent_dim
        edge = torch.zeros(self.header.channels, 1, dim, device=self.device)
        waiting = False  # for what follows a lost chunk
        for chunk in chunks:
            lost.append(chunk is None)
            if chunk is None:
                if waiting:
                    yield edge.expand(-1, full, -1)
                waiting = True
                continue
            z = self._dequantized(chunk)
            if waiting:
                half = full // 2
                yield torch.cat((edge.expand(-1, full - half, -1), z[:, :1].expand(-1, half, -1)), 1)
                waiting = False
            yield z
            edge = z[:, -1:]
        if waiting:
            yield edge.expand(-1, full, -1)

    def _dequantized(self, chunk: Chunk) -> Tensor:
        """Latents (channels, L, D) of a chunk's codes."""
        header, parts = self.header, []
        for row in chunk.windows:
            codes = np.full((header.channels, header.n_shared + header.n_routed, row[0].codes.shape[1]), -1, np.int64)
            for channel, window in enumerate(row):
                stages = [*range(header.n_shared), *(header.n_shared + e for e in window.experts)]
                codes[channel, stages] = window.codes
            parts.append(self.model.quantizer.decode(torch.from_numpy(codes).to(self.device)))
        return self.model.quantizer.latents(torch.cat(parts, 1))


def behind_the_end(header: Header, total_samples: int) -> InputError:
    """What is wrong with a start at or behind the end."""
    seconds = total_samples / header.source_rate
    return InputError(f"the stream ends after {seconds:.2f} s, before the part that was asked for")


def _and(blocks: Iterable[Audio], last: Audio) -> Iterator[Audio]:
    yield from blocks
    yield last
