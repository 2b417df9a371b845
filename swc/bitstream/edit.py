"""Cutting and joining streams between chunks: codes are copied, never made anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from swc.bitstream.reader import StreamReader
from swc.bitstream.structure import Header
from swc.bitstream.writer import StreamWriter
from swc.errors import InputError


@dataclass(frozen=True)
class Piece:
    """What was written: its chunks, and the samples at the source rate that they are in the stream they come from."""

    chunks: range
    samples: range


def cut(reader: StreamReader, fp: BinaryIO, start: int = 0, stop: int | None = None) -> Piece:
    """Write the chunks that hold samples `start` to `stop` as a stream of their own.

    Only these chunks are read, if the file can seek; what stands before and behind isn't verified.

    Args:
        reader: at the start of its stream.
        fp: is written to.
        start, stop: samples at the source rate; the piece may be longer on either side, by less than a chunk. A stop
            of None, or behind the end, is the end.

    Raises:
        InputError: nothing lies between start and stop.
        FormatError: as the reader and the writer.
    """
    header = reader.header
    full = header.chunk_latents
    if start < 0 or (stop is not None and stop <= start):
        raise InputError("nothing to cut: the piece must start at 0 or later and be longer than 0")
    _check_hop(header)
    first, last = chunk_at(header, start), None if stop is None else chunk_at(header, stop - 1) + 1
    known = header.total_samples
    if known is not None and start >= known:
        raise _behind(header, known)
    total = None if known is None else _piece_samples(header, first, last, known)
    chunks = reader.chunks_from(first)
    chunk = next(chunks, None)
    if chunk is None:
        raise _behind(header, reader.total_samples or 0)
    writer = StreamWriter(fp, replace(header, total_samples=total))
    latents = 0
    while chunk is not None:
        writer.write_chunk(chunk)
        latents += chunk.latents
        chunk = None if reader.n_chunks == last else next(chunks, None)
    if total is None:  # the header did not know, the end chunk does where it was read
        whole = reader.total_samples
        total = _piece_samples(
            header, first, last, header.samples_for(first * full + latents) if whole is None else whole
        )
    writer.finish(total)
    begin = header.samples_for(first * full)
    return Piece(range(first, reader.n_chunks), range(begin, begin + total))


def join(readers: Sequence[StreamReader], fp: BinaryIO, names: Sequence[str] = ()) -> int:
    """Write the chunks of several streams as one; extensions (tags) are those of the first.

    Args:
        readers: each at the start of its stream.
        fp: is written to.
        names: of the streams, for messages.

    Returns:
        Samples per channel.

    Raises:
        InputError: headers that differ in more than length and extensions, or a stream before the last that ends within
            a chunk.
        FormatError: as the readers; a LimitError where the whole gets too long.
    """
    if not readers:
        raise InputError("nothing to join: give at least one stream")
    header = readers[0].header
    _check_hop(header)
    names = names or [f"stream {number}" for number in range(1, len(readers) + 1)]
    for name, reader in zip(names[1:], readers[1:], strict=True):
        _check_alike(header, names[0], reader.header, name)
    writer = StreamWriter(
        fp, replace(header, total_samples=_joined_samples([r.header.total_samples for r in readers], header))
    )
    latents = samples = 0
    for number, reader in enumerate(readers):
        samples = header.samples_for(latents)
        if latents % header.chunk_latents:
            raise InputError(
                f"{names[number - 1]} ends within a chunk, so nothing can follow it without encoding again; "
                "only pieces that `swc cut` ended between chunks can be joined, and any stream as the last"
            )
        for chunk in reader:
            writer.write_chunk(chunk)
            latents += chunk.latents
        samples += reader.total_samples or 0
    samples = _fitting(header, samples, latents)
    writer.finish(samples)
    return samples


def chunk_at(header: Header, sample: int) -> int:
    """Index of the chunk that holds a sample at the source rate."""
    latent = max(0, header.latents_for(sample + 1) - 1)
    return latent // header.chunk_latents


def _piece_samples(header: Header, first: int, last: int | None, total: int) -> int:
    """Samples of the chunks from `first` up to `last` of a stream of `total`; 0 where it has none of them."""
    full = header.chunk_latents
    if last is None or last >= header.chunks_for(total):
        end, latents = total, header.latents_for(total)
    else:
        end, latents = header.samples_for(last * full), last * full
    if latents <= first * full:
        return 0
    return _fitting(header, end - header.samples_for(first * full), latents - first * full)


def _joined_samples(totals: Iterable[int | None], header: Header) -> int | None:
    """Samples of streams of these lengths one after the other; None where one is not known."""
    samples = latents = 0
    for total in totals:
        if total is None:
            return None
        samples = header.samples_for(latents) + total
        latents += header.latents_for(total)
    return _fitting(header, samples, latents)


def _fitting(header: Header, samples: int, latents: int) -> int:
    """The number of samples next to `samples` that takes this many latents: rounding at a cut moves it by one."""
    least = header.samples_for(latents - 1) + 1 if latents else 0
    return min(max(samples, least), header.samples_for(latents))


def _behind(header: Header, total: int) -> InputError:
    return InputError(
        f"nothing to cut: the stream ends after {total / header.source_rate:.2f} s, before the piece starts"
    )


def _check_hop(header: Header) -> None:
    if header.hop * header.source_rate < header.model_rate:
        raise InputError("a latent of this stream is shorter than a sample: it cannot be cut or joined")


def _check_alike(one: Header, first: str, other: Header, name: str) -> None:
    plain = {"total_samples": None, "extensions": (), "minor": 0}
    one, other = replace(one, **plain), replace(other, **plain)  # type: ignore[arg-type]
    differing = [name for name in vars(one) if getattr(one, name) != getattr(other, name)]
    if differing:
        raise InputError(
            f"{name} cannot follow {first}: they differ in {', '.join(differing)}; "
            "only pieces of one recording, or of recordings with the same header, can be joined"
        )
