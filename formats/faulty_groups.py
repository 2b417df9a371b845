"""The vectors of SWC-1.md whose fault is one of family 3, fsq."""

from __future__ import annotations

from collections.abc import Iterator

import naive_writer as naive
from faulty_headers import Fault
from good_groups import GROUPED, LONG_GROUPS
from good_vectors import SMALL, stream
from naive_writer import Parts

HEADER = SMALL | GROUPED | {"window": 18, "greatest_code": 2}
"""Windows of 16 codes in 26 bits and 2 codes in 4, so that the second window begins in byte 57."""
FIRST = f"{12345678:026b} 0101"
SECOND = f"{3**16 - 1:026b} 1000"


def group_faults() -> Iterator[Fault]:
    """All of them; no name comes twice."""
    yield from _headers()
    for name, offset, why, digits in (
        ("empty", 54, "The payload is empty.", ""),
        ("without-window", 57, "The payload ends before a window.", FIRST),
        ("cut-in-group", 57, "The payload ends within a group.", FIRST + SECOND[:20]),
        ("cut-before-group", 57, "The payload ends before the last group.", FIRST + SECOND[:24]),
        ("group-beyond", 57, "A group is 3^16, the greatest code being 2.", f"{FIRST}{3**16:026b} 1000"),
        ("group-all-ones", 54, "All bits of a group are 1.", "1" * 26 + "0101" + SECOND),
        ("last-group-beyond", 57, "A group of 2 is 9, the greatest code being 2.", FIRST + SECOND[:-4] + "1001"),
        ("padding", 61, "The padding is not zero.", FIRST + SECOND + "0001"),
        ("long", 62, "A byte follows the last window.", FIRST + SECOND + "0000 00000000"),
    ):
        data = bytes(Parts(naive.header(HEADER), [(36, naive.octets(digits))], 288))
        yield Fault(f"fsq-{name}", "syntax", offset, why, data)


def _headers() -> Iterator[Fault]:
    data = bytes(Parts.of(stream(32, **GROUPED | {"minor": 2})))
    yield Fault("fsq-minor-2", "version", 11, "Family 3 is not in version 1.2.", data)
    few = {"window": 1, "windows_per_chunk": 3, "greatest_code": 1}
    for name, offset, why, fields in (
        ("limit-greatest_code-0", 25, "There is one code.", {"greatest_code": 0}),
        ("fsq-payload_length", 22, "The payload has 65538 bytes.", LONG_GROUPS | {"window": 21846}),
        ("fsq-bare_windows-3", 24, "3 windows fit a byte.", few),
    ):
        yield Fault(name, "limit", offset, why, bytes(Parts(naive.header(HEADER | fields), [], 0)))
