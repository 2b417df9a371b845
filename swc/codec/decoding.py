"""A loaded model that decodes streams, with any backend. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from swc.audio import Audio
from swc.audio.blocks import listed
from swc.bitstream import Header, LossySource, Stream
from swc.bitstream.stream import AnyStream
from swc.codec.decoder import DecoderModel, StreamDecoder, as_audio
from swc.codec.headers import check_live, check_model, plain_header, with_metadata
from swc.codec.live_decoder import LiveDecoder
from swc.codec.options import past_the_end
from swc.dsp.arrays import Array, namespace
from swc.errors import InputError


class DecodingCodec:
    """A loaded model that decodes.

    Attributes:
        name: of the bundle.
        config: of the model.
        fingerprint: 8 bytes that identify the meaning of its codes.
        sample_rate: Hz that the network runs at; any other rate is resampled on the way in and out.
        model: the networks.
    """

    def __init__(self, model: DecoderModel, fingerprint: bytes) -> None:
        self.model, self.config, self.fingerprint = model, model.config, fingerprint
        self.name, self.sample_rate = model.config.name, model.config.sample_rate

    def decode(self, stream: AnyStream) -> Audio:
        """Decode a stream to its source rate, as long as what was encoded: float32 (samples, channels).

        Args:
            stream: itself, its bytes, or the path of its file.

        Raises:
            ModelError: the stream was made with another model.
            InputError: no such file.
            FormatError: bytes that are not a stream.
        """
        return as_audio(self._decoded(stream))

    def decode_batch(self, streams: Iterable[AnyStream]) -> list[Audio]:
        """Decode streams one after the other, see `decode`: together, networks would round otherwise."""
        return [self.decode(stream) for stream in listed(streams, "streams", "decode")]

    def _decoded(self, stream: AnyStream) -> Array:
        """All samples (channels, n), of the model's kind."""
        whole, like = Stream.of(stream), self.model.like
        xp = namespace(like)
        nothing = xp.zeros((whole.header.channels, 0), dtype=like.dtype, device=like.device)
        return xp.concat([nothing, *self.decoder(whole.header).blocks(whole)], 1)

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
        return map(as_audio, self.decoder(reader.header).blocks(reader, start, stop))

    def decode_stream(self) -> LiveDecoder:
        """A decoder of live audio: it takes bytes as they come, and gives samples as soon as they are known.

        Raises:
            InputError: this model cannot decode any.
        """
        check_live(self.config)
        return LiveDecoder(self)

    def decoder(self, header: Header) -> StreamDecoder:
        """The decoder of streams with this header.

        Raises:
            ModelError: they were made with another model.
        """
        check_model(header, self.header(self.sample_rate, 1), self.name)
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
        header = plain_header(self.config, self.fingerprint, sample_rate, channels, gain, total_samples)
        return with_metadata(header, tags, channel_mask)
