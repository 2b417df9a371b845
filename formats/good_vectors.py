"""The contents of the valid and the uncommon vectors of SWC-1.md, in the reference reader's form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parent / "vectors"
RECORDINGS = ("recording", "recording-8s")
"""Made by the product from real audio, with swc-44k at 2.67 kbit/s; their codes are inputs, kept as JSON."""

SMALL: dict[str, Any] = {
    "minor": 0,
    "family": 1,
    "channels": 1,
    "model_rate": 8000,
    "source_rate": 16000,
    "hop": 4,
    "gain_q8": 0,
    "window": 2,
    "windows_per_chunk": 2,
    "n_shared": 1,
    "n_routed": 3,
    "codebook_bits": 4,
    "fingerprint": "0123456789abcdef",
    "total_samples": None,
    "tags": [],
    "extensions": [],
}
EXAMPLE = [[[0, 2], [1, 2], [3, 4], [5, 6]], [[1], [7, 8], [9, 10]], [[], [11]]]
"""Section 10.1: experts, then rows of codes, of every window."""
BARE = {"model_rate": 1, "source_rate": 1, "hop": 1, "n_shared": 0, "n_routed": 1, "codebook_bits": 2}
"""A sample a latent, and a bit a window where it takes no codes."""
COUPLED: dict[str, Any] = {"minor": 2, "channels": 2, "pairs": [[0, 1]]}
DEEP: dict[str, Any] = {"minor": 3, "family": 2}
LONG_DEEP = DEEP | {"channels": 4, "window": 434, "windows_per_chunk": 1}
LONG_DEEP |= {"n_shared": 16, "n_routed": 7, "codebook_bits": 13}
"""A payload of 65535 bytes where all latents have all codebooks."""
WIDE = BARE | {"window": 65535, "windows_per_chunk": 1}


def stream(total: int, known: bool = False, experts: str = "some", **changes: Any) -> dict[str, Any]:
    """A stream of this many samples.

    Args:
        total: samples at the source rate.
        known: whether the header tells them too.
        experts: which ones the windows use, or latents of family 2: some, none, or all. In family 3: whether codes are
            any, 0, or the greatest.
        changes: of the header SMALL.
    """
    fields = SMALL | changes | {"total_samples": total if known else None}
    model_samples = -(-total * fields["model_rate"] // fields["source_rate"])
    latents = -(-model_samples // fields["hop"])
    full = fields["window"] * fields["windows_per_chunk"]
    draw = numbers()
    chunks = []
    for start in range(0, latents, full):
        size = min(full, latents - start)
        lengths = [min(fields["window"], size - first) for first in range(0, size, fields["window"])]
        coded = fields["channels"] - len(fields.get("pairs", ()))
        windows = [[_window(fields, n, experts, draw) for _ in range(coded)] for n in lengths]
        chunks.append({"latents": size, "windows": windows})
        if "pairs" in fields:
            chunks[-1]["couplings"] = [coupling(-(-size // 2), draw) for _ in fields["pairs"]]
    return {"header": fields, "chunks": chunks, "total_samples": total}


def coupling(slots: int, draw: Iterator[int], mode: int = 4) -> dict[str, Any]:
    """A coupling; one number in four differs from the one before it in its grid."""
    one: dict[str, Any] = {"mode": mode}
    if mode == 4:
        one["delay"] = next(draw) % 128 - 64
        for name, low, count in (("levels", -10, 21), ("coherences", 0, 6), ("phases", 0, 8)):
            row, one[name] = [0] * 25, []
            for _ in range(slots):
                row = [low + next(draw) % count if next(draw) % 4 == 0 else number for number in row]
                one[name].append(row)
    return one


def numbers() -> Iterator[int]:
    """Numbers that look random, the same everywhere."""
    state = 1
    while True:
        state = (state * 1103515245 + 12345) % 2**31
        yield state >> 12


def _window(fields: dict[str, Any], latents: int, experts: str, draw: Iterator[int]) -> dict[str, Any]:
    greatest = 2 ** fields["codebook_bits"]
    if fields["family"] == 3:
        top = fields["greatest_code"]
        code = {"some": lambda: (next(draw) << 12 ^ next(draw)) % (top + 1), "all": lambda: top}
        return {"codes": [code.get(experts, int)() for _ in range(latents)]}
    if fields["family"] == 2:
        more = {"some": lambda: next(draw) % (fields["n_routed"] + 1), "all": lambda: fields["n_routed"]}
        depths = [fields["n_shared"] + more.get(experts, int)() for _ in range(latents)]
        uses = [sum(depth > book for depth in depths) for book in range(max(depths))]
        return {"depths": depths, "codes": [[next(draw) % greatest for _ in range(count)] for count in uses]}
    selected = [i for i in range(fields["n_routed"]) if experts == "all" or (experts == "some" and next(draw) % 2)]
    rows = fields["n_shared"] + len(selected)
    return {"experts": selected, "codes": [[next(draw) % greatest for _ in range(latents)] for _ in range(rows)]}


def example() -> dict[str, Any]:
    """Section 10.1."""
    one, two, three = [[{"experts": experts, "codes": codes}] for experts, *codes in EXAMPLE]
    chunks = [{"latents": 4, "windows": [one, two]}, {"latents": 1, "windows": [three]}]
    return {"header": SMALL | {"gain_q8": -1536}, "chunks": chunks, "total_samples": 35}


def valid() -> dict[str, dict[str, Any]]:
    """Streams that encoders write every day."""
    tags = [["TITLE", "Rain on a tin roof"], ["ARTIST", "Zoë Łuczak"], ["DATE", "2024-05-01"]]
    recordings = {name: json.loads((VECTORS / "valid" / f"{name}.json").read_bytes()) for name in RECORDINGS}
    return recordings | {
        "example": example(),
        "mono": stream(99, known=True),
        "stereo": stream(99, known=True, channels=2, window=8),
        "samples-0": stream(0, known=True),
        "samples-0-unknown": stream(0),
        "samples-1": stream(1, known=True),
        "window-one": stream(16, known=True),
        "chunk-one-full": stream(32, known=True),
        "chunks-several": stream(160, known=True),
        "window-last-partial": stream(72, known=True),
        "total-unknown": stream(99),
        "tags": stream(40, known=True, tags=tags),
        "gain-louder": stream(40, known=True, gain_q8=1573),
        "gain-softer": stream(40, known=True, gain_q8=-3072),
        "channel-mask": stream(
            99, known=True, channels=2, window=8, minor=1, extensions=[{"type": 2, "data": "30000000"}]
        ),
        "coupled": stream(160, known=True, **COUPLED),
        "coupled-modes": _modes(),
        "coupled-5.1": stream(
            200, known=True, channels=6, window=16, minor=2, pairs=[[0, 1], [4, 5]], tags=[["TITLE", "Rain"]]
        ),
        "resampled": stream(4800, known=True, model_rate=44100, source_rate=48000, hop=512, codebook_bits=10),
        "all-experts": stream(99, known=True, experts="all"),
        "no-experts": stream(99, known=True, experts="none"),
        "vrvq": stream(99, known=True, n_routed=7, **DEEP),
        "vrvq-unknown": stream(99, n_routed=31, codebook_bits=10, window=8, **DEEP),
        "vrvq-stereo": stream(99, known=True, channels=2, window=8, n_routed=7, **DEEP),
        "vrvq-coupled": stream(160, known=True, n_routed=7, **COUPLED | DEEP),
        "vrvq-tags": stream(40, known=True, n_routed=7, tags=tags, gain_q8=1573, **DEEP),
        "vrvq-shallow": stream(99, known=True, n_routed=7, experts="none", **DEEP),
        "vrvq-deep": stream(99, known=True, n_routed=7, experts="all", **DEEP),
        "vrvq-samples-0": stream(0, known=True, n_routed=7, **DEEP),
    }


def uncommon() -> dict[str, dict[str, Any]]:
    """Streams that are allowed, and that a reader may not handle."""
    others = [{"type": kind, "data": f"{kind:02x}" * (kind % 3)} for kind in range(2, 34)]
    # long enough that the header has 16384 bytes
    rest = "x" * (16384 - 48 - 4 - (1 + 64 + 2 + 8192) - (1 + 1 + 2))
    long_tags = [["K" * 64, "v" * 8192], ["R", rest]]
    control = [["COMMENT", "\x1b[2J\0\r\n\u202e\ufeff"], ["A}", "\U0001d11e"], [" ", ""]]
    return {
        "limit-minor-15": stream(40, minor=15),
        "limit-header_length-16384": stream(0, tags=long_tags),
        "limit-channels-8": stream(200, channels=8, window=16),
        "limit-model_rate-1": stream(40000, known=True, model_rate=1, source_rate=8000, hop=1),
        "limit-model_rate-384000": stream(1, known=True, model_rate=384000, hop=6),
        "limit-source_rate-1": stream(1, known=True, source_rate=1, hop=2000),
        "limit-source_rate-384000": stream(1000, known=True, source_rate=384000),
        "limit-hop-1": stream(9, hop=1),
        "limit-hop-65535": stream(2 * 65535 + 1, hop=65535),
        "limit-gain_q8-least": stream(40, gain_q8=-32768),
        "limit-gain_q8-greatest": stream(40, gain_q8=32767),
        "limit-window-1": stream(40, window=1),
        "limit-window-65535": stream(65536, experts="none", **WIDE),
        "limit-windows_per_chunk-1": stream(40, windows_per_chunk=1),
        "limit-windows_per_chunk-255": stream(
            2050, experts="none", windows_per_chunk=255, window=1, n_routed=64, n_shared=0
        ),
        "limit-n_shared-0": stream(99, n_shared=0),
        "limit-n_shared-0-no-codes": stream(99, n_shared=0, experts="none"),
        "limit-n_shared-255": stream(9, n_shared=255),
        "limit-n_routed-0": stream(99, n_routed=0),
        "limit-n_routed-255": stream(9, n_routed=255),
        "limit-codebook_bits-2": stream(99, codebook_bits=2),
        "limit-codebook_bits-16": stream(99, codebook_bits=16),
        "limit-total_samples-greatest": stream(
            2**44 - 1, known=True, source_rate=384000, model_rate=1, hop=65535, window=255, codebook_bits=2
        ),
        "limit-extensions-32": stream(9, extensions=others[1:], tags=[["TITLE", "t"]]),
        "limit-extension_type-32767": stream(9, extensions=[{"type": 32767, "data": "00ff"}]),
        "limit-tags-1": stream(9, tags=[["TITLE", "t"]]),
        "limit-tags-255": stream(9, tags=[["A", ""]] * 255),
        "limit-tag_key-1": stream(9, tags=[["!", "t"]]),
        "limit-codebooks-1": stream(99, n_shared=1, n_routed=0),
        "limit-codebooks-510": stream(9, n_shared=255, n_routed=255),
        "limit-chunk_latents-1": stream(9, window=1, windows_per_chunk=1),
        "limit-chunk_latents-65535": stream(65535, experts="none", **WIDE),
        "limit-payload_length-1": stream(3, window=1, windows_per_chunk=1, **BARE),
        "limit-payload_length-65535": _long_payload(),
        "limit-bare_windows-least": stream(0, window=32767, windows_per_chunk=1, n_routed=0, codebook_bits=16),
        "limit-bare_windows-2": stream(40, window=1, n_shared=0),
        "extension-unknown": stream(9, extensions=[{"type": 2, "data": "636f766572"}]),
        "extension-empty": stream(9, extensions=[{"type": 7, "data": ""}, {"type": 8, "data": ""}]),
        "extension-private": stream(9, extensions=[{"type": 16384, "data": "c55c"}, {"type": 20000, "data": "3aa3"}]),
        "tags-and-others": stream(9, tags=[["GENRE", "Field"]], extensions=others[:2]),
        "tags-twice": stream(9, tags=[["ARTIST", "B"], ["ARTIST", "A"], ["ARTIST", "B"]]),
        "tags-control": stream(9, tags=control),
        "latents-exact": stream(80, known=True),
        "latents-exact-and-1": stream(81, known=True),
        "latents-exact-less-1": stream(79, known=True),
        "latents-odd-rates": stream(44100 * 2 + 1, known=True, source_rate=44100, model_rate=16000, hop=320),
        "latents-upsampled": stream(3, known=True, source_rate=11025, model_rate=48000),
        # N x model_rate is 1 more than a multiple of source_rate x hop: binary64 rounds that 1 away
        "latents-beyond-binary64": stream(FINE_TOTAL, known=True, experts="none", **WIDE | FINE),
        "limit-slots-1": stream(40, windows_per_chunk=1, **COUPLED),
        "limit-slots-255": stream(40, window=255, **COUPLED),
        "coupled-without-changes": _constant_coupling(0),
        "coupled-greatest": _constant_coupling(1),
        "coupled-least": _constant_coupling(-1),
        "coupled-four-pairs": stream(99, channels=8, window=16, minor=2, pairs=[[0, 7], [1, 4], [2, 3], [5, 6]]),
        "coupled-minor-0": stream(40, channels=2, window=8, pairs=[[0, 1]]),
        "extension-3-not-critical": stream(40, channels=2, window=8, extensions=[{"type": 3, "data": "01"}]),
        "limit-least_depth-1": stream(99, n_routed=6, **DEEP),
        "limit-least_depth-255": stream(9, n_shared=255, n_routed=9, **DEEP),
        "vrvq-n_routed-0": stream(99, n_routed=0, **DEEP),
        "vrvq-n_routed-1": stream(99, n_routed=1, **DEEP),
        "vrvq-n_routed-255": stream(40, n_routed=255, **DEEP),
        "vrvq-codebook_bits-2": stream(99, n_shared=2, codebook_bits=2, **DEEP),
        "vrvq-codebook_bits-16": stream(99, codebook_bits=16, **DEEP),
        "vrvq-minor-15": stream(40, **DEEP | {"minor": 15}),
        "vrvq-payload_length-65535": stream(0, **LONG_DEEP),
        "vrvq-bare_windows-2": stream(9, window=1, n_routed=0, codebook_bits=2, **DEEP),
        "payload-holds-syncs": _syncs_within(),
        "codes-all-ones": _constant(2**4 - 1),
        "codes-all-zero": _constant(0),
    }


FINE = {"source_rate": 383999, "model_rate": 3841, "hop": 65521}
FINE_TOTAL = pow(FINE["model_rate"], -1, FINE["source_rate"] * FINE["hop"]) + 400 * FINE["source_rate"] * FINE["hop"]


def _long_payload() -> dict[str, Any]:
    """A payload of 65535 bytes, all experts in use; small codes, so that the JSON stays small."""
    content = stream(0, window=273, windows_per_chunk=1, channels=8, n_routed=15, codebook_bits=15)
    channel = {"experts": list(range(15)), "codes": [[at % 10 for at in range(273)] for _ in range(16)]}
    chunk = {"latents": 273, "windows": [[channel] * 8]}
    return content | {"chunks": [chunk], "total_samples": 273 * 8}


def _syncs_within() -> dict[str, Any]:
    """A payload that looks like a chunk and an end chunk to a reader that searches for chunks."""
    content = stream(256, window=8, windows_per_chunk=4, n_routed=0, codebook_bits=16)
    words = [0xC55C, 0x0100, 0x0100, 0x16C5, 0x5CC5, 0x5C3A, 0xA33A, 0xA300]
    for chunk in content["chunks"]:
        chunk["windows"] = [[{"experts": [], "codes": [words]}] for _ in chunk["windows"]]
    return content


def _modes() -> dict[str, Any]:
    """A chunk of each mode."""
    content, draw = stream(160, known=True, **COUPLED), numbers()
    for mode, chunk in enumerate(content["chunks"]):
        chunk["couplings"] = [coupling(-(-chunk["latents"] // 2), draw, mode)]
    return content


def _constant_coupling(end: int) -> dict[str, Any]:
    """Parameters of 0, or all at one end of their ranges, as far as one step of a phase reaches."""
    content = stream(99, **COUPLED)
    delay, *values = {0: (0, 0, 0, 0), 1: (63, 10, 5, 4), -1: (-64, -10, 0, 5)}[end]
    for chunk in content["chunks"]:
        (one,) = chunk["couplings"]
        one["delay"] = delay
        for name, value in zip(("levels", "coherences", "phases"), values, strict=True):
            one[name] = [[value] * 25 for _ in one[name]]
    return content


def _constant(code: int) -> dict[str, Any]:
    content = stream(99, known=True, experts="all")
    for chunk in content["chunks"]:
        for channels in chunk["windows"]:
            for window in channels:
                window["codes"] = [[code] * len(row) for row in window["codes"]]
    return content
