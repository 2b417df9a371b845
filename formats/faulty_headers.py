"""The vectors of SWC-1.md whose header is faulty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import naive_writer as naive
from good_vectors import SMALL, example, stream
from naive_writer import CRITICAL, Parts, extension, tags

PLAIN = Parts.of(example())
"""Section 10.1: a header of 48 bytes, chunks from 48 and 64, the end chunk from 75 to 93."""
GOOD = bytes(PLAIN)
DEEP = {"n_routed": 128, "codebook_bits": 15}


@dataclass(frozen=True)
class Fault:
    """A stream that readers must refuse.

    Attributes:
        name: of its file.
        error: of section 9.
        offset: byte at which the fault shows; None where that is a matter of taste.
        why: the rule that is broken, in a sentence.
        data: the stream.
    """

    name: str
    error: str
    offset: int | None
    why: str
    data: bytes


def header_faults() -> Iterator[Fault]:
    """All of them; no name comes twice."""
    yield from _magic()
    yield from _versions()
    yield from _extensions()
    yield from _tags()
    yield from _limits_of_fields()
    yield from _other_limits()


def _magic() -> Iterator[Fault]:
    for name, why, data in (
        ("empty", "The file is empty.", b""),
        ("magic-crlf-to-lf", "A transfer in text mode took the CR away.", GOOD.replace(b"\r\n", b"\n", 1)),
        ("magic-lf-to-crlf", "A transfer in text mode put a CR before the second LF.", GOOD[:7] + b"\r" + GOOD[7:]),
        ("magic-seven-bits", "A transfer dropped the upper bit of each byte.", bytes(byte & 127 for byte in GOOD)),
        ("magic-start-missing", "The first byte is missing.", GOOD[1:]),
        ("magic-byte-before", "A byte precedes the magic.", b"\0" + GOOD),
        ("magic-last-byte", "The last byte of the magic differs.", GOOD[:7] + b"\x0b" + GOOD[8:]),
        ("magic-of-flac", "It's another kind of file.", b"fLaC\0\0\0\x22"),
        ("magic-wrong-and-short", "The only two bytes are not those of the magic.", b"\xf5X"),
    ):
        yield Fault(name, "not swc", 0, why, data)


def _versions() -> Iterator[Fault]:
    for major in (0, 2, 15):
        why = f"The major version is {major}."
        yield Fault(f"version-major-{major}", "version", 8, why, _with_header(major=major))
    for family in (0, 2, 3, 15):
        why = f"Family {family} is not supported by version 1.0."
        yield Fault(f"version-family-{family}", "version", 11, why, _with_header(family=family))
    for name, kind in (("tags", 1), ("unknown", 2), ("private", 32767)):
        data = tags([(b"A", b"")]) if kind == 1 else b"?"
        why = f"Version 1.0 knows no critical extension {kind}."
        yield Fault(f"version-critical-{name}", "version", 44, why, _extended(extension(kind | CRITICAL, data)))


def _extensions() -> Iterator[Fault]:
    for name, offset, why, data in (
        ("order", 49, "Type 2 comes after type 3.", extension(3, b"c") + extension(2, b"b")),
        ("tags-last", 49, "Type 1 comes after type 3.", extension(3, b"c") + extension(1, tags([(b"A", b"")]))),
        ("twice", 49, "Type 3 comes twice.", extension(3, b"c") + extension(3, b"c")),
        ("overrun", 44, "It reaches over the CRC.", b"\2\0\5\0" + b"four"),
        ("overrun-second", 49, "The second one reaches over the CRC.", extension(2, b"b") + b"\3\0\xff\xff"),
        ("cut-1", 44, "One byte follows the fields.", b"\2"),
        ("cut-3", 44, "Three bytes follow the fields.", b"\2\0\0"),
        ("cut-after", 49, "Two bytes follow an extension.", extension(2, b"b") + b"\3\0"),
    ):
        yield Fault(f"extension-{name}", "syntax", offset, why, _extended(data))


def _tags() -> Iterator[Fault]:
    good = tags([(b"TITLE", b"t")])
    for name, why, entry in (
        ("key-lower-case", "A key has a lower-case letter.", tags([(b"TiTLE", b"t")])),
        ("key-equals", "A key has an equals sign.", tags([(b"A=B", b"t")])),
        ("key-tilde", "A key has byte 0x7E.", tags([(b"A~", b"t")])),
        ("key-control", "A key has byte 0x1F.", tags([(b"A\x1f", b"t")])),
        ("key-upper-half", "A key has a byte of UTF-8.", tags([("É".encode(), b"t")])),
        ("value-latin-1", "A value is no UTF-8.", tags([(b"ARTIST", b"Zo\xeb")])),
        ("value-overlong", "A value has an overlong form.", tags([(b"ARTIST", b"\xc0\x80")])),
        ("value-surrogate", "A value has an encoded surrogate.", tags([(b"ARTIST", b"\xed\xa0\x80")])),
        ("value-beyond-unicode", "A value has a number over U+10FFFF.", tags([(b"A", b"\xf4\x90\x80\x80")])),
        ("value-cut-character", "A value ends within a character.", tags([(b"A", b"\xe2\x82")])),
        ("overrun", "A value reaches over the extension's end.", b"\1A\5\0four"),
        ("cut-in-key", "A key reaches over the extension's end.", b"\5FOUR"),
        ("cut-in-size", "The size of a value is cut off.", b"\1A\0"),
        ("cut-after-key", "The size of a value is missing.", b"\1A"),
    ):
        data = extension(1, good + entry)
        yield Fault(f"tags-{name}", "syntax", 48 + len(good), why, _extended(data))
    data = extension(1, b"\1A\5\0four") + extension(2, b"more")
    why = "A value reaches into the next extension."
    yield Fault("tags-overrun-into-next", "syntax", 48, why, _extended(data))


def _limits_of_fields() -> Iterator[Fault]:
    """Streams of no samples: no chunk could break another rule."""
    for name, offset, values in (
        ("channels", 11, (0, 9, 15)),
        ("model_rate", 12, (0, 384001, 2**24 - 1)),
        ("source_rate", 15, (0, 384001, 2**24 - 1)),
        ("hop", 18, (0,)),
        ("window", 22, (0,)),
        ("windows_per_chunk", 24, (0,)),
        ("codebook_bits", 27, (0, 1, 17, 255)),
        ("total_samples", 36, (2**64 - 2,)),
    ):
        for value in values:
            fields = SMALL | {"windows_per_chunk": 1, "n_shared": 1, "n_routed": 0, name: value}
            data = Parts(naive.header(fields), [], 0)
            yield Fault(f"limit-{name}-{value}", "limit", offset, f"{name} is {value}.", bytes(data))
    for name, offset, fields in (
        ("codebooks-0", 25, {"n_shared": 0, "n_routed": 0}),
        ("chunk_latents-65536", 22, {"window": 32768, "windows_per_chunk": 2, "n_routed": 0}),
        ("bare_windows-3", 24, {"window": 1, "windows_per_chunk": 3}),
        ("bare_windows-of-a-bit", 24, {"channels": 8, "windows_per_chunk": 255, "n_shared": 0, "n_routed": 1}),
        ("payload_length-65536", 22, {"channels": 8, "window": 1, "windows_per_chunk": 32, "n_shared": 0} | DEEP),
    ):
        data = bytes(Parts(naive.header(SMALL | fields), [], 0))
        yield Fault(f"limit-{name}", "limit", offset, f"It follows that {name.replace('-', ' is ')}.", data)


def _other_limits() -> Iterator[Fault]:
    header = naive.header(SMALL)
    for length in (0, 47, 65535):
        data = header[:9] + length.to_bytes(2, "little") + header[11:]
        why = f"header_length is {length}."
        yield Fault(f"limit-header_length-{length}", "limit", 9, why, data + naive.end(header, [], 0, 0))
    most = {"source_rate": 384000, "model_rate": 1, "hop": 65535, "window": 255, "codebook_bits": 2}
    for name, known in (("header", True), ("end", False)):
        content = Parts.of(stream(2**44, known=known, **most))
        offset = 36 if known else len(bytes(content)) - 16
        yield Fault(f"limit-total_samples-{name}", "limit", offset, f"2^44 samples in the {name}.", bytes(content))
    full = 16385 - 48 - 4
    many = b"".join(extension(kind, b"") for kind in range(2, 35))
    entry = tags([(b"A", b"")])
    long_key, long_value = tags([(b"K" * 65, b"")]), tags([(b"A", b"v" * 8193)])
    for name, offset, why, extensions in (
        ("header_length-16385", 9, "header_length is 16385.", extension(2, bytes(full))),
        ("extensions-33", 44 + 4 * 32, "There are 33 extensions.", many),
        ("extension_type-0", 44, "The type of an extension is 0.", extension(0, b"")),
        ("tags-0", 48, "Extension 1 has no entry.", extension(1, b"")),
        ("tags-256", 48 + 4 * 255, "There are 256 tags.", extension(1, entry * 256)),
        ("tag_key-0", 48, "A key is empty.", extension(1, tags([(b"", b"t")]))),
        ("tag_key-65", 48, "A key has 65 bytes.", extension(1, long_key)),
        ("tag_value-8193", 48, "A value has 8193 bytes.", extension(1, long_value)),
    ):
        yield Fault(f"limit-{name}", "limit", offset, why, _extended(extensions))


def _with_header(**changes: Any) -> bytes:
    """The stream of section 10.1 with another header."""
    return bytes(replace(PLAIN, header=naive.header(example()["header"] | changes)))


def _extended(extensions: bytes) -> bytes:
    """The stream of section 10.1 with these bytes for extensions."""
    return bytes(replace(PLAIN, header=naive.header(example()["header"], extensions)))
