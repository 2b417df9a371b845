"""Files of tokens: codes in formats that can be read without swc, numpy's .npz and JSON lines.

Both hold the header's bytes and the number of samples, so that they can become the same stream again.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from bitarray import bitarray
from numpy.typing import NDArray

from swc.bitstream.coupling import Couplings, pack_couplings, slots_in, unpack_couplings
from swc.bitstream.header import encode_header
from swc.bitstream.layouts import Codes
from swc.bitstream.reader import read_header
from swc.bitstream.source import Source
from swc.bitstream.stream import Stream
from swc.bitstream.structure import Header
from swc.bitstream.tokens import chunks_of, samples_of
from swc.errors import FormatError

VERSION = 1
KIND = "swc_tokens"
"""The key under which both formats state their version."""
ZIP_MAGIC, JSON_MAGIC = b"PK\x03\x04", b"{"
_JSON_START = f'{{"{KIND}"'.encode()


def to_npz(stream: Stream) -> bytes:
    """Codes, mask and their properties as an .npz of plain arrays."""
    file = io.BytesIO()
    facts = {**_facts(stream), "header": np.frombuffer(encode_header(stream.header), np.uint8)}
    if stream.header.pairs:
        facts["couplings"] = np.frombuffer(_packed(stream), np.uint8)
    np.savez_compressed(file, codes=stream.codes(), mask=stream.mask(), **facts)
    return file.getvalue()


def to_jsonl(stream: Stream) -> bytes:
    """A line of properties, then a line for each window of each channel, with the stages that it uses."""
    couplings = {"couplings": _packed(stream).hex()} if stream.header.pairs else {}
    lines = [json.dumps({**_facts(stream), "header": encode_header(stream.header).hex(), **couplings})]
    codes, window = stream.codes(), stream.header.window
    for latent in range(0, codes.shape[2], window):
        for channel, stages in enumerate(codes[:, :, latent : latent + window]):
            used = np.flatnonzero((stages >= 0).any(1))
            place = {"channel": channel, "latent": latent}
            lines.append(json.dumps({**place, "stages": used.tolist(), "codes": stages[used].tolist()}))
    return ("\n".join(lines) + "\n").encode()


def from_tokens(data: bytes) -> Stream:
    """The stream in a file made by `to_npz` or `to_jsonl`.

    Raises:
        FormatError: the file is damaged, truncated, or of another kind.
        InputError: codes that this stream cannot have.
    """
    if data.startswith(ZIP_MAGIC):
        return _from_npz(data)
    if data.startswith(JSON_MAGIC):
        return _from_jsonl(data)
    raise FormatError("this is neither a .swc stream nor a file of tokens that `swc tokens` made")


def is_tokens(fp: BinaryIO) -> bool:
    """Whether a seekable file begins like those of `to_npz` or `to_jsonl`."""
    if fp.read(len(_JSON_START)) == _JSON_START:
        return True
    try:
        return f"{KIND}.npy" in zipfile.ZipFile(fp).namelist()
    except (zipfile.BadZipFile, OSError):
        return False


def _facts(stream: Stream) -> dict[str, Any]:
    """The properties that a reader of the codes needs, as plain numbers."""
    header = stream.header
    return {
        KIND: VERSION,
        "total_samples": stream.total_samples,
        "sample_rate": header.source_rate,
        "latents_per_second": header.model_rate / header.hop,
        "window": header.window,
        "codebook_sizes": list(header.layout.codebook_sizes),
    }


def _from_npz(data: bytes) -> Stream:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            _check_version(int(file[KIND]))
            codes, total = file["codes"], int(file["total_samples"])
            header = _header(file["header"].astype(np.uint8).tobytes())
            packed = file["couplings"].astype(np.uint8).tobytes() if header.pairs else b""
    except FormatError:
        raise
    except KeyError as error:
        raise FormatError(f"the .npz lacks an array, {error.args[0]}; make it again with `swc tokens`") from None
    except (ValueError, TypeError, EOFError, OSError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise FormatError(f"the .npz is damaged or not one of tokens: {error}; make it again") from None
    couplings = _couplings(header, total, packed) if header.pairs else None
    return Stream.from_codes(codes, header, total, couplings)


def _from_jsonl(data: bytes) -> Stream:
    lines = enumerate(data.splitlines(), 1)
    facts = _parsed(*next(lines))
    _check_version(facts.get(KIND))
    total = facts.get("total_samples")
    header = _header(_hex(facts, "header"))
    if type(total) is not int or total < 0:
        raise FormatError('line 1 has no "total_samples", a whole number; copy it from the original file')
    latents = header.latents_for(total)
    couplings = _couplings(header, total, _hex(facts, "couplings")) if header.pairs else None
    chunks = chunks_of(header, _windows(header, latents, lines), couplings)
    for number, line in lines:
        if line.strip():
            raise FormatError(f"line {number} is beyond the {latents} latents of the stream; remove it")
    return Stream(header, chunks, samples_of(header, sum(chunk.latents for chunk in chunks), total))


def _packed(stream: Stream) -> bytes:
    """The couplings of all chunks as in the payloads, in sequence, padded to a byte."""
    bits = bitarray(endian="big")
    for chunk in stream.chunks:
        bits += pack_couplings(chunk.couplings, slots_in(chunk.latents))
    return bits.tobytes()


def _couplings(header: Header, total_samples: int, packed: bytes) -> list[Couplings]:
    """The couplings of all chunks."""
    bits, at, couplings = bitarray(endian="big"), 0, []
    bits.frombytes(packed)
    latents = header.latents_for(total_samples)
    for start in range(0, latents, header.chunk_latents):
        slots = slots_in(min(header.chunk_latents, latents - start))
        some, at = unpack_couplings(bits, at, len(header.pairs), slots)
        couplings.append(some)
    return couplings


def _hex(facts: dict[str, Any], name: str) -> bytes:
    """The bytes under this key of line 1."""
    try:
        return bytes.fromhex(facts[name])
    except (KeyError, TypeError, ValueError):
        raise FormatError(f'line 1 has no "{name}" of hexadecimal digits; copy it from the original file') from None


def _windows(header: Header, latents: int, lines: Iterator[tuple[int, bytes]]) -> Iterator[list[Codes]]:
    """The codes (stages, latents) of each channel, window by window, for the expected number of latents."""
    for start in range(0, latents, header.window):
        size, channels = min(header.window, latents - start), []
        for channel in range(header.coded_channels):
            number, line = next(lines, (0, b""))
            if not number:
                raise FormatError(
                    f"the file is cut off: no line for channel {channel}, latent {start}, of {latents} latents"
                )
            fields = _parsed(number, line)
            if (fields.get("channel"), fields.get("latent")) != (channel, start):
                raise FormatError(f"line {number} must be that of channel {channel}, latent {start}; keep the order")
            channels.append(_codes(header, fields, size, number))
        yield channels


def _codes(header: Header, fields: dict[str, Any], size: int, number: int) -> NDArray[np.int64]:
    """The codes (stages, size) of a line."""
    stages = len(header.layout.codebook_sizes)
    codes = np.full((stages, size), -1, np.int64)
    used, rows = fields.get("stages"), fields.get("codes")
    if not isinstance(used, list) or any(type(stage) is not int for stage in used) or sorted(set(used)) != used:
        raise FormatError(f'line {number}: "stages" must be ascending whole numbers')
    if used and not 0 <= used[0] <= used[-1] < stages:
        raise FormatError(f'line {number}: "stages" must be 0 to {stages - 1}')
    if not used and rows == []:
        return codes
    try:
        grid = np.array(rows)
    except ValueError:  # rows of different lengths
        grid = np.zeros(0)
    if grid.dtype.kind != "i" or grid.shape != (len(used), size):
        raise FormatError(f'line {number}: "codes" must be {size} whole numbers for each of its {len(used)} stages')
    codes[used] = grid
    return codes


def _parsed(number: int, line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise FormatError(f"line {number} is not JSON; is the file cut off?") from None
    if not isinstance(fields, dict):
        raise FormatError(f"line {number} must be a JSON object")
    return fields


def _check_version(version: object) -> None:
    if version != VERSION:
        raise FormatError(f"{KIND} is {version}, this version reads {VERSION}: not a file of tokens, or a newer one")


def _header(data: bytes) -> Header:
    source = Source(io.BytesIO(data))
    header, used = read_header(source)
    if len(used) < len(data):
        raise FormatError("there are bytes after the end of the header; copy it from the original file")
    return header
