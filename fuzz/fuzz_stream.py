"""Fuzzes everything that reads a .swc stream; run by `make fuzz`.

The first byte of an input decides whether the CRCs of the rest are corrected first, so that the fuzzer gets past them,
and whether salvage may try to repair the header, which takes long.
"""

from __future__ import annotations

import contextlib
import io
import sys
from functools import partial
from pathlib import Path
from typing import Any

import atheris

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in (".", "formats")]

with atheris.instrument_imports(include=["swc", "reference_reader"]):
    import reference_reader

    from swc.bitstream import (
        DepthWindow,
        SalvageReader,
        Stream,
        StreamReader,
        StreamWriter,
        Window,
        chunk_at,
        cut,
        join,
    )
    from swc.cli.inspect import describe
    from swc.errors import FormatError, InputError, LimitError

import naive_writer

MOST_LOST = 4096
"""Lost chunks to read: more are allowed, but only take time."""


def check(data: bytes, repair: bool) -> None:
    """Read bytes in every possible way; any exception but FormatError and InputError is a finding."""
    stream = parse(data)
    if repair or has_header(data):
        salvage(data, stream)
    if stream is not None:
        describe(stream)
        seek(data, stream)


def parse(data: bytes) -> Stream | None:
    """The stream that both readers agree on, or None if both refuse."""
    try:
        stream = Stream.from_bytes(data)
    except FormatError:
        stream = None
    try:
        content = reference_reader.read(data)
    except reference_reader.SwcFault:
        content = None
    assert (stream is None) == (content is None), "one reader accepts what the other refuses"
    if stream is None or content is None:
        return None
    assert stream.to_bytes() == data, "a stream has two forms"
    windows = [window for chunk in stream.chunks for channels in chunk.windows for window in channels]
    expected = [window for chunk in content["chunks"] for channels in chunk["windows"] for window in channels]
    assert list(map(plain, windows)) == expected
    assert [list(tag) for tag in stream.header.tags] == content["header"]["tags"]
    return stream


def plain(window: Window | DepthWindow | tuple[int, ...]) -> dict[str, Any]:
    """The product's window, as the reference reader gives one."""
    if isinstance(window, tuple):
        return {"codes": list(window)}
    if isinstance(window, Window):
        return {"experts": list(window.experts), "codes": window.codes.tolist()}
    return {"depths": window.depths.tolist(), "codes": [row.tolist() for row in window.rows()]}


def has_header(data: bytes) -> bool:
    try:
        StreamReader(io.BytesIO(data))
    except FormatError:
        return False
    return True


def salvage(data: bytes, stream: Stream | None) -> None:
    """An intact stream is restored; of any other, chunks come in order and only a bad header is refused."""
    try:
        reader = SalvageReader(io.BytesIO(data))
    except FormatError:
        assert stream is None
        return
    found = []
    for count, chunk in enumerate(reader):
        found.append(chunk)
        if count > MOST_LOST:
            return
    assert (stream is None) == reader.damaged, "damage and refusal go together"
    if stream is not None:
        assert tuple(found) == stream.chunks
        assert reader.total_samples == stream.total_samples


def seek(data: bytes, stream: Stream) -> None:
    """Skipping, cutting and joining."""
    middle = stream.total_samples // 2
    index = chunk_at(stream.header, middle)
    assert tuple(StreamReader(io.BytesIO(data)).chunks_from(index)) == stream.chunks[index:]
    parts = []
    for start, stop in ((0, middle), (middle, None)):
        out = io.BytesIO()
        try:
            cut(StreamReader(io.BytesIO(data)), partial(StreamWriter, out), start, stop)
        except InputError:
            return
        parts.append(Stream.from_bytes(out.getvalue()))
    with contextlib.suppress(InputError, LimitError):  # the middle chunk is in both, so they may get too long
        join([StreamReader(io.BytesIO(part.to_bytes())) for part in parts], partial(StreamWriter, io.BytesIO()))


def one_input(data: bytes) -> None:
    if data:
        check(naive_writer.reseal(data[1:]) if data[0] & 1 else data[1:], repair=data[0] & 30 == 30)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
