"""One file to one file, as the commands do it. Does not import torch by itself."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from swc.audio import Audio, AudioReader, AudioWriter
from swc.audio.blocks import Source
from swc.audio.resample import AlignedResampler
from swc.bitstream import Header, SalvageReader, StreamReader, StreamWriter, Tags
from swc.bitstream.damage import damage_facts
from swc.codec.backends import Backend, load_decoder
from swc.codec.budget import fit_tags
from swc.codec.options import DecodeOptions, EncodeOptions, past_the_end, samples_of
from swc.files import open_input, open_output

if TYPE_CHECKING:
    from swc.codec.codec import Codec
    from swc.codec.decoding import DecodingCodec

Report = Callable[[float, float | None], None]
"""Called with the seconds of audio done so far, and their total (None if unknown)."""
Place = str | Path
"""A file's path; - is stdin or stdout."""


@dataclass(frozen=True)
class Summary:
    """The result of encoding or decoding one file.

    Attributes:
        model: name of its bundle.
        samples: per channel, at `sample_rate`.
        sample_rate: Hz.
        channels: of the recording.
        elapsed_seconds: taken.
        notes: oddities on the way, with remedies.
    """

    model: str
    samples: int
    sample_rate: int
    channels: int
    elapsed_seconds: float
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Duration of the audio."""
        return self.samples / self.sample_rate

    @property
    def speed(self) -> float:
        """Seconds of audio per second."""
        return self.seconds / self.elapsed_seconds

    def facts(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {**vars(self), "seconds": self.seconds, "speed": self.speed}


@dataclass(frozen=True)
class EncodeSummary(Summary):
    """The result of encoding.

    Attributes:
        bytes: of the stream.
        tags: of the stream.
        tags_left_out: tags of the source that the stream had no room for.
    """

    bytes: int
    tags: Tags
    tags_left_out: Tags

    @property
    def kbps(self) -> float | None:
        """Measured kbit/s; None without audio."""
        return self.bytes * 8 / self.seconds / 1000 if self.samples else None

    @property
    def pcm_ratio(self) -> float:
        """Size of the same audio as 16-bit PCM, relative to the stream's."""
        return self.samples * self.channels * 2 / self.bytes

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "kbps": self.kbps, "pcm_ratio": self.pcm_ratio}


@dataclass(frozen=True)
class DecodeSummary(Summary):
    """The result of decoding.

    Attributes:
        damage: of a salvaged stream, as in `damage_facts`; None without salvage.
    """

    damage: dict[str, Any] | None

    def facts(self) -> dict[str, Any]:
        facts = super().facts()
        return facts if self.damage else {name: fact for name, fact in facts.items() if name != "damage"}


def encode_file(
    codec: Codec, source: Place, target: Place, options: EncodeOptions | None = None, report: Report | None = None
) -> EncodeSummary:
    """Encode an audio file to a .swc file, which appears under its name only when complete.

    Raises:
        InputError: as `AudioReader`, `open_output` and `Codec.encode`.
        BitrateError: a rate that this recording cannot meet.
        OSError: a target that cannot be written.
    """
    options = options or EncodeOptions()
    with AudioReader(source, options.raw, salvage=options.salvage_input) as reader:
        return encode_audio(codec, reader, target, options, report)


def encode_audio(
    codec: Codec, reader: AudioReader, target: Place, options: EncodeOptions, report: Report | None = None
) -> EncodeSummary:
    """`encode_file` for a source that is open already."""
    started, options = time.perf_counter(), codec.settled(options, reader.sample_rate, reader.channels)
    tags, left_out = _tags(codec, reader, options)
    with open_output(target) as output:
        blocks = reported(reader.blocks(live=options.live), report, reader.total_samples, reader.sample_rate)
        source = Source(
            blocks, reader.sample_rate, reader.channels, reader.total_samples, reader.channel_mask, reader.name
        )
        audio = codec.encode_source(partial(StreamWriter, output), source, options, tags)
    notes = (*reader.notes, *audio.notes(), *_unfit(reader, options))
    elapsed = time.perf_counter() - started
    return EncodeSummary(
        codec.name, audio.samples, reader.sample_rate, reader.channels, elapsed, notes, output.size, tags, left_out
    )


def decode_file(
    source: Place,
    target: Place,
    options: DecodeOptions | None = None,
    *,
    codec: DecodingCodec | None = None,
    device: str = "cpu",
    backend: Backend = "auto",
    report: Report | None = None,
) -> DecodeSummary:
    """Decode a .swc file to audio; the target's suffix gives the format.

    Args:
        codec: None loads the installed one that the stream was made with, to `device`, for `backend`.

    Raises:
        InputError: no such source, a target that cannot be written, nothing in the requested part, or a backend that
            is not installed.
        FormatError: the source is damaged.
        ModelError: no model for it.
    """
    options = options or DecodeOptions()
    with open_input(source) as fp:
        reader = SalvageReader(fp) if options.salvage else StreamReader(fp)
        return decode_stream(codec or load_decoder(reader.header, device, backend), reader, target, options, report)


def decode_stream(
    codec: DecodingCodec,
    reader: StreamReader | SalvageReader,
    target: Place,
    options: DecodeOptions,
    report: Report | None = None,
) -> DecodeSummary:
    """`decode_file` for a source that is open already."""
    options.check()
    header, started = reader.header, time.perf_counter()
    rate = header.source_rate if options.rate is None else int(options.rate)
    resampler = AlignedResampler(header.source_rate, rate)
    start, stop = samples_of(options.start, options.duration, rate)
    blocks = _decoded(codec, reader, resampler, start, stop)
    total = _length(header, resampler, start, stop)
    if isinstance(reader, SalvageReader):
        total = None
    samples = 0
    with AudioWriter(
        target,
        rate,
        header.channels,
        bits=options.bits,
        total_samples=total,
        tags=header.tags if options.tags else (),
        raw=options.raw,
        channel_mask=header.channel_mask,
    ) as writer:
        for block in reported(blocks, report, total, rate):
            writer.write(block)
            samples += len(block)
    elapsed = time.perf_counter() - started
    damage = damage_facts(reader) if isinstance(reader, SalvageReader) else None
    return DecodeSummary(codec.name, samples, rate, header.channels, elapsed, writer_notes(writer), damage)


def _tags(codec: Codec, reader: AudioReader, options: EncodeOptions) -> tuple[Tags, Tags]:
    """The tags of the stream, and those of the source that it has no room for."""
    chosen = tuple((key, value) for key, value in options.tags if value)
    header = codec.header(reader.sample_rate, reader.channels, total_samples=reader.total_samples, tags=chosen)
    named = {key for key, _ in options.tags}
    copies = options.copy_tags and not options.live  # live audio has no bits to spare
    others = tuple(pair for pair in reader.tags if pair[0] not in named) if copies else ()
    copied, left_out = fit_tags(header, options.target_kbps, others)
    return copied + chosen, left_out


def _unfit(reader: AudioReader, options: EncodeOptions) -> tuple[str, ...]:
    """The note on tags that no stream can hold."""
    named = {key for key, _ in options.tags}
    sizes = Counter[str]()
    for key, size in reader.unfit_tags:
        sizes[key] += size
    listed = ", ".join(f"{key} ({size} bytes)" for key, size in sizes.items() if key not in named)
    if not listed or not options.copy_tags:
        return ()
    return (f"tags left out: {listed}; a stream holds text under ASCII names",)


def writer_notes(writer: AudioWriter) -> tuple[str, ...]:
    """The oddities of a decoded file."""
    return (*_clipping(writer), *_left_out(writer))


def _left_out(writer: AudioWriter) -> tuple[str, ...]:
    """The note on tags that the decoded file cannot hold."""
    keys = dict.fromkeys(key for key, _ in writer.tags_left_out)
    return (f"tags left out: {', '.join(keys)}; write FLAC or Ogg to keep them",) if keys else ()


def _decoded(
    codec: DecodingCodec,
    reader: StreamReader | SalvageReader,
    resampler: AlignedResampler,
    start: int,
    stop: int | None,
) -> Iterator[Audio]:
    """Samples `start` to `stop` (None: to the end) of the resampler's output, equal to that part of the whole."""
    segment, begin, end = resampler.needed(start, stop)
    pieces = codec.decode_blocks(reader, start=begin, stop=end)
    empty = True
    for at, block in resampler.blocks(pieces, segment, begin):
        part = block[max(0, start - at) : None if stop is None else max(0, stop - at)]
        if len(part):
            yield part
            empty = False
    if empty and start:
        raise past_the_end(reader.header, reader.total_samples or 0)


def _length(header: Header, resampler: AlignedResampler, start: int, stop: int | None) -> int | None:
    """Output samples from `start` to `stop`, if the header tells; raises InputError if there are none."""
    if header.total_samples is None:
        return None
    total = resampler.length(header.total_samples)
    if start and start >= total:
        raise past_the_end(header, header.total_samples)
    return (total if stop is None else min(stop, total)) - start


def _clipping(writer: AudioWriter) -> tuple[str, ...]:
    """The note on clipped samples."""
    if not writer.clipped:
        return ()
    return (
        f"{writer.clipped} samples reached up to {writer.peak:.2f} times full scale and were clipped; "
        "to keep them, write `bits` float",
    )


def reported(blocks: Iterator[Audio], report: Report | None, total: int | None, rate: int) -> Iterator[Audio]:
    """The blocks, each reported after it was consumed."""
    done = 0
    for block in blocks:
        yield block
        done += len(block)
        if report is not None:
            report(done / rate, None if total is None else total / rate)
