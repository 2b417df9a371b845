"""Endless variants of a valid stream: damaged bytes, and damage under CRCs that match, to get past them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import naive_writer

Mutation = Callable[[bytes, random.Random, Sequence[bytes]], bytes]

FIELDS = (
    *((8, 1), (9, 2), (11, 1), (12, 3), (15, 3), (18, 2), (20, 2), (22, 2), (24, 1), (25, 1), (26, 1), (27, 1)),
    *((28, 8), (36, 8)),
)
"""Offset and size of the header's numbers after the magic."""


def mutants(seed_bytes: bytes, rng: random.Random, others: Sequence[bytes] = ()) -> Iterator[bytes]:
    """Variants of a valid stream, without end; some of them are valid too.

    Args:
        seed_bytes: the stream.
        rng: makes every choice.
        others: valid streams that pieces may be pasted from.
    """
    donors = [seed_bytes, *others]
    while True:
        data = rng.choice(_MUTATIONS)(seed_bytes, rng, donors)
        for _ in range(rng.choice((0, 0, 0, 1, 3))):
            data = rng.choice(_RAW)(data, rng, donors)
        yield data


def _change_bytes(data: bytes, rng: random.Random, donors: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8)) if data else 0):
        changed[rng.randrange(len(data))] ^= rng.choice((1 << rng.randrange(8), rng.randrange(1, 256)))
    return bytes(changed)


def _insert(data: bytes, rng: random.Random, donors: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + _piece(rng.choice([*donors, rng.randbytes(64)]), rng) + data[at:]


def _delete(data: bytes, rng: random.Random, donors: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.choice((1, 2, 4, 16, 256)) :]


def _overwrite(data: bytes, rng: random.Random, donors: Sequence[bytes]) -> bytes:
    at, piece = rng.randrange(len(data) + 1), _piece(rng.choice(donors), rng)
    return data[:at] + piece + data[at + len(piece) :]


def _cut(data: bytes, rng: random.Random, donors: Sequence[bytes]) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _set_field(data: bytes, rng: random.Random, donors: Sequence[bytes]) -> bytes:
    """A number of the header."""
    parts = naive_writer.split(data)
    header = bytearray(parts.header[:-4])
    for _ in range(rng.choice((1, 1, 1, 2))):
        offset, size = rng.choice(FIELDS)
        header[offset : offset + size] = _number(header[offset : offset + size], rng)
    return _sealed(replace(parts, header=bytes(header)))


def _set_end(data: bytes, rng: random.Random, donors: Sequence[bytes]) -> bytes:
    """The numbers of the end chunk; now and then the header's total changes too."""
    parts = naive_writer.split(data)
    total = rng.choice((parts.total_samples, max(0, parts.total_samples + rng.randint(-9, 9)), rng.getrandbits(64)))
    n_chunks = rng.choice((parts.n_chunks, parts.n_chunks, rng.getrandbits(32)))
    header = parts.header[:-4]
    if rng.random() < 0.5:
        header = header[:36] + total.to_bytes(8, "little") + header[44:]
    return _sealed(replace(parts, header=header, total_samples=total, n_chunks=n_chunks))


def _set_chunk(data: bytes, rng: random.Random, donors: Sequence[bytes]) -> bytes:
    """Latents or payload of a chunk."""
    parts = naive_writer.split(data)
    if not parts.chunks:
        return _set_end(data, rng, donors)
    at = rng.randrange(len(parts.chunks))
    latents, payload = parts.chunks[at]
    how = rng.randrange(4)
    if how == 0:
        latents = int.from_bytes(_number(latents.to_bytes(2, "little"), rng), "little")
    elif how == 1:
        payload = rng.choice((payload[:-1], payload + b"\0", payload[1:], b"", payload + _piece(payload, rng)))[:65535]
    else:
        payload = _change_bytes(payload, rng, donors)
    parts.chunks[at] = (latents, payload)
    return _sealed(parts)


def _set_extensions(data: bytes, rng: random.Random, donors: Sequence[bytes]) -> bytes:
    """The extensions' bytes: those of another stream, a new one, or damaged ones."""
    parts = naive_writer.split(data)
    old = parts.header[44:-4]
    how = rng.randrange(4)
    if how == 0:
        new = naive_writer.split(rng.choice(donors)).header[44:-4]
    elif how == 1:
        kind = rng.choice((0, 1, 2, 32767, rng.getrandbits(15))) | rng.choice((0, 0, 0, naive_writer.CRITICAL))
        added = naive_writer.extension(kind, rng.randbytes(rng.randrange(6)))
        new = rng.choice((old + added, added + old))
    elif how == 2:
        entries = [(rng.choice((b"TITLE", b"A", b"", b"a")), rng.randbytes(rng.randrange(3))) for _ in range(2)]
        new = naive_writer.extension(1, naive_writer.tags(entries))
    else:
        new = rng.choice((_change_bytes, _insert, _delete))(old, rng, donors)
    new = new[:16336]
    header = parts.header[:9] + (48 + len(new)).to_bytes(2, "little") + parts.header[11:44] + new
    return _sealed(replace(parts, header=header))


def _arrange(data: bytes, rng: random.Random, donors: Sequence[bytes]) -> bytes:
    """Chunks in another order, repeated, dropped, or from another stream; with their old CRCs, or correct ones."""
    parts = naive_writer.split(data)
    other = naive_writer.split(rng.choice(donors))
    reseal = rng.random() < 0.5
    pieces = list(parts.chunks if reseal else parts.chunk_bytes)
    foreign = list(other.chunks if reseal else other.chunk_bytes)
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(pieces) + 1)
        how = rng.randrange(4)
        if how == 0 and pieces:
            rng.shuffle(pieces)
        elif how == 1:
            del pieces[at : at + 1]
        elif how == 2 and foreign:
            pieces[at : at + rng.randrange(2)] = [rng.choice(foreign)]
        else:
            pieces[at:at] = pieces[-1:]
    if reseal:
        n_chunks = rng.choice((None, parts.n_chunks))
        return _sealed(replace(parts, header=parts.header[:-4], chunks=pieces, n_chunks=n_chunks))
    return parts.header + b"".join(pieces) + rng.choice((parts, other)).end_bytes


def _sealed(parts: naive_writer.Parts) -> bytes:
    """The stream with CRCs that match; the header comes without one."""
    return bytes(replace(parts, header=parts.header + naive_writer.crc(parts.header)))


def _number(old: bytes, rng: random.Random) -> bytes:
    """A number of the same size: close by, at an end of the range, or any."""
    size, value = len(old), int.from_bytes(old, "little")
    greatest = 256**size - 1
    near = min(max(0, value + rng.choice((-1, 1, -16, 16))), greatest)
    new = rng.choice((near, near, value ^ 1 << rng.randrange(8 * size), 0, 1, greatest, rng.getrandbits(8 * size)))
    return new.to_bytes(size, "little")


def _piece(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[at : at + rng.choice((1, 2, 4, 16, 64))]


_RAW: tuple[Mutation, ...] = (_change_bytes, _insert, _delete, _overwrite, _cut)
_MUTATIONS: tuple[Mutation, ...] = (
    *_RAW,
    *(_set_field, _set_field, _set_end, _set_chunk, _set_chunk, _set_chunk, _set_extensions, _set_extensions),
    *(_arrange, _arrange),
)
