"""A live stream to a file or a pipe, as the command does it. Does not import torch by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from swc.audio import Audio, AudioWriter
from swc.bitstream import Header, LiveReader
from swc.bitstream.damage import damage_facts
from swc.codec.options import DecodeOptions
from swc.codec.transcode import DecodeSummary, Place, Report, reported, writer_notes
from swc.files import read_some

if TYPE_CHECKING:
    from swc.codec.decoding import DecodingCodec
    from swc.codec.live_decoder import LiveDecoder

_MOST = 1 << 16  # bytes taken at a time


class LiveInput:
    """A stream that arrives.

    Args:
        fp: where it comes from.

    Attributes:
        header: of it.

    Raises:
        FormatError: it has none.
        OSError: from `fp`.
    """

    def __init__(self, fp: IO[bytes]) -> None:
        self._fp, self._early = fp, b""
        reader: LiveReader | None = None
        while reader is None:
            data = read_some(fp, _MOST)
            self._early += data
            reader = LiveReader.begun(self._early, ended=not data)
        self.header: Header = reader.header

    def pieces(self) -> Iterator[bytes]:
        """The stream from its start, in pieces as they arrive."""
        yield self._early
        while data := read_some(self._fp, _MOST):
            yield data


def decode_live(
    codec: DecodingCodec,
    source: LiveInput,
    target: Place,
    options: DecodeOptions,
    report: Report | None = None,
) -> DecodeSummary:
    """Decode a stream as it arrives; what is lost of it is concealed.

    Args:
        options: those for the output.

    Raises:
        InputError: a target that cannot be written, or a model that cannot decode live audio.
        ModelError: the stream was made with another model.
    """
    header, started, decoder = source.header, time.perf_counter(), codec.decode_stream()
    with AudioWriter(
        target,
        header.source_rate,
        header.channels,
        bits=options.bits,
        tags=header.tags if options.tags else (),
        raw=options.raw,
        channel_mask=header.channel_mask,
    ) as writer:
        for block in reported(_blocks(decoder, source), report, None, header.source_rate):
            writer.write(block)
    elapsed = time.perf_counter() - started
    damage = damage_facts(decoder.reader) if decoder.reader and decoder.reader.damaged else None
    return DecodeSummary(
        codec.name, decoder.samples, header.source_rate, header.channels, elapsed, writer_notes(writer), damage
    )


def _blocks(decoder: LiveDecoder, source: LiveInput) -> Iterator[Audio]:
    """The audio that there is after each piece, if any."""
    for data in source.pieces():
        block = decoder.push(data)
        if len(block):
            yield block
    yield decoder.flush()
