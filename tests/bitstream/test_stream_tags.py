"""Tags: extension 1 of the header, as section 4.1 of formats/SWC-1.md has it."""

from __future__ import annotations

import io

import pytest
from bitstream_samples import make_header, raw_end, raw_header
from hypothesis import given, settings
from hypothesis import strategies as st

from swc.bitstream import LIMITS, Extension, Stream, StreamReader, StreamWriter
from swc.bitstream.tags import tags_from_text, tags_to_text
from swc.errors import FormatError, LimitError, SyntaxFormatError

key = st.text(
    st.sampled_from([chr(c) for c in range(0x20, 0x7E) if chr(c) != "=" and not chr(c).islower()]), min_size=1
)
tags = st.lists(st.tuples(key.map(lambda k: k[:64]), st.text(max_size=40)), max_size=9).map(tuple)


def entry(key: bytes, value: bytes) -> bytes:
    return bytes([len(key)]) + key + len(value).to_bytes(2, "little") + value


def extension(data: bytes) -> bytes:
    return b"\1\0" + len(data).to_bytes(2, "little") + data


@settings(deadline=None)
@given(tags)
def test_tags_round_trip(wanted: tuple[tuple[str, str], ...]) -> None:
    stream = Stream(make_header().with_tags(wanted), (), 0)
    data = stream.to_bytes()
    listed = extension(b"".join(entry(k.encode(), v.encode()) for k, v in wanted)) if wanted else b""
    assert data[44 : 44 + len(listed)] == listed
    again = Stream.from_bytes(data)
    assert again.header.tags == wanted
    assert again.to_bytes() == data


@settings(deadline=None)
@given(tags)
def test_tags_as_lines_of_text(wanted: tuple[tuple[str, str], ...]) -> None:
    text = tags_to_text(wanted)
    assert text.count("\n") == len(wanted)
    assert tags_from_text(text) == wanted


def test_new_tags_take_the_place_of_old_ones_and_leave_other_extensions() -> None:
    other = Extension(9, b"kept", critical=False)
    header = make_header(extensions=(other,)).with_tags([("TITLE", "a")])
    assert [e.type for e in header.extensions] == [1, 9]
    assert header.with_tags([("TITLE", "b"), ("ARTIST", "c")]).tags == (("TITLE", "b"), ("ARTIST", "c"))
    assert header.with_tags([]).extensions == (other,)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", LimitError, "tags is 0"),
        (entry(b"", b"x"), LimitError, "tag_key is 0"),
        (entry(b"K" * 65, b"x"), LimitError, "tag_key is 65"),
        (entry(b"K", bytes(8193)), LimitError, "tag_value is 8193"),
        (entry(b"K", b"") * 256, LimitError, "tags is 256"),
        (entry(b"title", b"x"), SyntaxFormatError, "upper-case"),
        (entry(b"A=B", b"x"), SyntaxFormatError, "upper-case"),
        (entry(b"A\x1f", b"x"), SyntaxFormatError, "upper-case"),
        (entry(b"A~", b"x"), SyntaxFormatError, "upper-case"),
        (entry("Ä".encode(), b"x"), SyntaxFormatError, "upper-case"),
        (entry(b"K", b"\xff"), SyntaxFormatError, "not UTF-8"),
        (entry(b"K", b"\xed\xa0\x80"), SyntaxFormatError, "not UTF-8"),
        (entry(b"K", b"\xc0\x80"), SyntaxFormatError, "not UTF-8"),
        (entry(b"K", b"value")[:-1], SyntaxFormatError, "beyond its extension"),
        (entry(b"K", b"v") + b"\1", SyntaxFormatError, "beyond its extension"),
        (entry(b"K", b"v") + b"\1K\0", SyntaxFormatError, "beyond its extension"),
    ],
)
def test_faulty_tags(data: bytes, error: type[FormatError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        StreamReader(io.BytesIO(raw_header(make_header(), extension(data))))
    assert caught.value.offset is not None
    assert 48 <= caught.value.offset <= 48 + len(data)
    with pytest.raises(error):
        StreamWriter(io.BytesIO(), make_header(extensions=(Extension(1, data, critical=False),)))


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ((("", "x"),), LimitError),
        ((("K" * 65, "x"),), LimitError),
        ((("K", "x" * 8193),), LimitError),
        ((("K", ""),) * 256, LimitError),
        ((("k", "x"),), SyntaxFormatError),
        ((("K", "\ud800"),), SyntaxFormatError),
    ],
)
def test_tags_refused(wanted: tuple[tuple[str, str], ...], error: type[FormatError]) -> None:
    with pytest.raises(error):
        make_header().with_tags(wanted)


def test_greatest_tags() -> None:
    for data in (entry(b"K" * 64, b"v" * 8192), entry(b"K", b"") * LIMITS["tags"][1]):
        header = raw_header(make_header(), extension(data))
        stream = header + raw_end(header, [], 0, 0)
        assert Stream.from_bytes(stream).to_bytes() == stream
