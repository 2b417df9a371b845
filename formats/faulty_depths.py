"""The vectors of SWC-1.md whose fault is one of family 2, vrvq."""

from __future__ import annotations

from collections.abc import Iterator

import naive_writer as naive
from faulty_headers import Fault
from good_vectors import DEEP, LONG_DEEP, SMALL, stream
from naive_writer import Parts

HEADER = SMALL | DEEP | {"n_routed": 5}
"""Widths of 2 bits, depths of up to 3."""
FIRST = "01 1 0 0001 0010 0011"
"""A window whose latents have depths 2 and 1, in 16 bits, so that the next one begins at byte 56."""
SECOND = "00 0100 0101"
"""One whose latents have depth 1, in 10 bits."""


def depth_faults() -> Iterator[Fault]:
    """All of them; no name comes twice."""
    yield from _headers()
    yield from _payloads()


def _headers() -> Iterator[Fault]:
    data = bytes(Parts.of(stream(32, n_routed=5, **DEEP | {"minor": 2})))
    yield Fault("vrvq-minor-2", "version", 11, "Family 2 is not in version 1.2.", data)
    for name, offset, why, fields in (
        ("limit-least_depth-0", 25, "Latents may have no codes.", {"n_shared": 0}),
        ("vrvq-codebook_bits-1", 27, "Codes have 1 bit.", {"codebook_bits": 1}),
        ("vrvq-payload_length", 22, "The payload may have more than 65535 bytes.", LONG_DEEP | {"window": 435}),
        (
            "vrvq-bare_windows-3",
            24,
            "3 windows fit a byte.",
            {"window": 1, "windows_per_chunk": 3, "n_routed": 0, "codebook_bits": 2},
        ),
    ):
        yield Fault(name, "limit", offset, why, bytes(Parts(naive.header(HEADER | fields), [], 0)))


def _payloads() -> Iterator[Fault]:
    for name, offset, why, digits in (
        ("empty", 54, "The payload is empty.", ""),
        ("without-width", 56, "The payload ends before a width.", FIRST),
        ("cut-in-depths", 56, "The payload ends within the depths.", FIRST + "11 100 00"),
        ("cut-before-codes", 56, "The payload ends after the depths.", FIRST + "11 100 000"),
        ("cut-in-codes", 56, "The payload ends within the codes.", FIRST + "10 11 00 0001 0010 0011 0100 01"),
        ("depth-beyond", 54, "A depth is 7 where there are 6 codebooks.", "11 110 000" + "0001" * 8 + SECOND),
        ("width-2-for-1", 54, "Widths are 2, and 1 would do.", "10 01 00 0001 0010 0011" + SECOND),
        ("width-1-for-0", 54, "Widths are 1, and 0 would do.", "01 0 0 0001 0010" + SECOND),
        ("padding", 57, "The padding is not zero.", FIRST + SECOND + "000001"),
        ("long", 58, "A byte follows the last window.", FIRST + SECOND + "000000 00000000"),
    ):
        data = bytes(Parts(naive.header(HEADER), [(4, naive.octets(digits))], 32))
        yield Fault(f"vrvq-{name}", "syntax", offset, why, data)
    fields = HEADER | {"n_routed": 2}
    data = bytes(Parts(naive.header(fields), [(4, naive.octets("11 100 000" + "0001" * 6 + SECOND))], 32))
    yield Fault("vrvq-width-beyond", "syntax", 54, "Widths are 3 where depths take 2 bits.", data)
