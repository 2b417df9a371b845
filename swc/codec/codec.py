"""The codec: audio <-> Stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from swc.audio import Audio, CheckedBlocks
from swc.bitstream import (
    LIMITS,
    ChunkSink,
    Header,
    LossySource,
    Stream,
    StreamBuilder,
    StreamWriter,
    header_size,
)
from swc.bundle import Bundle, bundle_for, find_bundle
from swc.bundle.weights import load_weights
from swc.codec.budget import Budget
from swc.codec.decoder import StreamDecoder, past_the_end
from swc.codec.device import find_device
from swc.codec.encoder import StreamEncoder
from swc.codec.gain import gain_q8, loud_level_db
from swc.codec.options import DEFAULT_EFFORT, DEFAULT_KBPS, DEFAULT_MODEL, EFFORTS
from swc.errors import FormatError, InputError, ModelError
from swc.files import BinaryOutput
from swc.nn.model import CodecModel

BLOCK = 1 << 16  # samples


class Codec:
    """A loaded model bundle.

    Attributes:
        name: of the bundle.
        config: of the model.
        fingerprint: 8 bytes, what its codes mean.
        sample_rate: Hz that the network runs at; any other rate is resampled on the way in and out.
    """

    def __init__(self, bundle: Bundle, device: str = "cpu") -> None:
        self.name, self.config = bundle.name, bundle.config
        self.fingerprint, self.sample_rate = bundle.fingerprint, bundle.config.sample_rate
        self.device = find_device(device)
        self.model = CodecModel(self.config)
        load_weights(self.model, bundle.weights)
        self.model.to(self.device).eval()

    @classmethod
    def load(cls, model: str | Path = DEFAULT_MODEL, device: str = "cpu") -> Codec:
        """Load a bundle by name, or by the path of its folder.

        Raises:
            ModelError: no such bundle, or damaged weights.
            InputError: no such device.
        """
        return cls(find_bundle(model), device)

    @classmethod
    def for_stream(cls, header: Header, device: str = "cpu") -> Codec:
        """Load the installed bundle that a stream was made with.

        Raises:
            ModelError: it is not installed.
        """
        return cls(bundle_for(header.fingerprint), device)

    def encode(
        self,
        audio: NDArray[np.floating],
        sample_rate: int,
        kbps: float = DEFAULT_KBPS,
        *,
        effort: int = DEFAULT_EFFORT,
        lookahead: float | None = None,
        tags: Iterable[tuple[str, str]] = (),
    ) -> Stream:
        """Encode a recording.

        Args:
            audio: (samples,) or (samples, channels), full scale [-1, 1], 1 to 8 channels, any length from 0.
            sample_rate: Hz.
            kbps: kbit/s of the whole stream, every byte and channel counted; the stream measures at most this when
                it is longer than 5 s.
            effort: 0 takes the router's experts and each stage's nearest code; 1 and 2 search for better ones, which
                takes longer and gives the decoder no work.
            lookahead: seconds from which the level is set; None takes the model's.
            tags: keys (upper-case, as in Vorbis comments) and values for the header. Their bits count: of a recording
                of known length they are spread over all of it.

        Raises:
            InputError: a shape or number (nan, infinity) that cannot be encoded, or tags that a header cannot hold.
            BitrateError: a rate that so many channels, or tags, cannot meet.
        """
        audio = np.asarray(audio)
        if audio.ndim == 1:
            audio = audio[:, None]
        if audio.ndim != 2 or not np.issubdtype(audio.dtype, np.floating):
            raise InputError(
                f"audio must be floating point of shape (samples,) or (samples, channels), not {audio.dtype} "
                f"{audio.shape}"
            )
        builder = StreamBuilder()
        blocks = (audio[i : i + BLOCK] for i in range(0, len(audio), BLOCK))
        self._encode(builder.open, blocks, sample_rate, audio.shape[1], kbps, len(audio), effort, lookahead, tags)
        return builder.stream

    def decode(self, stream: Stream) -> Audio:
        """Decode a stream to float32 (samples, channels) at its source rate, as long as what was encoded.

        Raises:
            ModelError: the stream was made with another model.
        """
        return np.concatenate([np.zeros((0, stream.header.channels), np.float32), *self.decode_blocks(stream)])

    def encode_to(
        self,
        fp: BinaryOutput,
        blocks: Iterable[NDArray[np.floating]],
        sample_rate: int,
        channels: int,
        *,
        kbps: float = DEFAULT_KBPS,
        total_samples: int | None = None,
        effort: int = DEFAULT_EFFORT,
        lookahead: float | None = None,
        tags: Iterable[tuple[str, str]] = (),
    ) -> int:
        """Encode blocks of audio to a file object, chunk by chunk, in memory independent of the duration.

        Nothing is written before `lookahead` seconds have come; then, where `total_samples` isn't known, each chunk as
        soon as it is complete, and else sixteen at a time, which is faster.

        Args:
            fp: is written to, never read or sought.
            blocks: (n, channels) each; how the audio is cut into blocks never matters.
            total_samples: per channel, when known beforehand; goes into the header.
            sample_rate, channels, kbps, effort, lookahead, tags: as `encode`.

        Returns:
            Samples encoded, per channel.

        Raises:
            InputError, BitrateError: as `encode`; or the blocks do not add up to `total_samples`.
        """
        sink = partial(StreamWriter, fp)
        return self._encode(sink, blocks, sample_rate, channels, kbps, total_samples, effort, lookahead, tags)

    def _encode(
        self,
        sink: Callable[[Header], ChunkSink],
        blocks: Iterable[NDArray[np.floating]],
        sample_rate: int,
        channels: int,
        kbps: float,
        total_samples: int | None,
        effort: int,
        lookahead: float | None,
        tags: Iterable[tuple[str, str]],
    ) -> int:
        """Encode blocks to what `sink` opens under the stream's header; see `encode_to`."""
        if not isinstance(sample_rate, int) or not 1 <= sample_rate <= LIMITS["source_rate"][1]:
            raise InputError(
                f"a sample rate of {sample_rate} Hz; swc takes whole numbers up to {LIMITS['source_rate'][1]}, "
                "resample the audio first"
            )
        if effort not in EFFORTS:
            raise InputError(f"`effort` must be one of {', '.join(map(str, EFFORTS))}, not {effort}")
        if lookahead is None:
            lookahead = self.config.gain.lookahead
        if not 0 <= lookahead < float("inf"):
            raise InputError(f"`lookahead` must be a number of seconds, 0 or more, not {lookahead}")
        source = CheckedBlocks(blocks, channels)
        start = source.peek(round(lookahead * sample_rate))
        gain = gain_q8(loud_level_db(start, sample_rate), self.config.gain)
        header = self.header(sample_rate, channels, gain, total_samples, tags)
        encoder = StreamEncoder(self.model, header, Budget(header, kbps), effort)
        stream = sink(header)
        for chunk in encoder.chunks(source):
            stream.write_chunk(chunk)
        if total_samples is not None and source.samples != total_samples:
            raise InputError(
                f"the input has {source.samples} samples, not the {total_samples} it announced; is it cut off?"
            )
        stream.finish(source.samples)
        return source.samples

    def decode_blocks(self, reader: LossySource, *, start: int = 0, stop: int | None = None) -> Iterator[Audio]:
        """Decode a stream as it is read: float32 blocks (n, channels) at the source rate.

        Args:
            reader: a StreamReader at the start of its stream, or a Stream; with a SalvageReader, lost chunks fade to
                silence.
            start, stop: samples at the source rate, as in audio[start:stop]; what is decoded equals this part of the
                whole stream, and little more of it is read.

        Raises:
            FormatError: as `StreamReader` finds faults; blocks before the fault were sound.
            InputError: the stream ends before `start`, or `stop` isn't after it.
            ModelError: the stream was made with another model.
        """
        if start < 0 or (stop is not None and stop <= start):
            raise InputError("nothing to decode: start at 0 or later, and stop after that")
        total = reader.header.total_samples
        if start and total is not None and start >= total:
            raise past_the_end(reader.header, total)
        return self.decoder(reader.header).blocks(reader, start, stop)

    def decoder(self, header: Header) -> StreamDecoder:
        """The decoder of streams with this header.

        Raises:
            ModelError: they were made with another model.
        """
        self._check(header)
        return StreamDecoder(self.model, header)

    def header(
        self,
        sample_rate: int,
        channels: int,
        gain: int = 0,
        total_samples: int | None = None,
        tags: Iterable[tuple[str, str]] = (),
    ) -> Header:
        """The header of a stream of such audio; `gain` in 1/256 dB.

        Raises:
            InputError: tags that it cannot hold.
            ModelError: the model's windows and codebooks, in so many channels, are beyond the limits of the format.
        """
        q = self.config.quantizer
        header = Header(
            model_rate=self.sample_rate,
            source_rate=sample_rate,
            channels=channels,
            hop=self.config.hop,
            gain_q8=gain,
            window=q.window,
            windows_per_chunk=q.windows_per_chunk,
            layout=q.layout,
            fingerprint=self.fingerprint,
            total_samples=total_samples,
        )
        try:
            header.check()
        except FormatError as error:
            raise ModelError(f"{self.name} with {channels} channels is beyond a limit of the format: {error}") from None
        try:
            header = header.with_tags(tags)
        except FormatError as error:
            raise InputError(f"these tags cannot be kept: {error}") from None
        size, most = header_size(header), LIMITS["header_length"][1]
        if size > most:
            raise InputError(f"these tags make a header of {size} bytes, {most} are allowed; shorten them")
        return header

    def _check(self, header: Header) -> None:
        if header.fingerprint != self.fingerprint:
            raise ModelError(
                f"the stream was made with a model of fingerprint {header.fingerprint.hex()}, "
                f"this is {self.name} ({self.fingerprint.hex()}); choose the other with `model`"
            )
        mine = (self.sample_rate, self.config.hop, self.config.quantizer.layout)
        theirs = (header.model_rate, header.hop, header.layout)
        if mine != theirs:
            raise ModelError(
                f"the stream's header {theirs} does not fit {self.name} {mine}, though its fingerprint does"
            )
