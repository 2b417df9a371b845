"""The codec: audio <-> Stream."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from swc.audio import Audio, CheckedBlocks
from swc.audio.blocks import Source, as_recording, whole_rate
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
from swc.codec.options import DEFAULT_EFFORT, DEFAULT_KBPS, DEFAULT_MODEL, EncodeOptions
from swc.errors import FormatError, InputError, ModelError
from swc.files import BinaryOutput, open_input
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
        audio: Any,
        sample_rate: int,
        kbps: float = DEFAULT_KBPS,
        *,
        effort: int = DEFAULT_EFFORT,
        lookahead: float | None = None,
        gain_db: float | None = None,
        tags: Iterable[tuple[str, str]] = (),
        channel_mask: int | None = None,
    ) -> Stream:
        """Encode a recording.

        Args:
            audio: an array or tensor (samples,), (samples, channels) or, where that is plain, (channels, samples), of 1
                to 8 channels and any length from 0; floating-point with full scale [-1, 1], int16 or int32.
            sample_rate: Hz.
            kbps: kbit/s of the whole stream, every byte and channel counted; the stream measures at most this when
                it is longer than 5 s.
            effort: 0 takes the router's experts and each stage's nearest code; 1 and 2 search for better ones, which
                takes longer and gives the decoder no work.
            lookahead: seconds from which the level is set; None takes the model's.
            gain_db: level gain before coding, in place of one that suits the level; streams of the same gain can be
                joined.
            tags: keys (upper-case, as in Vorbis comments) and values for the header. Their bits count: of a recording
                of known length they are spread over all of it.
            channel_mask: WAVE's dwChannelMask; None for the usual loudspeakers of so many channels.

        Raises:
            InputError: a shape, type or number (nan, infinity) that cannot be encoded, or tags that the header cannot
                hold.
            BitrateError: a rate that so many channels, or tags, cannot meet.
        """
        recording = as_recording(audio)
        builder = StreamBuilder()
        blocks = (recording[i : i + BLOCK] for i in range(0, len(recording), BLOCK))
        source = Source(blocks, sample_rate, recording.shape[1], len(recording), channel_mask)
        self.encode_source(builder.open, source, EncodeOptions(kbps, effort, lookahead, gain_db=gain_db), tags)
        return builder.stream

    def decode(self, stream: Stream | bytes | str | os.PathLike[str]) -> Audio:
        """Decode a stream to float32 (samples, channels) at its source rate, as long as what was encoded.

        Args:
            stream: itself, its bytes, or the path of its file.

        Raises:
            ModelError: the stream was made with another model.
            InputError: no such file.
            FormatError: bytes that are not a stream.
        """
        if isinstance(stream, bytes):
            stream = Stream.from_bytes(stream)
        elif not isinstance(stream, Stream):
            if not isinstance(stream, str | os.PathLike):
                raise InputError(f"`stream` must be a Stream, bytes or a path, not {type(stream).__name__}")
            try:
                with open_input(Path(stream)) as fp:
                    stream = Stream.read(fp)
            except OSError as error:
                raise InputError(f"{stream}: cannot be read: {error.strerror}") from None
        return np.concatenate([np.zeros((0, stream.header.channels), np.float32), *self.decode_blocks(stream)])

    def encode_to(
        self,
        fp: BinaryOutput,
        blocks: Iterable[Any],
        sample_rate: int,
        channels: int,
        *,
        kbps: float = DEFAULT_KBPS,
        total_samples: int | None = None,
        effort: int = DEFAULT_EFFORT,
        lookahead: float | None = None,
        gain_db: float | None = None,
        tags: Iterable[tuple[str, str]] = (),
        channel_mask: int | None = None,
    ) -> int:
        """Encode blocks of audio to a file object, chunk by chunk, in memory independent of the duration.

        Nothing is written before `lookahead` seconds have come; then, where `total_samples` isn't known, each chunk as
        soon as it is complete, and else sixteen at a time, which is faster.

        Args:
            fp: is written to, never read or sought.
            blocks: (n, channels) each; how the audio is cut into blocks never matters.
            total_samples: per channel, when known beforehand; goes into the header.
            sample_rate, channels, kbps, effort, lookahead, gain_db, tags, channel_mask: as `encode`.

        Returns:
            Samples encoded, per channel.

        Raises:
            InputError, BitrateError: as `encode`; or the blocks do not add up to `total_samples`.
        """
        source = Source(blocks, sample_rate, channels, total_samples, channel_mask)
        options = EncodeOptions(kbps, effort, lookahead, gain_db=gain_db)
        return self.encode_source(partial(StreamWriter, fp), source, options, tags).samples

    def encode_source(
        self,
        sink: Callable[[Header], ChunkSink],
        source: Source,
        options: EncodeOptions,
        tags: Iterable[tuple[str, str]] = (),
    ) -> CheckedBlocks:
        """Encode a source to what `sink` opens under the stream's header; see `encode_to`.

        Args:
            options: tags, and what concerns files, aside.

        Returns:
            The audio as it was measured.
        """
        rate = whole_rate(source.sample_rate)
        options.check()
        blocks = CheckedBlocks(source.blocks, source.channels, source.name)
        header = self.header(
            rate, source.channels, self._gain(blocks, rate, options), source.total_samples, tags, source.channel_mask
        )
        encoder = StreamEncoder(self.model, header, Budget(header, options.kbps), options.effort)
        stream = sink(header)
        for chunk in encoder.chunks(blocks):
            stream.write_chunk(chunk)
        if source.total_samples is not None and blocks.samples != source.total_samples:
            raise InputError(
                f"{source.name} has {blocks.samples} samples, not the {source.total_samples} it announced; "
                "was it cut off?"
            )
        stream.finish(blocks.samples)
        return blocks

    def _gain(self, blocks: CheckedBlocks, sample_rate: int, options: EncodeOptions) -> int:
        """Level gain in 1/256 dB."""
        if options.gain_db is not None:
            return round(options.gain_db * 256)
        lookahead = self.config.gain.lookahead if options.lookahead is None else options.lookahead
        return gain_q8(loud_level_db(blocks.peek(round(lookahead * sample_rate)), sample_rate), self.config.gain)

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
        channel_mask: int | None = None,
    ) -> Header:
        """The header of a stream of such audio; `gain` in 1/256 dB.

        Raises:
            InputError: tags or a channel mask that it cannot hold.
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
            header = header.with_channel_mask(channel_mask).with_tags(tags)
        except FormatError as error:
            raise InputError(f"the header cannot hold this: {error}") from None
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
