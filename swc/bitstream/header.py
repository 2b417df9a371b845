"""The header: magic, version, fixed core, extensions, CRC."""

from __future__ import annotations

import zlib

from swc.bitstream.coupling import COUPLING_TYPE, decode_pairs
from swc.bitstream.layouts import layout_of
from swc.bitstream.limits import check_limit
from swc.bitstream.structure import Extension, Header
from swc.bitstream.tags import TAGS_TYPE, decode_tags
from swc.errors import ChecksumError, LimitError, SyntaxFormatError, VersionError

MAGIC = b"\xf5SWC\r\n\x1a\n"
MAJOR = 1
PREFIX_SIZE = 11
"""Bytes that suffice to know the length of the header."""

_CORE_SIZE = 44
_CRC_SIZE = 4
_UNKNOWN = 2**64 - 1
_CRITICAL = 0x8000

# name: (offset, size, signed), all little-endian
_FIELDS = {
    "model_rate": (12, 3, False),
    "source_rate": (15, 3, False),
    "hop": (18, 2, False),
    "gain_q8": (20, 2, True),
    "window": (22, 2, False),
    "windows_per_chunk": (24, 1, False),
}
_LAYOUT = slice(25, 28)
_OFFSETS = {name: offset for name, (offset, _, _) in _FIELDS.items()} | {
    "minor": 8,
    "channels": 11,
    "layout": _LAYOUT.start,
    "total_samples": 36,
}


def header_size(header: Header) -> int:
    """Bytes that the header takes in the stream."""
    return _CORE_SIZE + sum(4 + len(extension.data) for extension in header.extensions) + _CRC_SIZE


def encode_header(header: Header) -> bytes:
    """The header's bytes, CRC included.

    Raises:
        LimitError: a field out of bounds.
        VersionError: a family or a critical extension that this version doesn't know.
        SyntaxFormatError: extensions out of order, a fingerprint that isn't 8 bytes.
    """
    layout_of(header.layout.family, header.minor)
    header.check()
    if len(header.fingerprint) != 8:
        raise SyntaxFormatError(f"the fingerprint has {len(header.fingerprint)} bytes, not 8")
    tail = _encode_extensions(header.extensions, header.channels)
    length = _CORE_SIZE + len(tail) + _CRC_SIZE
    check_limit("header_length", length)
    total = _UNKNOWN if header.total_samples is None else header.total_samples
    core = bytearray(MAGIC)
    core.append(MAJOR << 4 | header.minor)
    core += length.to_bytes(2, "little")
    core.append(header.layout.family << 4 | header.channels)
    for name, (_, size, signed) in _FIELDS.items():
        core += int(getattr(header, name)).to_bytes(size, "little", signed=signed)
    core += header.layout.to_bytes() + header.fingerprint + int(total).to_bytes(8, "little") + tail
    return bytes(core) + zlib.crc32(core).to_bytes(_CRC_SIZE, "little")


def header_length(prefix: bytes) -> int:
    """Length in bytes of the header that starts with these PREFIX_SIZE bytes; the magic was verified before.

    Raises:
        VersionError: another major version.
        LimitError: a length that a header cannot have.
    """
    major, minor = prefix[8] >> 4, prefix[8] & 15
    if major != MAJOR:
        advice = "update swc" if major > MAJOR else "encode the audio again"
        raise VersionError(f"format version {major}.{minor} is not supported by this version; {advice}", 8)
    length = int.from_bytes(prefix[9:11], "little")
    check_limit("header_length", length, 9)
    return length


def decode_header(data: bytes) -> Header:
    """The header that exactly these bytes hold; magic and version were verified before.

    Raises:
        ChecksumError: the CRC doesn't match.
        VersionError: a family or a critical extension that this version doesn't know.
        LimitError: a field out of bounds.
        SyntaxFormatError: extensions that don't fill the header or are out of order.
    """
    crc_offset = len(data) - _CRC_SIZE
    if zlib.crc32(data[:crc_offset]) != int.from_bytes(data[crc_offset:], "little"):
        raise ChecksumError("the CRC of the header does not match; the header is damaged", crc_offset)
    layout = layout_of(data[11] >> 4, data[8] & 15, 11)
    channels = data[11] & 15
    extensions = _decode_extensions(data[_CORE_SIZE:crc_offset], channels)
    total = int.from_bytes(data[36:44], "little")
    header = Header(
        **{
            name: int.from_bytes(data[offset : offset + size], "little", signed=signed)
            for name, (offset, size, signed) in _FIELDS.items()
        },
        channels=channels,
        layout=layout.from_bytes(data[_LAYOUT]),
        fingerprint=data[28:36],
        total_samples=None if total == _UNKNOWN else total,
        extensions=extensions,
        minor=data[8] & 15,
    )
    header.check(_OFFSETS)
    return header


def _encode_extensions(extensions: tuple[Extension, ...], channels: int) -> bytes:
    check_limit("extensions", len(extensions))
    tail = bytearray()
    previous = 0
    for extension in extensions:
        _check_extension(extension, channels, previous)
        previous = extension.type
        if len(extension.data) > 0xFFFF:
            raise LimitError(f"extension {extension.type} has {len(extension.data)} bytes, more than any header")
        word = extension.type | (_CRITICAL if extension.critical else 0)
        tail += word.to_bytes(2, "little") + len(extension.data).to_bytes(2, "little")
        tail += extension.data
    return bytes(tail)


def _decode_extensions(data: bytes, channels: int) -> tuple[Extension, ...]:
    extensions: list[Extension] = []
    position = 0
    previous = 0
    while position < len(data):
        offset = _CORE_SIZE + position
        if len(data) - position < 4:
            raise SyntaxFormatError("an extension is cut off by the end of the header", offset)
        word = int.from_bytes(data[position : position + 2], "little")
        size = int.from_bytes(data[position + 2 : position + 4], "little")
        content = data[position + 4 : position + 4 + size]
        if len(content) < size:
            raise SyntaxFormatError(f"an extension of {size} bytes extends beyond the header", offset)
        extension = Extension(word & ~_CRITICAL, content, critical=bool(word & _CRITICAL))
        _check_extension(extension, channels, previous, offset)
        previous = extension.type
        extensions.append(extension)
        check_limit("extensions", len(extensions), offset)
        position += 4 + size
    return tuple(extensions)


def _check_extension(extension: Extension, channels: int, previous: int, offset: int | None = None) -> None:
    """Refuse an extension that may not follow the type `previous` in a header of so many channels."""
    check_limit("extension_type", extension.type, offset)
    if extension.type <= previous:
        raise SyntaxFormatError(f"extension {extension.type} after {previous}: types must ascend", offset)
    if extension.critical and extension.type != COUPLING_TYPE:
        raise VersionError(f"critical extension {extension.type} is not supported by this version; update swc", offset)
    start = None if offset is None else offset + 4
    if extension.critical:
        decode_pairs(extension.data, channels, start)
    if extension.type == TAGS_TYPE:
        decode_tags(extension.data, start)
