"""Reads .swc streams as specified in SWC-1.md, with only the standard library, written for clarity and not for speed.

python reference_reader.py FILE     prints the contents of the stream as JSON; exit status 3 if the stream is faulty
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

MAGIC = b"\xf5SWC\r\n\x1a\n"
UNKNOWN_TOTAL = 0xFFFFFFFFFFFFFFFF
FIELDS = {
    "model_rate": (12, 3, 1, 384000),
    "source_rate": (15, 3, 1, 384000),
    "hop": (18, 2, 1, 65535),
    "gain_q8": (20, 2, -32768, 32767),
    "window": (22, 2, 1, 65535),
    "windows_per_chunk": (24, 1, 1, 255),
}
"""Numbers of section 3 between the channels and those of the family: offset and size, minimum and maximum."""
CODEBOOKS = {"n_shared": (25, 1, 0, 255), "n_routed": (26, 1, 0, 255), "codebook_bits": (27, 1, 2, 16)}
FAMILIES = {1: CODEBOOKS, 2: CODEBOOKS, 3: {"greatest_code": (25, 3, 1, 16777215)}}
"""The same for the bytes of each family."""
GRIDS = {"levels": (-10, 10), "coherences": (0, 5), "phases": (0, 7)}
"""Grids of section 6.1: minimum and maximum."""
BANDS = 25
Read = tuple[dict[str, Any], int]
"""A part of a stream, and the start of the next one."""


class SwcFault(ValueError):  # noqa: N818
    """Bytes that are not a valid stream: `kind` is an error of section 9, `offset` the byte where it shows."""

    def __init__(self, kind: str, offset: int, why: str) -> None:
        super().__init__(f"{kind}: {why} (byte {offset})")
        self.kind = kind
        self.offset = offset


def read(data: bytes) -> dict[str, Any]:
    """The contents of a stream, as plain numbers, texts, lists and dicts; raises SwcFault if it isn't valid."""
    header, at = read_header(data)
    header_crc = data[at - 4 : at]
    full = header["window"] * header["windows_per_chunk"]
    chunks: list[dict[str, Any]] = []
    sums = zlib.crc32(header_crc)
    while (sync := take(data, at, 2)) == b"\xc5\x5c":
        latents, size = struct.unpack("<HH", take(data, at + 2, 4))
        body = take(data, at, 6 + size)
        place = header_crc + struct.pack("<I", len(chunks))
        require(take(data, at + 6 + size, 4) == crc32(place + body), "checksum", at, "a chunk's CRC is wrong")
        require(not chunks or chunks[-1]["latents"] == full, "syntax", at + 2, "a chunk follows one that is not full")
        require(1 <= latents <= full, "syntax", at + 2, f"a chunk of {latents} latents where {full} are full")
        within(0, len(chunks) + 1, 4294967295, "chunks", at + 2)
        chunks.append({"latents": latents} | read_payload(header, latents, body[6:], at + 6))
        sums = zlib.crc32(body[6:], sums)
        at += len(body) + 4
    require(sync == b"\x3a\xa3", "syntax", at, "neither a chunk nor the end chunk")
    end = take(data, at, 18)
    require(end[14:] == crc32(end[:14], sums), "checksum", at, "the end chunk's CRC is wrong")
    total, n_chunks = struct.unpack("<QI", end[2:14])
    require(n_chunks == len(chunks), "syntax", at + 10, f"{n_chunks} chunks counted, {len(chunks)} there")
    within(0, total, 17592186044415, "total_samples", at + 2)
    require(header["total_samples"] in (None, total), "syntax", at + 2, "the header has another total_samples")
    model_samples = -(-total * header["model_rate"] // header["source_rate"])
    expected, there = -(-model_samples // header["hop"]), sum(chunk["latents"] for chunk in chunks)
    require(there == expected, "syntax", at + 2, f"{total} samples take {expected} latents, {there} are there")
    require(len(data) == at + 18, "syntax", at + 18, "bytes after the end chunk")
    return {"header": header, "chunks": chunks, "total_samples": total}


def read_header(data: bytes) -> Read:
    """Section 3: the header's fields, and its length."""
    require(data != b"" and MAGIC.startswith(data[:8]), "not swc", 0, "the magic is missing")
    start = take(data, 0, 11)
    require(start[8] >> 4 == 1, "version", 8, f"major version {start[8] >> 4}")
    length = within(48, int.from_bytes(start[9:], "little"), 16384, "header_length", 9)
    header = take(data, 0, length)
    require(header[-4:] == crc32(header[:-4]), "checksum", length - 4, "the header's CRC is wrong")
    family, minor = header[11] >> 4, header[8] & 15
    require(family == 1 or (family in FAMILIES and minor >= 3), "version", 11, f"family {family} of 1.{minor}")
    extensions = read_extensions(header[:-4], header[11] & 15)
    pairs = len(extensions.get("pairs", []))
    fields: dict[str, Any] = {"minor": minor, "family": family, "channels": header[11] & 15}
    within(1, fields["channels"], 8, "channels", 11)
    for name, (offset, size, low, high) in (FIELDS | FAMILIES[family]).items():
        fields[name] = int.from_bytes(header[offset : offset + size], "little", signed=low < 0)
        within(low, fields[name], high, name, offset)
    if family == 3:
        groups = [min(16, fields["window"] - first) for first in range(0, fields["window"], 16)]
        bare = most = sum(((fields["greatest_code"] + 1) ** count - 1).bit_length() for count in groups)
    else:
        codebooks = within(1, fields["n_shared"] + fields["n_routed"], 510, "codebooks", 25)
        within(family - 1, fields["n_shared"], 255, "least_depth", 25)
        digits, codes = fields["n_routed"].bit_length(), fields["window"] * fields["codebook_bits"]
        head = fields["n_routed"] if family == 1 else digits.bit_length()
        bare = head + fields["n_shared"] * codes
        most = head + (family - 1) * fields["window"] * digits + codebooks * codes
    total = int.from_bytes(header[36:44], "little")
    known = None if total == UNKNOWN_TOTAL else within(0, total, 17592186044415, "total_samples", 36)
    fields |= {"fingerprint": header[28:36].hex(), "total_samples": known}
    latents = within(1, fields["window"] * fields["windows_per_chunk"], 65535, "chunk_latents", 22)
    slots = within(1, -(-latents // 2), 255 if pairs else latents, "slots", 22)
    windows = (fields["channels"] - pairs) * fields["windows_per_chunk"]
    within(1, -(-(windows * most + pairs * (10 + 775 * slots)) // 8), 65535, "payload_length", 22)
    within(-8190, windows - -(-(windows * bare + pairs * 3) // 8) // 8, 2, "bare_windows", 24)
    return fields | extensions, length


def read_extensions(header: bytes, channels: int) -> dict[str, Any]:
    """Section 4: tags, coupled channels if any, and other extensions, of a header without its CRC."""
    tags: list[list[str]] = []
    coupled: dict[str, Any] = {}
    others: list[dict[str, Any]] = []
    at, previous, count = 44, 0, 0
    while at < len(header):
        require(at + 4 <= len(header), "syntax", at, "an extension is cut off")
        word, size = struct.unpack("<HH", header[at : at + 4])
        require(at + 4 + size <= len(header), "syntax", at, "an extension reaches over the header's end")
        kind = within(1, word & 0x7FFF, 32767, "extension_type", at)
        require(kind > previous, "syntax", at, "extensions out of order")
        require(word in (kind, 0x8003), "version", at, f"critical extension {kind}")
        if word == 0x8003:
            coupled = {"pairs": read_pairs(header[at + 4 : at + 4 + size], channels, at + 4)}
        elif kind == 1:
            tags = read_tags(header[: at + 4 + size], at + 4)
        else:
            others.append({"type": kind, "data": header[at + 4 : at + 4 + size].hex()})
        previous, count = kind, within(0, count + 1, 32, "extensions", at)
        at += 4 + size
    return {"tags": tags, "extensions": others} | coupled


def read_pairs(data: bytes, channels: int, at: int) -> list[list[int]]:
    """Section 4.3: the pairs of channels."""
    pairs = [[byte >> 4, byte & 15] for byte in data]
    require(pairs != [] and pairs == sorted(pairs), "syntax", at, "pairs out of order, or none")
    require(all(first < second < channels for first, second in pairs), "syntax", at, "a pair of wrong channels")
    require(len({channel for pair in pairs for channel in pair}) == 2 * len(pairs), "syntax", at, "a channel twice")
    return pairs


def read_tags(data: bytes, start: int) -> list[list[str]]:
    """Section 4.1: the tags from `start` to the end of the data."""
    tags: list[list[str]] = []
    at = start
    while at < len(data):
        key_end = at + 1 + data[at]
        require(key_end + 2 <= len(data), "syntax", at, "a tag is cut off")
        value_end = key_end + 2 + int.from_bytes(data[key_end : key_end + 2], "little")
        require(value_end <= len(data), "syntax", at, "a tag reaches over its extension's end")
        key, value = data[at + 1 : key_end], data[key_end + 2 : value_end]
        within(1, len(key), 64, "tag_key", at)
        within(0, len(value), 8192, "tag_value", at)
        allowed = all(0x20 <= byte <= 0x7D and byte != 0x3D and not 0x61 <= byte <= 0x7A for byte in key)
        require(allowed, "syntax", at, "a tag's key has a byte that is not allowed")
        try:
            tags.append([key.decode("ascii"), value.decode("utf-8")])
        except UnicodeDecodeError:
            raise SwcFault("syntax", at, "a tag's value is not UTF-8") from None
        within(1, len(tags), 255, "tags", at)
        at = value_end
    within(1, len(tags), 255, "tags", start)
    return tags


def read_payload(header: dict[str, Any], latents: int, payload: bytes, start: int) -> dict[str, Any]:
    """Section 6: the windows of a payload that begins at `start`, by window and channel, and couplings, if any."""
    digits = bin(int.from_bytes(b"\1" + payload, "big"))[3:]  # after "0b1"; the 1 keeps leading zeros
    at = 0
    windows: list[list[dict[str, Any]]] = []
    for first in range(0, latents, header["window"]):
        length = min(header["window"], latents - first)
        windows.append([])
        for _ in range(header["channels"] - len(header.get("pairs", []))):
            read_one = read_groups if header["family"] == 3 else read_window
            window, at = read_one(header, digits, at, length, start + at // 8)
            windows[-1].append(window)
    couplings = []
    for _ in header.get("pairs", []):
        coupling, at = read_coupling(digits, at, -(-latents // 2), start + at // 8)
        couplings.append(coupling)
    require(-(-at // 8) == len(payload), "syntax", start - (-at // 8), "a payload longer than its windows")
    require("1" not in digits[at:], "syntax", start + at // 8, "padding that is not zero")
    return {"windows": windows} | ({"couplings": couplings} if couplings else {})


def read_window(header: dict[str, Any], digits: str, at: int, length: int, place: int) -> Read:
    """Sections 6 and 6.2: a window of one channel, and the start of the next one."""
    routed, bits = header["n_routed"], header["codebook_bits"]
    if header["family"] == 1:
        experts = [expert for expert, digit in enumerate(digits[at : at + routed]) if digit == "1"]
        window, at, counts = {"experts": experts}, at + routed, [length] * (header["n_shared"] + len(experts))
    else:
        begin = at + routed.bit_length().bit_length()
        width = int("0" + digits[at:begin], 2)
        at = begin + length * width
        require(at <= len(digits), "syntax", place, "a payload shorter than its depths imply")
        more = [int("0" + digits[bit : bit + width], 2) for bit in (begin + width * latent for latent in range(length))]
        exact = max(more) <= routed and max(more).bit_length() == width
        require(exact, "syntax", place, f"depths of {width} bits, the greatest of which is {max(more)}")
        window = {"depths": [header["n_shared"] + depth for depth in more]}
        counts = [sum(depth > book for depth in window["depths"]) for book in range(max(window["depths"]))]
    require(at + sum(counts) * bits <= len(digits), "syntax", place, "a payload shorter than its windows imply")
    rows = []
    for count in counts:
        rows.append([int(digits[bit : bit + bits], 2) for bit in range(at, at + count * bits, bits)])
        at += count * bits
    return window | {"codes": rows}, at


def read_groups(header: dict[str, Any], digits: str, at: int, length: int, place: int) -> Read:
    """Section 6.3: a window of one channel, and the start of the next one."""
    codes: list[int] = []
    base = header["greatest_code"] + 1
    for count in (min(16, length - first) for first in range(0, length, 16)):
        end = at + (base**count - 1).bit_length()
        require(end <= len(digits), "syntax", place, "a payload shorter than its codes")
        number, at = int(digits[at:end], 2), end
        require(number < base**count, "syntax", place, "a group of codes beyond the greatest one")
        codes += [number // base**digit % base for digit in reversed(range(count))]
    return {"codes": codes}, at


def read_coupling(digits: str, at: int, slots: int, place: int) -> Read:
    """Section 6.1: the coupling of a pair, and the start of the next pair's."""
    require(at + 3 <= len(digits), "syntax", place, "a mode is cut off")
    mode = int(digits[at : at + 3], 2)
    require(mode <= 4, "syntax", place, f"mode {mode}")
    if mode < 4:
        return {"mode": mode}, at + 3
    require(at + 10 <= len(digits), "syntax", place, "a delay is cut off")
    coupling: dict[str, Any] = {"mode": mode, "delay": (int(digits[at + 3 : at + 10], 2) + 64) % 128 - 64}
    at += 10
    for name, (low, high) in GRIDS.items():
        numbers: list[int] = []
        while len(numbers) < slots * BANDS:
            run, at = read_golomb(digits, at, 2, place)
            require(run <= slots * BANDS - len(numbers), "syntax", place, "a run reaches over the end of its grid")
            for change in [0] * run + [1]:
                if len(numbers) == slots * BANDS:
                    break
                if change:
                    size, at = read_golomb(digits, at, 0, place)
                    require(at < len(digits), "syntax", place, "a sign is cut off")
                    change, at = (-size - 1 if digits[at] == "1" else size + 1), at + 1
                back = BANDS if len(numbers) >= BANDS else 1
                number = (numbers[-back] if numbers else 0) + change
                if name == "phases":
                    require(-3 <= change <= 4, "syntax", place, "a phase changes by more than half a turn")
                    number %= 8
                require(low <= number <= high, "syntax", place, f"{number} in the grid of {name}")
                numbers.append(number)
        coupling[name] = [numbers[first : first + BANDS] for first in range(0, len(numbers), BANDS)]
    return coupling, at


def read_golomb(digits: str, at: int, order: int, place: int) -> tuple[int, int]:
    """A number in an exponential Golomb code, and its end."""
    one = digits.find("1", at)
    end = 2 * one - at + order + 1
    require(one >= 0 and end <= len(digits), "syntax", place, "an exponential Golomb code is cut off")
    return int(digits[one:end], 2) - (1 << order), end


def take(data: bytes, start: int, size: int) -> bytes:
    require(len(data) >= start + size, "truncated", len(data), "the stream ends before its end chunk does")
    return data[start : start + size]


def crc32(data: bytes, before: int = 0) -> bytes:
    return struct.pack("<I", zlib.crc32(data, before))


def within(low: int, value: int, high: int, name: str, offset: int) -> int:
    require(low <= value <= high, "limit", offset, f"{name} is {value}, allowed are {low} to {high}")
    return value


def require(rule: bool, kind: str, offset: int, why: str) -> None:
    if not rule:
        raise SwcFault(kind, offset, why)


def main() -> int:
    try:
        sys.stdout.write(json.dumps(read(Path(sys.argv[1]).read_bytes())) + "\n")
    except SwcFault as fault:
        sys.stderr.write(f"{fault}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
