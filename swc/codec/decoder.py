"""From chunks to audio at the source rate, one chunk after the other.

Every sample depends on the chunk it lies in and on a little of the chunks around it (`StreamDecoder.overlap`), and
always in the same way: so a part of a stream decodes to exactly the samples it has in the whole, and a lost chunk
changes none beyond that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, tee
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from swc.audio import Audio
from swc.audio.resample import LIVE_QUALITY, AlignedResampler
from swc.bitstream import Chunk, Header, LossySource, chunk_at
from swc.codec.concealment import FADE, Concealment
from swc.codec.gain import factor
from swc.codec.options import past_the_end
from swc.codec.stereo.upmix import Upmix
from swc.config import ModelConfig
from swc.dsp.ahead import Ahead, Each
from swc.dsp.arrays import Array, host, namespace
from swc.dsp.causal import CausalSynthesis
from swc.dsp.context import Context


class DecoderModel(Protocol):
    """A model that decodes, on arrays of one kind: `swc.nn.model.CodecModel`, or one that needs no torch."""

    config: ModelConfig

    @property
    def like(self) -> Array:
        """An empty array of the kind, where the model is."""

    def ahead(self, items: int) -> Ahead:
        """Threads to work in, see `Ahead`."""

    def latents(self, codes: NDArray[np.int64]) -> Array:
        """Latents (B, L, D) of a chunk's codes (B, stages, L), -1 where a stage says nothing."""

    def synthesise(self, chunks: Iterable[Array], latents: int, window: int, each: Each, first: int) -> Iterator[Array]:
        """Audio of a stream's chunks, see `swc.dsp.spectral.SpectralSynthesis.synthesise`."""

    def causal(self, first: int) -> CausalSynthesis:
        """Synthesis that goes on from chunk to chunk, see `swc.dsp.spectral.SpectralSynthesis.causal`."""

    def overlap(self, window: int) -> Context:
        """Samples before and after a chunk in which the audio that `synthesise` gives depends on it."""


class StreamDecoder:
    """Decodes streams that have this header.

    Args:
        model: of any kind.
        header: of the streams; made with this model.
    """

    def __init__(self, model: DecoderModel, header: Header) -> None:
        self.model, self.header = model, header
        self.step = header.chunk_latents * header.hop  # samples of a chunk at the model's rate
        quality = "VHQ" if model.config.live_latency is None else LIVE_QUALITY
        self._resampler = AlignedResampler(header.model_rate, header.source_rate, self.step, quality)
        self._upmix = Upmix(header, model.like) if header.pairs else None

    @property
    def overlap(self) -> tuple[float, float]:
        """Seconds before and after a chunk in which the audio depends on it."""
        before, after = ((n + self._resampler.reach) / self.header.model_rate for n in self._synthesis_overlap)
        return before, after

    @property
    def _synthesis_overlap(self) -> Context:
        networks, reach = self.model.overlap(self.header.window), self._upmix.reach if self._upmix else 0
        return Context(networks.before + reach, networks.after + reach)

    def blocks(self, reader: LossySource, start: int = 0, stop: int | None = None) -> Iterator[Array]:
        """Samples `start` to `stop` (None: to the end) at the source rate, float32 (channels, n), of the model's kind.

        Chunks are read from the reader as they are needed, those before and after left out.

        Raises:
            FormatError: as the reader.
            InputError: the stream ends before `start`.
        """
        # chunks that a sample depends on, and one more, so that these are computed as they are in the whole
        context = 1 + -(-max(self._synthesis_overlap) // self.step) + -(-self._resampler.reach // self.step)
        first = max(0, chunk_at(self.header, start) - context)
        chunks: Iterator[Chunk | None] = reader.chunks_from(first)
        if stop is not None:
            chunks = islice(chunks, chunk_at(self.header, stop - 1) + context + 1 - first)
        end = 0
        total = reader.total_samples
        several = total is None or self.header.chunks_for(total) > 1
        with self.model.ahead(int(reader.at_hand and several)) as ahead:
            for offset, block in self._resampled(self._synthesised(chunks, ahead.map, first), first):
                total = reader.total_samples
                bounds = [n for n in (stop, total) if n is not None]
                low, end = max(0, start - offset), min([offset + block.shape[1], *bounds])
                if end > offset + low:
                    yield block[:, low : end - offset]
                if stop is not None and end >= stop:
                    return
        total = reader.total_samples
        if start and total is not None and start >= total:
            raise past_the_end(self.header, total)

    def _resampled(self, blocks: Iterable[Array], first: int) -> Iterator[tuple[int, Array]]:
        """Blocks at the source rate, and the sample that each starts at.

        Chunks are the segments of the resampler.
        """
        undo, at = 1 / factor(self.header.gain_q8), first * self.step
        if self._resampler.reach == 0:
            for block in blocks:
                yield at, block * undo
                at += block.shape[1]
            return
        arrays = (as_audio(block * undo) for block in blocks)
        for start, audio in self._resampler.blocks(arrays, at, at):
            yield start, self._array(audio.T)

    def _synthesised(self, chunks: Iterable[Chunk | None], each: Each, first: int) -> Iterator[Array]:
        """Audio (channels, n) at the model's rate, still at the coding level, about a chunk at a time; `first` is the
        number of the first chunk."""
        header = self.header
        conceal = Concealment(header.chunk_latents, round(FADE * header.model_rate))
        edge = self.silence()
        alike: Iterable[Chunk | None] = ()
        if self._upmix is not None:
            chunks, alike = tee(chunks)  # one that is not read to its end would keep every chunk
        latents = conceal.extended(each(self._latents_if_there, chunks), edge)
        per = header.chunk_latents
        audio = conceal.faded(self.model.synthesise(latents, per, header.window, each, first * per))
        if self._upmix is None:
            yield from audio
        else:
            yield from self._upmix.blocks(audio, (None if c is None else c.couplings for c in alike), each)

    def silence(self) -> Array:
        """A latent before the first (coded channels, 1, D)."""
        return self._array(np.zeros((self.header.coded_channels, 1, self.model.config.backbone.latent_dim), np.float32))

    def _latents_if_there(self, chunk: Chunk | None) -> Array | None:
        return None if chunk is None else self.latents(chunk)

    def latents(self, chunk: Chunk) -> Array:
        """Latents (coded channels, L, D) of a chunk's codes."""
        channels = zip(*chunk.windows, strict=True)
        codes = np.stack([np.concatenate([self.header.layout.codes(w) for w in row], 1) for row in channels])
        return self.model.latents(codes)

    def _array(self, values: np.ndarray) -> Array:
        """Values as an array of the model's kind."""
        like = self.model.like
        return namespace(like).asarray(values, device=like.device)


def as_audio(audio: Array) -> Audio:
    """Audio (channels, n), wherever it is, as an array (n, channels)."""
    return np.ascontiguousarray(host(audio).T)
