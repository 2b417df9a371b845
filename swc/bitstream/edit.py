"""Cutting, joining and tagging streams: codes are copied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from swc.bitstream.chunks import ChunkSink, ChunkSource
from swc.bitstream.structure import Header
from swc.errors import InputError


@dataclass(frozen=True)
class Piece:
    """A written piece: its chunks, and its samples at the source rate, counted in the original stream."""

    chunks: range
    samples: range


def cut(source: ChunkSource, sink: Callable[[Header], ChunkSink], start: int = 0, stop: int | None = None) -> Piece:
    """Copy the chunks that hold samples `start` to `stop` to a stream of their own.

    Only these chunks are read, if the source is seekable; the others aren't verified.

    Args:
        source: at the start of its stream.
        sink: opens the new stream under its header.
        start, stop: samples at the source rate; the piece may be longer on either side, by less than a chunk. A stop
            of None, or after the end, means the end.

    Raises:
        InputError: nothing lies between start and stop.
        FormatError: raised by the source or the sink.
    """
    header = source.header
    full = header.chunk_latents
    if start < 0 or (stop is not None and stop <= start):
        raise InputError("nothing to cut: the piece must start at 0 or later and be longer than 0")
    _check_hop(header)
    first, last = chunk_at(header, start), None if stop is None else chunk_at(header, stop - 1) + 1
    known = header.total_samples
    if known is not None and start >= known:
        raise _past_the_end(header, known)
    total = None if known is None else _piece_samples(header, first, last, known)
    chunks = islice(source.chunks_from(first), None if last is None else last - first)
    chunk = next(chunks, None)
    if chunk is None:
        raise _past_the_end(header, source.total_samples or 0)
    piece = sink(replace(header, total_samples=total))
    count = latents = 0
    while chunk is not None:
        piece.write_chunk(chunk)
        count, latents = count + 1, latents + chunk.latents
        chunk = next(chunks, None)
    if total is None:  # unknown to the header; the end chunk tells, if it was read
        whole = source.total_samples
        total = _piece_samples(
            header, first, last, header.samples_for(first * full + latents) if whole is None else whole
        )
    piece.finish(total)
    begin = header.samples_for(first * full)
    return Piece(range(first, first + count), range(begin, begin + total))


def join(sources: Sequence[ChunkSource], sink: Callable[[Header], ChunkSink], names: Sequence[str] = ()) -> int:
    """Join the chunks of several streams to one stream; extensions (tags) are those of the first.

    Args:
        sources: each at the start of its stream.
        sink: opens the new stream under its header.
        names: of the streams, for messages.

    Returns:
        Samples per channel.

    Raises:
        InputError: headers that differ in more than length and extensions, or a stream before the last that ends within
            a chunk.
        FormatError: raised by the sources; a LimitError if the result is too long.
    """
    if not sources:
        raise InputError("nothing to join: give at least one stream")
    header = sources[0].header
    _check_hop(header)
    names = names or [f"stream {number}" for number in range(1, len(sources) + 1)]
    for name, source in zip(names[1:], sources[1:], strict=True):
        _check_alike(header, names[0], source.header, name)
    total = _joined_samples([source.header.total_samples for source in sources], header)
    whole = sink(replace(header, total_samples=total))
    latents = samples = 0
    for number, source in enumerate(sources):
        samples = header.samples_for(latents)
        if latents % header.chunk_latents:
            raise InputError(
                f"{names[number - 1]} ends within a chunk, so nothing can follow it without encoding again; "
                "only pieces that were cut between chunks can be joined, and any stream as the last"
            )
        for chunk in source.chunks_from(0):
            whole.write_chunk(chunk)
            latents += chunk.latents
        samples += source.total_samples or 0
    samples = _fitting(header, samples, latents)
    whole.finish(samples)
    return samples


def retag(source: ChunkSource, sink: Callable[[Header], ChunkSink], tags: Iterable[tuple[str, str]]) -> None:
    """Copy a stream with other tags: all of it is read, and so verified, and no code changes.

    Args:
        source: at the start of its stream.
        sink: opens the new stream under its header.
        tags: keys and values, in place of those that the stream has.

    Raises:
        FormatError: raised by the source; a LimitError or SyntaxFormatError for tags that no stream can hold.
    """
    new = sink(source.header.with_tags(tags))
    for chunk in source.chunks_from(0):
        new.write_chunk(chunk)
    new.finish(source.total_samples or 0)


def chunk_at(header: Header, sample: int) -> int:
    """Index of the chunk that holds a sample at the source rate."""
    latent = max(0, header.latents_for(sample + 1) - 1)
    return latent // header.chunk_latents


def _piece_samples(header: Header, first: int, last: int | None, total: int) -> int:
    """Samples of the chunks from `first` up to `last` of a stream of `total`; 0 if it has none of them."""
    full = header.chunk_latents
    if last is None or last >= header.chunks_for(total):
        end, latents = total, header.latents_for(total)
    else:
        end, latents = header.samples_for(last * full), last * full
    if latents <= first * full:
        return 0
    return _fitting(header, end - header.samples_for(first * full), latents - first * full)


def _joined_samples(totals: Iterable[int | None], header: Header) -> int | None:
    """Samples of streams of these lengths in sequence; None if one is unknown."""
    samples = latents = 0
    for total in totals:
        if total is None:
            return None
        samples = header.samples_for(latents) + total
        latents += header.latents_for(total)
    return _fitting(header, samples, latents)


def _fitting(header: Header, samples: int, latents: int) -> int:
    """The number of samples closest to `samples` that takes this many latents: a cut may round it by one."""
    least = header.samples_for(latents - 1) + 1 if latents else 0
    return min(max(samples, least), header.samples_for(latents))


def _past_the_end(header: Header, total: int) -> InputError:
    return InputError(
        f"nothing to cut: the stream ends after {total / header.source_rate:.2f} s, before the piece starts"
    )


def _check_hop(header: Header) -> None:
    if header.hop * header.source_rate < header.model_rate:
        raise InputError("a latent of this stream is shorter than a sample: it cannot be cut or joined")


def _check_alike(one: Header, first: str, other: Header, name: str) -> None:
    differing = [name for name, value in _numbers(one).items() if _numbers(other).get(name) != value]
    if differing:
        raise InputError(
            f"{name} cannot follow {first}: they differ in {', '.join(differing)}; "
            "only pieces of one recording, or of recordings with the same header, can be joined"
        )


def _numbers(header: Header) -> dict[str, object]:
    """Everything that a header says about the chunks, by name."""
    others = {"total_samples", "extensions", "minor"}
    numbers = {name: value for name, value in vars(header).items() if name not in others}
    return {**numbers, "layout": header.layout.name, **header.layout.fields(), "stereo": header.pairs}
