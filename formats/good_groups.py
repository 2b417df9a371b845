"""What the valid and the uncommon vectors of family 3, fsq, hold."""

from __future__ import annotations

from typing import Any

from good_vectors import COUPLED, stream

GROUPED: dict[str, Any] = {"minor": 3, "family": 3, "window": 20, "greatest_code": 7**6 - 1}
"""Windows of a group of 16 codes and one of 4, as those of SQCodec are."""
LONG_GROUPS = GROUPED | {"window": 21845, "windows_per_chunk": 1, "greatest_code": 2**24 - 1}
"""A payload of 65535 bytes."""
TAGS = [["TITLE", "Rain on a tin roof"], ["ARTIST", "Zoë Łuczak"]]


def valid_groups() -> dict[str, dict[str, Any]]:
    """What encoders write every day."""
    return {
        "fsq": stream(800, known=True, **GROUPED),
        "fsq-unknown": stream(799, **GROUPED),
        "fsq-stereo": stream(500, known=True, channels=2, **GROUPED),
        "fsq-coupled": stream(800, known=True, **COUPLED | GROUPED),
        "fsq-tags": stream(300, known=True, tags=TAGS, gain_q8=-3072, **GROUPED),
        "fsq-samples-0": stream(0, known=True, **GROUPED),
        "fsq-samples-1": stream(1, known=True, **GROUPED),
    }


def uncommon_groups() -> dict[str, dict[str, Any]]:
    """What is allowed, and what a reader may have forgotten about."""
    return {
        "limit-greatest_code-1": stream(500, **GROUPED | {"greatest_code": 1}),
        "limit-greatest_code-16777215": stream(500, **GROUPED | {"greatest_code": 2**24 - 1}),
        "fsq-codes-all-zero": stream(500, experts="none", **GROUPED),
        "fsq-codes-greatest": stream(500, experts="all", **GROUPED),
        "fsq-codes-of-10-bits": stream(500, **GROUPED | {"greatest_code": 1023}),
        "fsq-codes-of-3-kinds": stream(500, **GROUPED | {"greatest_code": 2}),
        "fsq-window-1": stream(40, **GROUPED | {"window": 1}),
        "fsq-window-16": stream(500, **GROUPED | {"window": 16}),
        "fsq-window-33": stream(500, **GROUPED | {"window": 33}),
        "fsq-minor-15": stream(40, **GROUPED | {"minor": 15}),
        "fsq-payload_length-65535": stream(0, **LONG_GROUPS),
        "fsq-bare_windows-2": stream(40, **GROUPED | {"window": 1, "greatest_code": 1}),
    }
