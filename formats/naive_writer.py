"""Assembles .swc streams as specified in SWC-1.md, digit by digit and unchecked, so that it makes faulty ones too."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MAGIC = b"\xf5SWC\r\n\x1a\n"
CHUNK_SYNC = b"\xc5\x5c"
END_SYNC = b"\x3a\xa3"
CRITICAL = 0x8000


def crc(data: bytes) -> bytes:
    """CRC-32 as it is stored."""
    return struct.pack("<I", zlib.crc32(data))


def extension(word: int, data: bytes) -> bytes:
    """An extension; `word` is its type, with CRITICAL or without."""
    return struct.pack("<HH", word, len(data)) + data


def tags(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The data of extension 1."""
    return b"".join(bytes([len(key)]) + key + struct.pack("<H", len(value)) + value for key, value in entries)


def header(fields: dict[str, Any], extensions: bytes | None = None, **changes: Any) -> bytes:
    """The header, with its CRC.

    Args:
        fields: as the reference reader gives them, tags and extensions among them.
        extensions: their bytes, in place of those that follow from `fields`.
        changes: of single fields; also `major`, and `header_length` in place of the true one.
    """
    fields = {"major": 1} | fields | changes
    if extensions is None:
        entries = tags((key.encode(), value.encode()) for key, value in fields["tags"])
        listed = {1: extension(1, entries)} if entries else {}
        listed |= {one["type"]: extension(one["type"], bytes.fromhex(one["data"])) for one in fields["extensions"]}
        if "pairs" in fields:
            listed[3] = extension(3 | CRITICAL, bytes(first << 4 | second for first, second in fields["pairs"]))
        extensions = b"".join(listed[kind] for kind in sorted(listed))
    total = 2**64 - 1 if fields["total_samples"] is None else fields["total_samples"]
    data = MAGIC + bytes([fields["major"] << 4 | fields["minor"]])
    data += struct.pack("<H", fields.get("header_length", 48 + len(extensions)))
    data += bytes([fields["family"] << 4 | fields["channels"]])
    data += fields["model_rate"].to_bytes(3, "little") + fields["source_rate"].to_bytes(3, "little")
    data += struct.pack("<HhHB", *(fields[name] for name in ("hop", "gain_q8", "window", "windows_per_chunk")))
    if "greatest_code" in fields:
        data += fields["greatest_code"].to_bytes(3, "little")
    else:
        data += bytes(fields[name] for name in ("n_shared", "n_routed", "codebook_bits"))
    data += bytes.fromhex(fields["fingerprint"]) + struct.pack("<Q", total) + extensions
    return data + crc(data)


def payload(
    fields: dict[str, Any], windows: Sequence[Sequence[dict[str, Any]]], couplings: Sequence[dict[str, Any]] = ()
) -> bytes:
    """The payload of a chunk, from the windows and couplings that the reference reader gives."""
    digits = [one_window(fields, channel) for window in windows for channel in window]
    return octets("".join(digits) + "".join(map(coupling, couplings)))


def one_window(fields: dict[str, Any], channel: dict[str, Any]) -> str:
    """The digits of a window of one channel."""
    if fields["family"] == 3:
        return groups(channel["codes"], fields["greatest_code"] + 1)
    if fields["family"] == 2:
        digits = depths(fields, channel["depths"])
    else:
        digits = "".join("1" if expert in channel["experts"] else "0" for expert in range(fields["n_routed"]))
    return digits + "".join(f"{code:0{fields['codebook_bits']}b}" for row in channel["codes"] for code in row)


def groups(codes: Sequence[int], base: int) -> str:
    """The digits of codes of so many kinds, 16 at a time as one number."""
    digits = ""
    for first in range(0, len(codes), 16):
        group = codes[first : first + 16]
        total = sum(code * base**place for place, code in enumerate(reversed(group)))
        digits += number(total, (base ** len(group) - 1).bit_length())
    return digits


def depths(fields: dict[str, Any], listed: Sequence[int]) -> str:
    """The digits of the depths of a window's latents: their width, then each less the least."""
    more = [depth - fields["n_shared"] for depth in listed]
    width = max(more).bit_length()
    return number(width, fields["n_routed"].bit_length().bit_length()) + "".join(number(one, width) for one in more)


def number(value: int, width: int) -> str:
    """Binary digits, `width` of them, which may be none."""
    return f"{value:0{width}b}" if width else ""


def coupling(one: dict[str, Any]) -> str:
    """The digits of a coupling."""
    digits = f"{one['mode']:03b}"
    if one["mode"] == 4:
        digits += f"{one['delay'] % 128:07b}"
        digits += "".join(grid(changes(one[name], name == "phases")) for name in ("levels", "coherences", "phases"))
    return digits


def changes(rows: Sequence[Sequence[int]], modulo: bool) -> list[int]:
    """The change of each number of a grid."""
    found = []
    for slot, row in enumerate(rows):
        for band, number in enumerate(row):
            before = rows[slot - 1][band] if slot else row[band - 1] if band else 0
            found.append((number - before + 3) % 8 - 3 if modulo else number - before)
    return found


def grid(numbers: Sequence[int]) -> str:
    """The digits of a grid, from its changes."""
    digits, run = "", 0
    for number in numbers:
        if number:
            digits += golomb(run, 2) + golomb(abs(number) - 1, 0) + str(int(number < 0))
        run = 0 if number else run + 1
    return digits + (golomb(run, 2) if run else "")


def golomb(number: int, order: int) -> str:
    """An exponential Golomb code."""
    digits = f"{number + 2**order:b}"
    return "0" * (len(digits) - 1 - order) + digits


def octets(digits: str) -> bytes:
    """Binary digits, and zeros up to the next byte; anything else in the text is for the eye."""
    digits = "".join(digit for digit in digits if digit in "01")
    digits += "0" * (-len(digits) % 8)
    return bytes(int(digits[at : at + 8], 2) for at in range(0, len(digits), 8))


def chunk(header_bytes: bytes, index: int, latents: int, content: bytes) -> bytes:
    """A chunk with this payload, and the CRC that its place asks for."""
    body = CHUNK_SYNC + struct.pack("<HH", latents, len(content)) + content
    return body + crc(header_bytes[-4:] + struct.pack("<I", index) + body)


def end(header_bytes: bytes, payloads: Iterable[bytes], total_samples: int, n_chunks: int) -> bytes:
    """The end chunk."""
    body = END_SYNC + struct.pack("<QI", total_samples, n_chunks)
    return body + crc(header_bytes[-4:] + b"".join(payloads) + body)


@dataclass
class Parts:
    """A stream in pieces; `bytes` puts them together with CRCs that match.

    Attributes:
        header: its bytes, CRC included.
        chunks: latents and payload of each.
        total_samples: of the end chunk.
        n_chunks: of the end chunk; None for as many as there are.
    """

    header: bytes
    chunks: list[tuple[int, bytes]]
    total_samples: int
    n_chunks: int | None = None

    @classmethod
    def of(cls, content: dict[str, Any]) -> Parts:
        """From what the reference reader gives."""
        fields = content["header"]
        chunks = [
            (one["latents"], payload(fields, one["windows"], one.get("couplings", ()))) for one in content["chunks"]
        ]
        return cls(header(fields), chunks, content["total_samples"])

    @property
    def chunk_bytes(self) -> list[bytes]:
        """Every chunk, with its CRC."""
        return [chunk(self.header, index, *content) for index, content in enumerate(self.chunks)]

    @property
    def end_bytes(self) -> bytes:
        """The end chunk, with its CRC."""
        n_chunks = len(self.chunks) if self.n_chunks is None else self.n_chunks
        return end(self.header, (content for _, content in self.chunks), self.total_samples, n_chunks)

    def __bytes__(self) -> bytes:
        return self.header + b"".join(self.chunk_bytes) + self.end_bytes


def split(data: bytes) -> Parts:
    """The parts of a stream that is valid."""
    at = int.from_bytes(data[9:11], "little")
    header_bytes, chunks = data[:at], []
    while data[at : at + 2] == CHUNK_SYNC:
        latents, size = struct.unpack("<HH", data[at + 2 : at + 6])
        chunks.append((latents, data[at + 6 : at + 6 + size]))
        at += 10 + size
    total_samples, n_chunks = struct.unpack("<QI", data[at + 2 : at + 14])
    return Parts(header_bytes, chunks, total_samples, n_chunks)


def reseal(data: bytes) -> bytes:
    """The bytes with corrected CRCs as far as they look like a stream; nothing else changes."""
    out = bytearray(data)
    at = int.from_bytes(data[9:11], "little")
    if not 15 <= at <= len(data):
        return data
    out[at - 4 : at] = crc(out[: at - 4])
    seed = payloads = bytes(out[at - 4 : at])
    index = 0
    while out[at : at + 2] == CHUNK_SYNC and (end := at + 6 + int.from_bytes(out[at + 4 : at + 6], "little")) < len(
        out
    ):
        out[end : end + 4] = crc(seed + struct.pack("<I", index) + out[at:end])[: len(out) - end]
        payloads += out[at + 6 : end]
        at, index = end + 4, index + 1
    if out[at : at + 2] == END_SYNC and len(out) >= at + 18:
        out[at + 14 : at + 18] = crc(payloads + out[at : at + 14])
    return bytes(out)
