"""The codec: audio <-> Stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, overload

from torch import Tensor

from swc.audio import Audio, CheckedBlocks
from swc.audio.blocks import Source, listed, recording, whole_rate
from swc.audio.channels import DEFAULT_MASKS
from swc.bitstream import ChunkSink, Header, Stream, StreamBuilder, StreamWriter
from swc.bitstream.stream import AnyStream
from swc.bundle import Bundle, bundle_for, find_bundle
from swc.bundle.weights import load_weights
from swc.codec.decoder import as_audio
from swc.codec.decoding import DecodingCodec
from swc.codec.device import find_device
from swc.codec.encoder import StreamEncoder
from swc.codec.headers import live_header
from swc.codec.jobs import Job, run
from swc.codec.live import LiveEncoder, live_encoder
from swc.codec.options import DEFAULT_EFFORT, DEFAULT_MODEL, EncodeOptions, Stereo
from swc.codec.settings import Settings
from swc.codec.stereo.choice import chosen_pairs, coupling_bits
from swc.errors import naming
from swc.files import BinaryOutput
from swc.nn.model import CodecModel, Undrawn


class Codec(DecodingCodec):
    """A loaded model bundle, which encodes and decodes with torch; attributes as in `DecodingCodec`."""

    model: CodecModel

    def __init__(self, bundle: Bundle, device: str = "cpu") -> None:
        self.device = find_device(device)
        with Undrawn():
            model = CodecModel(bundle.config)
        super().__init__(model, bundle.fingerprint)
        load_weights(self.model, bundle.weights, base=bundle.base.weights if bundle.base else None)
        self.model.to(self.device).eval()
        self._settings = Settings(self.model)

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
        kbps: float | None = None,
        *,
        quality: float | None = None,
        level: float | None = None,
        effort: int = DEFAULT_EFFORT,
        lookahead: float | None = None,
        gain_db: float | None = None,
        tags: Iterable[tuple[str, str]] = (),
        channel_mask: int | None = None,
        channels_first: bool | None = None,
        stereo: Stereo = "auto",
        live: bool = False,
    ) -> Stream:
        """Encode a recording.

        Args:
            audio: an array or tensor (samples,), (samples, channels) or (channels, samples), of 1 to 8 channels and any
                length from 0; floating-point with full scale [-1, 1], int16 or int32.
            sample_rate: Hz.
            kbps: kbit/s of the whole stream, every byte and channel counted; the stream measures at most this when
                it is longer than 5 s. None means 2.67 or a model's only rate, unless `quality` or `level` is given.
            quality: 0 to 10, in place of `kbps`: constant quality, so that easy passages take fewer bits (see
                `swc.codec.quality`).
            level: 0 to 10, in place of `kbps`, for models of family vrvq: the factor by which the importance of
                latents is multiplied to give their numbers of codebooks (see `swc.codec.levels`).
            effort: 0 takes the router's experts and each stage's nearest code; 1 and 2 search for better ones, which
                takes longer in the encoder only.
            lookahead: seconds from which the level is set and `stereo` decided; None for the model's.
            gain_db: level gain before coding, in place of one that suits the level; streams of the same gain can be
                joined.
            tags: keys (upper-case, as in Vorbis comments) and values for the header. Their bits count: of a recording
                of known length they are spread over all of it.
            channel_mask: WAVE's dwChannelMask; None for the usual loudspeakers of so many channels.
            channels_first: True for (channels, samples), False for (samples, channels); None takes 1 to 8 columns for
                channels, and otherwise 1 to 8 rows.
            stereo: "auto" codes left and right together where they have enough in common, "coupled" always, "apart"
                never.
            live: give the stream of `encode_stream`.

        Raises:
            InputError: a shape, type or number (nan, infinity) that cannot be encoded, an option out of bounds, or
                tags that the header cannot hold.
            BitrateError: a rate that so many channels, or tags, cannot meet.
        """
        options = EncodeOptions(
            kbps, effort, lookahead, gain_db=gain_db, quality=quality, stereo=stereo, level=level, live=live
        )
        builder, source = StreamBuilder(), recording(audio, sample_rate, channel_mask, channels_first)
        self.encode_source(builder.open, source, options, tags)
        return builder.stream

    def encode_batch(
        self,
        recordings: Iterable[Any],
        sample_rate: int,
        kbps: float | None = None,
        *,
        quality: float | None = None,
        level: float | None = None,
        effort: int = DEFAULT_EFFORT,
        lookahead: float | None = None,
        gain_db: float | None = None,
        tags: Iterable[tuple[str, str]] = (),
        channel_mask: int | None = None,
        channels_first: bool | None = None,
        stereo: Stereo = "auto",
    ) -> list[Stream]:
        """Encode recordings of any lengths to the streams that `encode` gives, which takes less time on a CPU.

        Args:
            recordings: as `encode` takes them. The other arguments go for all.

        Raises:
            InputError, BitrateError: as `encode`, naming the recording by its index.
        """
        options = EncodeOptions(kbps, effort, lookahead, gain_db=gain_db, quality=quality, stereo=stereo, level=level)
        builders, common = list[StreamBuilder](), tuple(tags) if isinstance(tags, Iterable) else tags

        def jobs() -> Iterator[Job]:
            for index, audio in enumerate(listed(recordings, "recordings", "encode")):
                builders.append(StreamBuilder())
                with naming(name := f"recording {index}"):
                    source = recording(audio, sample_rate, channel_mask, channels_first)
                    job = self._job(builders[-1].open, source, options, common, name)
                yield job

        run(jobs())
        return [builder.stream for builder in builders]

    @overload
    def decode(self, stream: AnyStream, *, as_tensor: Literal[False] = False) -> Audio: ...
    @overload
    def decode(self, stream: AnyStream, *, as_tensor: Literal[True]) -> Tensor: ...
    def decode(self, stream: AnyStream, *, as_tensor: bool = False) -> Audio | Tensor:
        """Decode a stream as `DecodingCodec.decode` does.

        Args:
            as_tensor: return a tensor (channels, samples) on the codec's device, and not an array (samples, channels).
        """
        audio: Tensor = self._decoded(stream)
        return audio if as_tensor else as_audio(audio)

    @overload
    def decode_batch(self, streams: Iterable[AnyStream], *, as_tensor: Literal[False] = False) -> list[Audio]: ...
    @overload
    def decode_batch(self, streams: Iterable[AnyStream], *, as_tensor: Literal[True]) -> list[Tensor]: ...
    def decode_batch(self, streams: Iterable[AnyStream], *, as_tensor: bool = False) -> list[Audio] | list[Tensor]:
        """Decode streams one after the other, see `decode`: together, networks would round otherwise."""
        return [self.decode(stream, as_tensor=as_tensor) for stream in listed(streams, "streams", "decode")]  # type: ignore[call-overload]

    def encode_to(
        self,
        fp: BinaryOutput,
        blocks: Iterable[Any],
        sample_rate: int,
        channels: int,
        *,
        kbps: float | None = None,
        quality: float | None = None,
        level: float | None = None,
        total_samples: int | None = None,
        effort: int = DEFAULT_EFFORT,
        lookahead: float | None = None,
        gain_db: float | None = None,
        tags: Iterable[tuple[str, str]] = (),
        channel_mask: int | None = None,
        stereo: Stereo = "auto",
        live: bool = False,
    ) -> int:
        """Encode blocks of audio to a file object, chunk by chunk, in memory independent of the duration.

        Nothing is written before `lookahead` seconds have come; then, where `total_samples` isn't known, each chunk as
        soon as it is complete, and else sixteen at a time, which is faster.

        Args:
            fp: is written to, never read or sought.
            blocks: (n, channels) each; how the audio is cut into blocks never matters.
            total_samples: per channel, when known beforehand; goes into the header.
            sample_rate, channels, kbps, quality, level, effort, lookahead, gain_db, tags, channel_mask, stereo, live:
                as `encode`.

        Returns:
            Samples encoded, per channel.

        Raises:
            InputError, BitrateError: as `encode`; or the blocks do not add up to `total_samples`.
        """
        source = Source(blocks, sample_rate, channels, total_samples, channel_mask)
        options = EncodeOptions(
            kbps, effort, lookahead, gain_db=gain_db, quality=quality, stereo=stereo, level=level, live=live
        )
        return self.encode_source(partial(StreamWriter, fp), source, options, tags).samples

    def encode_stream(
        self,
        sample_rate: int,
        channels: int = 1,
        kbps: float | None = None,
        *,
        quality: float | None = None,
        effort: int = DEFAULT_EFFORT,
        gain_db: float | None = None,
        tags: Iterable[tuple[str, str]] = (),
        channel_mask: int | None = None,
    ) -> LiveEncoder:
        """An encoder of live audio: it takes samples as they come, and gives bytes as soon as they are known.

        Channels are coded apart. The bytes are those that `encode` gives with `live`.

        Args:
            kbps: as for `encode`, framing of 10 bytes a chunk included; None for the usual rate of live audio.
            gain_db: level gain before coding, which the decoder undoes; None lets it follow the level of the audio,
                which comes out evened.
            sample_rate, channels, quality, effort, tags, channel_mask: as for `encode_to`.

        Raises:
            InputError, BitrateError: as `encode`; or a model that cannot code live audio.
        """
        options = EncodeOptions(kbps, effort, gain_db=gain_db, quality=quality, live=True)
        options.check()
        return LiveEncoder(self._live(whole_rate(sample_rate), channels, options, tags, channel_mask))

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
        job = self._job(sink, source, options, tags)
        run([job])
        return job.blocks

    def settled(self, options: EncodeOptions, sample_rate: int, channels: int) -> EncodeOptions:
        """The options for such audio, with the rate that is usual if none is given."""
        header = self.header(sample_rate, channels)
        return self._settings.settled(options, live_header(header, self.config) if options.live else header)

    def _job(
        self,
        sink: Callable[[Header], ChunkSink],
        source: Source,
        options: EncodeOptions,
        tags: Iterable[tuple[str, str]],
        name: str = "",
    ) -> Job:
        """`encode_source` to be."""
        rate = whole_rate(source.sample_rate)
        blocks = CheckedBlocks(source.blocks, source.channels, source.name)
        options.check()
        if options.live:
            live = self._live(rate, source.channels, options, tags, source.channel_mask)
            return Job(live, blocks, sink(live.header), None, name)
        settings, options = self._settings, self.settled(options, rate, source.channels)
        heard = blocks.peek(round(settings.lookahead(options, source.channels) * rate))
        gain = settings.gain(options, heard, rate)
        header = self.header(rate, source.channels, gain, source.total_samples, tags, source.channel_mask)
        mask = source.channel_mask or DEFAULT_MASKS[source.channels]
        header = header.with_pairs(chosen_pairs(options.stereo, header, mask, heard))
        control, couplings = settings.control(options, header), coupling_bits(options.target_kbps)
        encoder = StreamEncoder(self.model, header, control, options.effort, couplings)
        return Job(encoder, blocks, sink(header), source.total_samples, name)

    def _live(
        self, sample_rate: int, channels: int, options: EncodeOptions, tags: Iterable[tuple[str, str]], mask: int | None
    ) -> StreamEncoder:
        """The encoder of live audio.

        Raises:
            InputError: this model cannot code any.
        """
        gain = 0 if options.gain_db is None else round(options.gain_db * 256)
        header = live_header(self.header(sample_rate, channels, gain, None, tags, mask), self.config)
        options = self._settings.settled(options, header)
        return live_encoder(self.model, header, self._settings.control(options, header), options)
