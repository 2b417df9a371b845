"""Live audio as it arrives: samples as soon as they are known, whatever is lost on the way. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from swc.audio import Audio, Resampler
from swc.audio.resample import LIVE_QUALITY
from swc.bitstream import Chunk, Header, LiveReader
from swc.codec.concealment import LiveConcealment
from swc.codec.decoder import StreamDecoder, as_audio
from swc.codec.gain import factor
from swc.errors import InputError

LONGEST_GAP = 10.0  # seconds of lost chunks that are concealed; more of them leave no gap


class Decoders(Protocol):
    """What `swc.codec.decoding.DecodingCodec` has."""

    def decoder(self, header: Header, /) -> StreamDecoder: ...


class LiveDecoder:
    """Decodes a stream that arrives in pieces, see `DecodingCodec.decode_stream`.

    Attributes:
        reader: of the stream; None before its header has arrived.
        chunks: decoded or concealed so far.
        samples: per channel, returned so far.
    """

    def __init__(self, codec: Decoders) -> None:
        self._codec = codec
        self.reader: LiveReader | None = None
        self.chunks = self.samples = 0
        self._early = b""  # before the header is complete
        self._places = 0  # in the stream, that the reader has come past
        self._lost = 0  # chunks, the last ones
        self._skipped = 0  # chunks that left no gap
        self._ended = False

    @property
    def header(self) -> Header | None:
        """Of the stream; None before it has arrived."""
        return self.reader.header if self.reader else None

    def push(self, data: bytes) -> Audio:
        """The samples that are known with the next bytes, float32 (n, channels), at the source rate.

        Where chunks are damaged or missing the sound fades out, and in again. They are concealed when the next intact
        one arrives, or by `lost` before. Audio that ends within its last chunk may be given up to the end of that, if
        the end of the stream does not come with it.

        Args:
            data: as many bytes as there are, from the start of a stream on; how they are cut never matters.

        Raises:
            FormatError: the header cannot be read.
            ModelError: the stream was made with another model.
            InputError: the stream was ended.
        """
        self._check_open()
        if self.reader is None:
            self._early, data = self._early + data, b""
        reader = self._begun()
        return self._returned(map(self._arrived, reader.push(data))) if reader else np.zeros((0, 1), np.float32)

    def lost(self, chunks: int = 1) -> Audio:
        """Conceal the next chunks, which a transport knows to be lost; what arrives of them later is left out.

        Raises:
            InputError: the header has not arrived.
        """
        if self.reader is None:
            raise InputError("nothing can be concealed before the header of the stream has arrived; send it again")
        return self._returned(self._sound(None) for _ in range(chunks))

    def flush(self) -> Audio:
        """The rest, when nothing else will arrive.

        Raises:
            FormatError: there is no header.
            ModelError: the stream was made with another model.
            InputError: the stream was ended already.
        """
        self._check_open()
        reader = self._begun(ended=True)
        self._ended = True
        parts = [self._returned(map(self._arrived, reader.close() if reader else ()))]
        if self.chunks > self._skipped:
            rest = self._levelled(as_audio(self._synthesis.flush()))
            parts.append(self._returned([self._resampler.process(rest), self._resampler.flush()]))
        return np.concatenate(parts)

    def _begun(self, ended: bool = False) -> LiveReader | None:
        """The reader, if the header has arrived; then everything is made ready for the stream."""
        if self.reader is None and (reader := LiveReader.begun(self._early, ended=ended)):
            header = reader.header
            if header.pairs:
                raise InputError(
                    "channels of this stream are coded together, as never in live audio; decode it as a file"
                )
            self._decoder = decoder = self._codec.decoder(header)
            self._synthesis, self._each = decoder.model.causal(0), decoder.model.ahead(0).map
            self._concealment = LiveConcealment(header.chunk_latents, decoder.silence(), header.hop, header.model_rate)
            self._resampler = Resampler(header.model_rate, header.source_rate, header.channels, LIVE_QUALITY)
            self.reader, self._early = reader, b""
        return self.reader

    def _check_open(self) -> None:
        if self._ended:
            raise InputError("the stream was ended by `flush`; begin another with `decode_stream`")

    def _arrived(self, chunk: Chunk | None) -> Audio:
        """Audio of the reader's next chunk, None for a lost one."""
        self._places += 1
        if self._places <= self.chunks:  # concealed already
            return self._nothing()
        return self._sound(chunk)

    def _sound(self, chunk: Chunk | None) -> Audio:
        """Audio of the next chunk, None for one to conceal, as far as it is known."""
        header = self._decoder.header
        self.chunks += 1
        self._lost = 0 if chunk else self._lost + 1
        if self._lost * header.chunk_latents * header.hop > LONGEST_GAP * header.model_rate:
            self._skipped += 1
            return self._nothing()
        z = self._concealment.latents(self._decoder.latents(chunk) if chunk else None)
        (audio,) = self._each(self._synthesis.push, [z])
        return self._resampler.process(self._levelled(as_audio(audio)))

    def _levelled(self, audio: Audio) -> Audio:
        return self._concealment.faded(audio) * np.float32(1 / factor(self._decoder.header.gain_q8))

    def _nothing(self) -> Audio:
        return np.zeros((0, self._decoder.header.channels), np.float32)

    def _returned(self, parts: Iterable[Audio]) -> Audio:
        """The parts in one, up to the end of the stream if it is known."""
        audio, header = np.concatenate([self._nothing(), *parts]), self._decoder.header
        if self.reader and self.reader.ended and self.reader.total_samples is not None:
            skipped = header.samples_for(self._skipped * header.chunk_latents)
            audio = audio[: max(0, self.reader.total_samples - skipped - self.samples)]
        self.samples += len(audio)
        return audio
