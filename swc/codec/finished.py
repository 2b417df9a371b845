"""Whether an output exists already and is complete. Needs no model."""

from __future__ import annotations

import os
import sys

from swc.audio import AudioReader, RawFormat
from swc.audio.resample import AlignedResampler
from swc.bitstream import Header, SalvageReader, StreamReader
from swc.codec.options import DecodeOptions, samples_of
from swc.errors import FormatError, SwcError
from swc.files import open_input


def is_finished_stream(target: str, source: str) -> bool:
    """Whether `target` is a stream with an end chunk, and not older than `source`.

    Chunks are counted, but their checksums are left to `swc verify`.
    """
    try:
        if not _is_current(target, source):
            return False
        _length(target)
    except (SwcError, OSError):
        return False
    return True


def is_finished_audio(target: str, source: str, options: DecodeOptions) -> bool:
    """Whether `target` is audio with the rate, channels and length of the decoded `source`, and not older than it."""
    try:
        if not _is_current(target, source):
            return False
        header, total = _length(source, options.salvage)
        rate = options.rate or header.source_rate
        total = AlignedResampler(header.source_rate, rate).length(total)
        start, stop = samples_of(options.start, options.duration, rate)
        samples = (total if stop is None else min(stop, total)) - start
        if options.raw:
            layout = RawFormat(options.bits, rate, header.channels)
            return os.path.getsize(target) == samples * layout.frame_bytes
        with AudioReader(target) as reader:
            there = (reader.sample_rate, reader.channels, reader.total_samples)
            return there == (rate, header.channels, samples)
    except (SwcError, OSError):
        return False


def _is_current(target: str, source: str) -> bool:
    return os.stat(target).st_mtime_ns >= os.stat(source).st_mtime_ns


def _length(path: str, damaged: bool = False) -> tuple[Header, int]:
    """The header of a stream, and its samples a channel.

    Raises:
        FormatError: it has no end chunk, or, if that is tolerated, no header either.
    """
    with open_input(path) as fp:
        try:
            reader = StreamReader(fp)
            reader.skip_to(sys.maxsize)
        except FormatError:
            if not damaged:
                raise
            fp.seek(0)
            return _salvaged_length(SalvageReader(fp))
        return reader.header, reader.total_samples or 0


def _salvaged_length(reader: SalvageReader) -> tuple[Header, int]:
    for _ in reader:
        pass
    header, total = reader.header, reader.total_samples
    if reader.cut_off:  # nothing is added after the last chunk
        there = -(-reader.n_chunks * header.chunk_latents * header.hop * header.source_rate // header.model_rate)
        total = there if total is None else min(there, total)
    return header, total or 0
