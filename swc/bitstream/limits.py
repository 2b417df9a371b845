"""The limits table of formats/SWC-1.md, checked on reading and on writing."""

from __future__ import annotations

import operator

from swc.errors import LimitError

LIMITS: dict[str, tuple[int, int]] = {
    "minor": (0, 15),
    "header_length": (48, 16_384),
    "channels": (1, 8),
    "model_rate": (1, 384_000),
    "source_rate": (1, 384_000),
    "hop": (1, 65_535),
    "gain_q8": (-32_768, 32_767),
    "window": (1, 65_535),
    "windows_per_chunk": (1, 255),
    "n_shared": (0, 255),
    "n_routed": (0, 255),
    "codebook_bits": (2, 16),
    "greatest_code": (1, 2**24 - 1),
    "total_samples": (0, 2**44 - 1),
    "extensions": (0, 32),
    "extension_type": (1, 32_767),
    "tags": (1, 255),
    "tag_key": (1, 64),
    "tag_value": (0, 8_192),
    "codebooks": (1, 510),
    "least_depth": (1, 255),
    "chunk_latents": (1, 65_535),
    "slots": (1, 255),
    "payload_length": (1, 65_535),
    "bare_windows": (-8_190, 2),
    "chunks": (0, 2**32 - 1),
}
"""Minimum and maximum of every field and of every number derived from fields."""


def check_limit(name: str, value: int, offset: int | None = None) -> None:
    """Raise LimitError if `value` is outside LIMITS[name]."""
    low, high = LIMITS[name]
    if not low <= operator.index(value) <= high:
        raise LimitError(f"{name} is {value}, allowed are {low} to {high}", offset)
