"""The writer refuses whatever the reader would."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from bitstream_samples import example, make_header, window

from swc.bitstream import Chunk, Extension, Header, RevqLayout, StreamWriter
from swc.errors import FormatError, LimitError, SyntaxFormatError, VersionError


class Later(RevqLayout):
    """A family of a later version."""

    family = 4


def ext(number: int, data: bytes = b"", critical: bool = False) -> Extension:
    return Extension(number, data, critical)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"layout": Later(1, 3, 4)}, VersionError),
        ({"fingerprint": b"seven.."}, SyntaxFormatError),
        ({"fingerprint": b"nine....."}, SyntaxFormatError),
        ({"minor": 16}, LimitError),
        ({"total_samples": -1}, LimitError),
        ({"total_samples": 2**64 - 1}, LimitError),
        ({"extensions": (ext(1, critical=True),)}, VersionError),
        ({"extensions": (ext(3), ext(2))}, SyntaxFormatError),
        ({"extensions": (ext(2), ext(2))}, SyntaxFormatError),
        ({"extensions": (ext(0),)}, LimitError),
        ({"extensions": (ext(32768),)}, LimitError),
        ({"extensions": tuple(ext(number) for number in range(2, 35))}, LimitError),
        ({"extensions": (ext(2, bytes(16_384 - 48 - 3)),)}, LimitError),
        ({"extensions": (ext(2, bytes(65_536)),)}, LimitError),
    ],
)
def test_headers_refused(changes: dict[str, object], error: type[FormatError]) -> None:
    fp = io.BytesIO()
    with pytest.raises(error) as caught:
        StreamWriter(fp, make_header(**changes))
    assert type(caught.value) is error
    assert fp.getvalue() == b""


def mono(experts: tuple[int, ...], codes: object) -> Chunk:
    """A chunk of one latent, from rows of codes or from an array as it is."""
    return Chunk(1, (((window(experts, *codes) if isinstance(codes, list) else replace_codes(experts, codes)),),))


def replace_codes(experts: tuple[int, ...], codes: np.ndarray) -> object:
    return replace(window(experts, [0]), codes=codes)


@pytest.mark.parametrize(
    ("chunk", "error"),
    [
        (mono((2, 0), [[1], [2], [3]]), SyntaxFormatError),
        (mono((1, 1), [[1], [2], [3]]), SyntaxFormatError),
        (mono((3,), [[1], [2]]), SyntaxFormatError),
        (mono((-1,), [[1], [2]]), SyntaxFormatError),
        (mono((1,), [[1]]), SyntaxFormatError),
        (mono((), [[1], [2]]), SyntaxFormatError),
        (mono((), [[1, 2]]), SyntaxFormatError),
        (mono((), [[16]]), LimitError),
        (mono((), np.zeros((1, 1), np.int64)), SyntaxFormatError),
        (mono((), np.zeros((1, 1), np.float32)), SyntaxFormatError),
        (mono((), np.zeros((1, 1), ">u2")), SyntaxFormatError),
        (mono((), np.zeros(1, np.uint16)), SyntaxFormatError),
        (Chunk(0, ()), SyntaxFormatError),
        (Chunk(-1, ()), SyntaxFormatError),
        (Chunk(5, ()), SyntaxFormatError),
        (Chunk(1, ()), SyntaxFormatError),
        (Chunk(1, ((),)), SyntaxFormatError),
        (Chunk(1, ((window((), [1]),) * 2,)), SyntaxFormatError),
        (Chunk(1, ((window((), [1]),),) * 2), SyntaxFormatError),
        (Chunk(3, ((window((), [1, 2]),), (window((), [1, 2]),))), SyntaxFormatError),
    ],
)
def test_chunks_refused(chunk: Chunk, error: type[FormatError]) -> None:
    fp = io.BytesIO()
    writer = StreamWriter(fp, make_header())
    with pytest.raises(error) as caught:
        writer.write_chunk(chunk)
    assert type(caught.value) is error
    assert writer.bytes_written == len(fp.getvalue()) == 48
    writer.write_chunk(Chunk(1, ((window((), [1]),),)))
    writer.finish(8)


def started(header: Header) -> StreamWriter:
    writer = StreamWriter(io.BytesIO(), header)
    for chunk in example().chunks:
        writer.write_chunk(chunk)
    return writer


@pytest.mark.parametrize("total", [-1, 32, 41, 2**44])
def test_totals_refused(total: int) -> None:
    writer = started(make_header())
    with pytest.raises((SyntaxFormatError, LimitError)):
        writer.finish(total)
    writer.finish(33)


def test_total_against_the_header() -> None:
    writer = started(make_header(total_samples=34))
    with pytest.raises(SyntaxFormatError, match="34 in the header"):
        writer.finish(35)
    writer.finish(34)


def test_nothing_follows_a_chunk_that_is_not_full() -> None:
    writer = started(make_header())
    with pytest.raises(SyntaxFormatError, match="not full"):
        writer.write_chunk(example().chunks[1])


def test_nothing_follows_the_end() -> None:
    writer = started(make_header())
    writer.finish(35)
    with pytest.raises(SyntaxFormatError):
        writer.finish(35)
    with pytest.raises(SyntaxFormatError):
        writer.write_chunk(example().chunks[0])


def test_codes_need_not_be_contiguous() -> None:
    chunk = Chunk(2, ((replace_codes((1,), np.array([[1, 2], [3, 4]], np.uint16).T),),))
    straight = Chunk(2, ((window((1,), [1, 3], [2, 4]),),))
    outputs = []
    for one in (chunk, straight):
        fp = io.BytesIO()
        StreamWriter(fp, make_header()).write_chunk(one)
        outputs.append(fp.getvalue())
    assert outputs[0] == outputs[1]
