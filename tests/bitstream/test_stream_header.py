"""Headers that parse and headers that don't, all with a right CRC."""

from __future__ import annotations

import io

import pytest
from bitstream_samples import crc, make_header, raw_end, raw_header
from hypothesis import given, settings
from hypothesis import strategies as st

from swc.bitstream import Extension, Stream, StreamReader, StreamWriter
from swc.errors import FormatError, LimitError, SyntaxFormatError, VersionError


def tlv(number: int, data: bytes, critical: bool = False) -> bytes:
    return (number | critical << 15).to_bytes(2, "little") + len(data).to_bytes(2, "little") + data


@pytest.mark.parametrize(
    ("extensions", "error"),
    [
        (tlv(7, b"x", critical=True), VersionError),
        (tlv(3, b"") + tlv(7, b"", critical=True), VersionError),
        (tlv(0, b""), LimitError),
        (tlv(4, b"") + tlv(3, b""), SyntaxFormatError),
        (tlv(2, b"a") + tlv(2, b"a"), SyntaxFormatError),
        (tlv(2, b"abc")[:-1], SyntaxFormatError),
        (b"\1", SyntaxFormatError),
        (tlv(3, b"") + b"\0\0\0", SyntaxFormatError),
        (b"".join(tlv(number, b"") for number in range(2, 35)), LimitError),
        (tlv(3, bytes(16_384 - 48 - 3)), LimitError),
    ],
)
def test_faulty_extensions(extensions: bytes, error: type[FormatError]) -> None:
    with pytest.raises(error) as caught:
        StreamReader(io.BytesIO(raw_header(make_header(), extensions)))
    assert type(caught.value) is error
    assert caught.value.offset is not None


def test_greatest_extensions() -> None:
    for extensions in (tlv(3, bytes(16_384 - 48 - 4)), b"".join(tlv(number, b"") for number in range(2, 34))):
        header = raw_header(make_header(), extensions)
        data = header + raw_end(header, [], 0, 0)
        assert Stream.from_bytes(data).to_bytes() == data


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 0x20}, "2.0 is not supported"),
        ({"version": 0x00}, "0.0 is not supported"),
        ({"family": 0}, "family 0 is not supported by this version"),
        ({"family": 2}, r"family vrvq comes with version 1\.3, and the stream is of 1\.0"),
        ({"family": 3}, r"family fsq comes with version 1\.3, and the stream is of 1\.0"),
        ({"family": 4}, "family 4 is not supported by this version"),
        ({"family": 15}, "family 15 is not supported by this version"),
    ],
)
def test_other_versions_and_families(changes: dict[str, int], message: str) -> None:
    with pytest.raises(VersionError, match=message):
        StreamReader(io.BytesIO(raw_header(make_header(), **changes)))


def test_a_newer_major_version_need_not_have_our_header() -> None:
    with pytest.raises(VersionError):
        StreamReader(io.BytesIO(b"\xf5SWC\r\n\x1a\n\x20\xff\xff whatever"))


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.integers(11, 43), st.integers(0, 255), max_size=4), st.binary(max_size=40))
def test_any_header_with_a_right_crc(changes: dict[int, int], extensions: bytes) -> None:
    header = bytearray(raw_header(make_header(total_samples=0), extensions)[:-4])
    for offset, value in changes.items():
        header[offset] = value
    header += crc(header)
    data = bytes(header) + raw_end(header, [], 0, 0)
    try:
        stream = Stream.from_bytes(data)
    except FormatError:
        return
    assert stream.to_bytes() == data


@pytest.mark.parametrize(
    ("data", "mask"),
    [("30000000", 0x30), ("03000000", 3), ("07000000", None), ("300000", None), ("", None), ("636f766572", None)],
)
def test_channel_mask(data: str, mask: int | None) -> None:
    header = make_header(channels=2, window=8, minor=1, extensions=(Extension(2, bytes.fromhex(data), critical=False),))
    fp = io.BytesIO()
    StreamWriter(fp, header)
    assert StreamReader(io.BytesIO(fp.getvalue())).header.channel_mask == mask  # what is not one is ignored


def test_a_channel_mask_takes_minor_version_1() -> None:
    plain = make_header(channels=2, window=8).with_tags([("TITLE", "x")])
    masked = plain.with_channel_mask(0x30)
    assert (plain.minor, masked.minor, masked.channel_mask, masked.tags) == (0, 1, 0x30, plain.tags)
    assert masked.with_channel_mask(3).channel_mask == 3
    for wrong in (0x3F, 1 << 40 | 1):
        with pytest.raises(SyntaxFormatError, match="channel mask"):
            plain.with_channel_mask(wrong)
