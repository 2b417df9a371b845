"""The vectors, the reference reader and the product's reader agree."""

from __future__ import annotations

import ast
import itertools
import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from format_scripts import FORMATS, generate_vectors, mutants, reference_reader

from swc.bitstream import LIMITS, Coupling, DepthWindow, Header, Stream, Window
from swc.errors import (
    ChecksumError,
    FormatError,
    LimitError,
    NotSwcError,
    SyntaxFormatError,
    TruncatedError,
    VersionError,
)

VECTORS = FORMATS / "vectors"
GOOD = sorted([*(VECTORS / "valid").glob("*.swc"), *(VECTORS / "uncommon").glob("*.swc")])
FAULTS = json.loads((VECTORS / "faulty" / "faults.json").read_bytes())
KINDS = {
    NotSwcError: "not swc",
    VersionError: "version",
    LimitError: "limit",
    ChecksumError: "checksum",
    TruncatedError: "truncated",
    SyntaxFormatError: "syntax",
}
NEVER_OUT_OF_BOUNDS = {
    "minor": "all 16 values of its 4 bits are allowed",
    "gain_q8": "all values of an i16 are allowed",
    "n_shared": "all values of a u8 are allowed",
    "n_routed": "all values of a u8 are allowed",
    "chunks": "4294967296 chunks take 47 GB",
}
NEVER_REACHED = {("chunks", 4294967295): "4294967295 chunks take 47 GB"}
good_files = pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)


def plain(stream: Stream) -> dict[str, Any]:
    """The product's stream, as the reference reader gives one."""
    header = stream.header
    numbers = {**vars(header), **header.layout.fields()}
    numbers = {name: numbers[name] for name in ("minor", "channels", *reference_reader.FIELDS, *header.layout.fields())}
    others = [{"type": e.type, "data": e.data.hex()} for e in header.extensions if e.type != 1 and not e.critical]
    fields = numbers | {"family": header.layout.family, "fingerprint": header.fingerprint.hex()}
    fields |= {"total_samples": header.total_samples, "tags": [list(tag) for tag in header.tags], "extensions": others}
    fields |= {"pairs": [list(pair) for pair in header.pairs]} if header.pairs else {}
    chunks = [
        {
            "latents": chunk.latents,
            "windows": [[plain_window(one) for one in channels] for channels in chunk.windows],
            **({"couplings": [plain_coupling(one, chunk.latents) for one in chunk.couplings]} if header.pairs else {}),
        }
        for chunk in stream.chunks
    ]
    return {"header": fields, "chunks": chunks, "total_samples": stream.total_samples}


def plain_window(window: Window | DepthWindow | tuple[int, ...]) -> dict[str, Any]:
    """The product's window, as the reference reader gives one."""
    if isinstance(window, tuple):
        return {"codes": list(window)}
    if isinstance(window, Window):
        return {"experts": list(window.experts), "codes": window.codes.tolist()}
    return {"depths": window.depths.tolist(), "codes": [row.tolist() for row in window.rows()]}


def plain_coupling(coupling: Coupling, latents: int) -> dict[str, Any]:
    """The product's coupling, as the reference reader gives one."""
    if not coupling.bits:
        return {"mode": coupling.mode}
    delay, *grids = coupling.parameters(-(-latents // 2))
    listed = zip(("levels", "coherences", "phases"), grids, strict=True)
    return {"mode": coupling.mode, "delay": delay, **{name: grid.tolist() for name, grid in listed}}


def product(data: bytes) -> dict[str, Any] | tuple[str, int | None]:
    """What the product's reader gives, or the error and its offset."""
    try:
        return plain(Stream.from_bytes(data))
    except FormatError as error:
        return KINDS[type(error)], error.offset


def reference(data: bytes) -> dict[str, Any] | tuple[str, int | None]:
    """What the reference reader gives, or the error and its offset."""
    try:
        return reference_reader.read(data)
    except reference_reader.SwcFault as fault:
        return fault.kind, fault.offset


def test_generator_writes_the_same_vectors(tmp_path: Path) -> None:
    generate_vectors.write(tmp_path)
    listed = {path.relative_to(VECTORS) for path in VECTORS.rglob("*") if path.is_file()}
    assert {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()} == listed
    for name in listed:
        assert (tmp_path / name).read_bytes() == (VECTORS / name).read_bytes(), name


@good_files
def test_good_vectors(path: Path) -> None:
    data, listed = path.read_bytes(), json.loads(path.with_suffix(".json").read_bytes())
    assert reference(data) == listed
    assert product(data) == listed
    assert Stream.from_bytes(data).to_bytes() == data


@pytest.mark.parametrize("name", FAULTS)
def test_faulty_vectors(name: str) -> None:
    data, fault = (VECTORS / "faulty" / name).read_bytes(), FAULTS[name]
    for kind, offset in (product(data), reference(data)):
        assert kind == fault["error"]
        assert fault["offset"] in (None, offset)


def test_every_fault_is_listed() -> None:
    assert {path.name for path in (VECTORS / "faulty").glob("*.swc")} == set(FAULTS)
    assert {fault["error"] for fault in FAULTS.values()} == set(KINDS.values())


def test_every_limit_is_broken_by_a_vector() -> None:
    broken = {re.match(r"limit-(\w+)", name)[1] for name in FAULTS if name.startswith("limit-")}
    assert broken | set(NEVER_OUT_OF_BOUNDS) == set(LIMITS)
    assert not broken & set(NEVER_OUT_OF_BOUNDS)


def test_every_limit_is_reached_by_a_vector() -> None:
    reached: set[tuple[str, int]] = set()
    for path in GOOD:
        data = path.read_bytes()
        stream = Stream.from_bytes(data)
        header = stream.header
        total = stream.total_samples
        numbers = {**vars(header), **header.layout.fields()}
        names = ("minor", "channels", *reference_reader.FIELDS, *header.layout.fields())
        reached |= {(name, numbers[name]) for name in names}
        reached |= {
            (f"tag_{part}", len(text.encode())) for tag in header.tags for part, text in zip(_KV, tag, strict=True)
        }
        reached |= {("extension_type", one.type) for one in header.extensions}
        reached |= {("total_samples", total), ("chunks", len(stream.chunks)), ("extensions", len(header.extensions))}
        reached |= {("tags", len(header.tags)), ("chunk_latents", header.chunk_latents)}
        reached.add(("header_length", int.from_bytes(data[9:11], "little")))
        if header.layout.name == "fsq":
            continue
        reached.add(("codebooks", header.layout.n_shared + header.layout.n_routed))
        reached.add(("payload_length", _payload(header, header.layout.n_shared + header.layout.n_routed)))
        if header.layout.name == "vrvq":
            reached.add(("least_depth", header.layout.n_shared))
            continue
        if header.pairs:
            reached.add(("slots", -(-header.chunk_latents // 2)))
            continue
        windows = header.windows_per_chunk * header.channels
        reached.add(("bare_windows", windows - _payload(header, header.layout.n_shared) // 8))
    wanted = {(name, bound) for name, bounds in LIMITS.items() for bound in bounds}
    assert wanted - reached == set(NEVER_REACHED)


_KV = ("key", "value")


def _payload(header: Header, codebooks: int) -> int:
    """Bytes of a full chunk with so many codebooks in use."""
    layout = header.layout
    bits = layout.n_routed * header.windows_per_chunk + codebooks * header.chunk_latents * layout.codebook_bits
    return -(-bits * header.channels // 8)


@good_files
def test_every_truncation_is_refused(path: Path) -> None:
    data = path.read_bytes()
    step = 1 + len(data) // 1000
    for size in {*range(0, len(data), step), *range(max(0, len(data) - 30), len(data))}:
        wanted = "truncated" if size else "not swc"
        assert product(data[:size])[0] == reference(data[:size])[0] == wanted


@pytest.mark.slow
@good_files
def test_every_flipped_bit_is_refused(path: Path) -> None:
    data = path.read_bytes()
    length = int.from_bytes(data[9:11], "little")
    header = {*range(48), *range(48, length, 1 + length // 3000)}
    body = range(length, len(data), 1 + len(data) // 300)
    for bit in (8 * offset + bit for offset in header.union(body) for bit in range(8)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        one, two = product(bytes(flipped)), reference(bytes(flipped))
        assert isinstance(one, tuple)
        assert one == two


def test_readers_agree_on_mutants() -> None:
    seeds = [path.read_bytes() for path in GOOD]
    seeds = [seed for seed in seeds if len(seed) < 1000]
    rng = random.Random(0)
    streams = [mutants.mutants(seed, rng, rng.sample(seeds, 3)) for seed in seeds]
    outcomes = []
    for stream in itertools.islice(itertools.cycle(streams), 2000):
        data = next(stream)
        one, two = product(data), reference(data)
        assert one == two, data.hex()
        outcomes.append(one[0] if isinstance(one, tuple) else "valid")
    assert min(outcomes.count(kind) for kind in ("valid", *KINDS.values())) >= 10


def test_reference_reader_stands_alone() -> None:
    source = (FORMATS / "reference_reader.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 300
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= sys.stdlib_module_names
        elif isinstance(node, ast.ImportFrom):
            assert node.module in sys.stdlib_module_names


@pytest.mark.parametrize(("name", "code"), [("valid/example", 0), ("faulty/end-total-more", 3)])
def test_reference_reader_as_a_command(name: str, code: int) -> None:
    path = VECTORS / f"{name}.swc"
    command = [sys.executable, "-I", FORMATS / "reference_reader.py", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    if code:
        assert re.fullmatch(r"syntax: .*\(byte 77\)\n", done.stderr)
    else:
        assert json.loads(done.stdout) == json.loads(path.with_suffix(".json").read_bytes())
