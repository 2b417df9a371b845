"""The faulty vectors of SWC-1.md: each breaks one rule, and all its CRCs match unless the CRC is what is broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import naive_writer as naive
from faulty_couplings import coupling_faults
from faulty_depths import depth_faults
from faulty_groups import group_faults
from faulty_headers import GOOD, PLAIN, Fault, header_faults
from good_vectors import SMALL, example, stream
from naive_writer import Parts, extension

FULL, LAST = (payload for _, payload in PLAIN.chunks)


def faults() -> Iterator[Fault]:
    """All of them; no name comes twice."""
    yield from header_faults()
    yield from coupling_faults()
    yield from depth_faults()
    yield from group_faults()
    yield from _checksums()
    yield from _truncated()
    yield from _chunks()
    yield from _payloads()
    yield from _ends()


def _checksums() -> Iterator[Fault]:
    chunks = PLAIN.chunk_bytes
    other = replace(PLAIN, header=naive.header(example()["header"] | {"fingerprint": "fedcba9876543210"}))
    longer = stream(160)
    two, three = Parts.of(longer), Parts.of(longer | {"header": SMALL | {"hop": 8}})
    several, foreign = two.chunk_bytes, three.chunk_bytes
    first, second, third = several[:3]
    tail = b"".join(several[3:]) + two.end_bytes
    at = 48 + len(first)
    replaced = replace(two, chunks=[two.chunks[1], *two.chunks[1:]])
    for name, offset, why, data in (
        ("header-crc", 44, "A bit of the header's CRC is wrong.", _flipped(GOOD, 44)),
        ("header-field", 44, "A bit of the gain is wrong.", _flipped(GOOD, 20)),
        ("header-fingerprint", 44, "A bit of the fingerprint is wrong.", _flipped(GOOD, 30)),
        ("chunk-crc", 48, "A bit of the CRC of chunk 0 is wrong.", _flipped(GOOD, 63)),
        ("chunk-payload", 48, "A bit of the payload of chunk 0 is wrong.", _flipped(GOOD, 55)),
        ("chunk-latents", 64, "A bit of the number of latents of chunk 1 is wrong.", _flipped(GOOD, 66)),
        ("chunks-swapped", 48, "Chunks 0 and 1 are swapped.", two.header + second + first + third + tail),
        ("chunk-twice", at, "Chunk 0 is there twice.", two.header + first + first + second + third + tail),
        ("chunk-missing", 48, "Chunk 0 is missing.", two.header + second + third + tail),
        (
            "chunk-missing-at-the-end",
            64,
            "The last chunk is missing.",
            PLAIN.header + chunks[0] + PLAIN.end_bytes,
        ),
        (
            "chunk-of-another-header",
            48,
            "Chunk 0 is of a stream with another fingerprint.",
            PLAIN.header + other.chunk_bytes[0] + chunks[1] + PLAIN.end_bytes,
        ),
        (
            "chunk-of-another-hop",
            at,
            "Chunk 1 is of a stream with another hop.",
            two.header + first + foreign[1] + third + tail,
        ),
        (
            "chunk-of-the-same-header",
            len(bytes(replaced)) - 18,
            "Chunk 0 is of a stream with the same header: the end chunk's CRC tells.",
            two.header + b"".join(replaced.chunk_bytes) + two.end_bytes,
        ),
        ("end-crc", 75, "A bit of the end chunk's CRC is wrong.", _flipped(GOOD, 92)),
        ("end-total", 75, "A bit of the end chunk's total is wrong.", _flipped(GOOD, 77)),
        ("end-of-another-header", 75, "The end chunk is of another stream.", GOOD[:75] + other.end_bytes),
    ):
        yield Fault(f"checksum-{name}", "checksum", offset, why, data)


def _truncated() -> Iterator[Fault]:
    for name, size in (
        ("magic", 5),
        ("after-magic", 8),
        ("version", 10),
        ("before-fields", 11),
        ("fields", 30),
        ("header-crc", 47),
        ("after-header", 48),
        ("sync", 49),
        ("chunk-fields", 53),
        ("payload", 57),
        ("chunk-crc", 63),
        ("after-chunk", 64),
        ("before-end", 75),
        ("end-sync", 76),
        ("end-fields", 88),
        ("end-crc", 92),
    ):
        why = f"The stream of section 10.1 ends after {size} of its {len(GOOD)} bytes."
        yield Fault(f"truncated-{name}", "truncated", size, why, GOOD[:size])
    known = bytes(Parts.of(stream(99, known=True)))[:-18]
    why = "The end chunk is missing; that the header tells the total makes no difference."
    yield Fault("truncated-total-known", "truncated", len(known), why, known)
    extended = naive.header(SMALL, extension(9, bytes(40)))[:80]
    yield Fault("truncated-extension", "truncated", 80, "The header ends within an extension.", extended)


def _chunks() -> Iterator[Fault]:
    partial_first = Parts.of(stream(40))
    partial_first.chunks.reverse()
    five = Parts.of(stream(40, windows_per_chunk=3))
    five.header = naive.header(SMALL)
    most = replace(five, header=naive.header(SMALL | {"window": 1, "windows_per_chunk": 2, "n_routed": 0}))
    most = replace(most, chunks=[(3, b"\x12\x30")], total_samples=24)
    zero = replace(PLAIN, chunks=[PLAIN.chunks[0], (0, b"")], total_samples=32)
    zero_only = replace(PLAIN, chunks=[(0, b"")], total_samples=0)
    for name, offset, why, data in (
        ("partial-first", 48 + 10 + len(partial_first.chunks[0][1]) + 2, "A chunk follows a short one.", partial_first),
        ("latents-0", 66, "The last chunk has no latents.", zero),
        ("latents-0-only", 50, "A stream of no samples has a chunk.", zero_only),
        ("latents-5-of-4", 50, "A chunk has 5 latents where 4 are full.", five),
        ("latents-3-of-2", 50, "A chunk has 3 latents where 2 are full.", most),
    ):
        yield Fault(f"chunk-{name}", "syntax", offset, why, bytes(data))
    for name, sync in (("zeros", b"\0\0"), ("swapped", b"\x5c\xc5"), ("half", b"\xc5\xa3"), ("magic", b"\xf5S")):
        data = GOOD[:64] + sync + GOOD[66:]
        yield Fault(f"sync-{name}", "syntax", 64, f"The sync bytes of chunk 1 are {sync.hex(' ')}.", data)
    data = GOOD[:75] + b"\xa3\x3a" + GOOD[77:]
    yield Fault("sync-end-swapped", "syntax", 75, "The sync bytes of the end chunk are swapped.", data)
    data = GOOD[:64] + b"\0" + GOOD[64:]
    yield Fault("sync-byte-before", "syntax", 64, "A byte is between two chunks.", data)


def _payloads() -> Iterator[Fault]:
    all_selected = naive.octets("111" + "0001" * 8)
    for name, offset, why, chunks in (
        ("short", 57, "A byte is missing at the end of a payload.", [(4, FULL[:-1]), (1, LAST)]),
        ("empty", 70, "A payload is empty.", [(4, FULL), (1, b"")]),
        ("short-in-codes", 54, "The masks imply more codes than there are.", [(4, all_selected[:4]), (1, LAST)]),
        ("long", 71, "A byte of zeros follows a payload.", [(4, FULL), (1, LAST + b"\0")]),
        ("long-by-a-window", 60, "A window follows the last one.", [(4, FULL + LAST), (1, LAST)]),
        ("padding-last-bit", 70, "The padding bit is 1.", [(4, FULL), (1, bytes([LAST[0] | 1]))]),
        ("padding-first-bit", 59, "The first padding bit is 1.", [(4, FULL[:-1] + bytes([FULL[-1] | 2])), (1, LAST)]),
    ):
        yield Fault(f"payload-{name}", "syntax", offset, why, bytes(replace(PLAIN, chunks=chunks)))
    half_a_mask = naive.octets("000000000000" + "0001 0010" + "0000")
    data = Parts(naive.header(SMALL | {"n_routed": 12}), [(4, half_a_mask)], 32)
    yield Fault("payload-short-in-mask", "syntax", 56, "A payload ends within a mask.", bytes(data))


def _ends() -> Iterator[Fault]:
    known = Parts.of(stream(34, known=True))
    none = Parts.of(stream(0))
    lying = replace(none, header=naive.header(SMALL | {"total_samples": 2**40}), total_samples=2**40)
    end = len(bytes(known)) - 18
    for name, offset, why, data in (
        ("chunks-less", 85, "The end chunk counts 1 chunk, there are 2.", replace(PLAIN, n_chunks=1)),
        ("chunks-more", 85, "The end chunk counts 3 chunks, there are 2.", replace(PLAIN, n_chunks=3)),
        (
            "chunks-none",
            58,
            "The end chunk counts 4294967295 chunks, there are none.",
            replace(none, n_chunks=2**32 - 1),
        ),
        (
            "total-not-the-header's",
            end + 2,
            "34 samples in the header, 35 at the end.",
            replace(known, total_samples=35),
        ),
        ("total-more", 77, "41 samples take 6 latents, there are 5.", replace(PLAIN, total_samples=41)),
        ("total-less", 77, "32 samples take 4 latents, there are 5.", replace(PLAIN, total_samples=32)),
        ("total-0", 77, "0 samples take no latents, there are 5.", replace(PLAIN, total_samples=0)),
        ("total-without-chunks", 50, "1 sample takes a latent, there is none.", replace(none, total_samples=1)),
        ("total-2-to-the-40", 50, "2^40 samples, as the header says as well, take latents; there are none.", lying),
    ):
        yield Fault(f"end-{name.replace(chr(39), '')}", "syntax", offset, why, bytes(data))
    for name, why, more in (
        ("byte", "A byte follows the end chunk.", b"\0"),
        ("chunk", "A chunk follows the end chunk.", PLAIN.chunk_bytes[1]),
        ("end", "A second end chunk follows.", PLAIN.end_bytes),
        ("stream", "Another stream follows.", GOOD),
    ):
        yield Fault(f"trailing-{name}", "syntax", 93, why, GOOD + more)


def _flipped(data: bytes, offset: int) -> bytes:
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]
