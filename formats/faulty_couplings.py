"""The vectors of SWC-1.md whose coupled channels are faulty."""

from __future__ import annotations

from collections.abc import Iterator

import naive_writer as naive
from faulty_headers import Fault
from good_vectors import COUPLED, SMALL, stream
from naive_writer import CRITICAL, Parts, extension, golomb, grid

HEADER = SMALL | COUPLED | {"n_routed": 0}
CODES = "0001" * 4
"""A chunk of 4 latents, so that its coupling begins at byte 61, and has 50 numbers in each grid."""
NOTHING, DELAY = golomb(50, 2), "1000000111"
"""A grid without changes; mode 4 and a delay."""


def coupling_faults() -> Iterator[Fault]:
    """All of them; no name comes twice."""
    yield from _pairs()
    yield from _payloads()
    data = bytes(Parts.of(stream(40, windows_per_chunk=1, window=512, **COUPLED)))
    yield Fault("limit-slots-256", "limit", 22, "Channels are coupled in chunks of 512 latents.", data)


def _pairs() -> Iterator[Fault]:
    for name, why, data in (
        ("none", "Extension 3 has no pair.", b""),
        ("equal", "A channel is coupled with itself.", b"\x11"),
        ("swapped", "The first channel is above the second.", b"\x10"),
        ("beyond", "The second channel is not there.", b"\x04"),
        ("order", "The first channels do not ascend.", b"\x23\x01"),
        ("twice", "A pair comes twice.", b"\x01\x01"),
        ("shared", "A channel is in two pairs.", b"\x01\x12"),
    ):
        header = naive.header(HEADER | {"channels": 4}, extension(3 | CRITICAL, data))
        parts = Parts(header, [], 0)
        yield Fault(f"pairs-{name}", "syntax", 48, why, bytes(parts))


def _payloads() -> Iterator[Fault]:
    levels, coherences = DELAY, DELAY + NOTHING
    phases = coherences + NOTHING
    upwards = [4, *[0] * 49]
    for name, why, digits in (
        ("mode-5", "The mode is 5.", "101"),
        ("mode-7", "The mode is 7.", "111"),
        ("missing", "The payload ends before the coupling.", ""),
        ("cut-in-delay", "The payload ends within the delay.", DELAY[:8]),
        ("cut-before-grid", "The payload ends after the delay.", DELAY + "000000"),
        ("cut-in-run", "The payload ends within a run.", phases + golomb(3, 2) + "1" + "0" + "00"),
        ("run-beyond", "A run is longer than its grid.", levels + golomb(51, 2) + NOTHING * 2),
        ("run-far-beyond", "A run has 32 digits.", levels + golomb(2**32 - 5, 2) + NOTHING * 2),
        ("level-11", "A level is 11.", levels + grid([11, *[0] * 49]) + NOTHING * 2),
        ("level-minus-11", "A level is -11, after two changes.", levels + grid([-6, -5, *[0] * 48]) + NOTHING * 2),
        ("level-of-9-digits", "A level changes by 256.", levels + grid([256, *[0] * 49]) + NOTHING * 2),
        ("coherence-6", "A coherence is 6 in slot 1.", coherences + grid([5, *[0] * 24, 1, *[0] * 24]) + NOTHING),
        ("coherence-minus-1", "A coherence is -1.", coherences + grid([*[0] * 49, -1]) + NOTHING),
        ("phase-change-5", "A phase changes by 5.", phases + grid([5, *[0] * 49])),
        ("phase-change-minus-4", "A phase changes by -4.", phases + grid([-4, *[0] * 49])),
        ("phase-change-8", "A phase changes by 8.", phases + grid([8, *[0] * 49])),
    ):
        yield Fault(f"coupling-{name}", "syntax", 61, why, _chunk(digits))
    whole = phases + grid(upwards)
    used = 61 + len(whole) // 8
    yield Fault("coupling-padding", "syntax", used, "The padding after a coupling is not zero.", _chunk(whole + "1"))
    yield Fault("coupling-long", "syntax", used + 1, "A byte follows the coupling.", _chunk(whole + "0" * 8))


def _chunk(digits: str) -> bytes:
    """A stream of one chunk whose coupling these digits are."""
    return bytes(Parts(naive.header(HEADER), [(4, naive.octets(CODES + digits))], 32))
