"""The figures of docs/reliability.md that need no model: python benchmarks/reliability.py [--quick] [--hostile]

Every vector and a long made-up stream are damaged in every way; hostile streams of a megabyte are read with the memory
and the time measured in a process of their own.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "formats")]

import naive_writer
import reference_reader
from mutants import mutants

from swc.bitstream import (
    MAGIC,
    Chunk,
    DepthWindow,
    Header,
    Layout,
    RevqLayout,
    SalvageReader,
    Stream,
    StreamReader,
    StreamWriter,
    VrvqLayout,
    Window,
)
from swc.cli.inspect import describe
from swc.errors import FormatError

VECTORS = sorted((ROOT / "formats" / "vectors").glob("*/*.swc"))
GOOD = [path.read_bytes() for path in VECTORS if path.parent.name != "faulty"]
MEGABYTE = 1 << 20
TINY = {"model_rate": 8000, "source_rate": 8000, "hop": 4, "gain_q8": 0, "channels": 1, "codebook_bits": 2}
TINY |= {"fingerprint": bytes(8)}


def refused(data: bytes) -> bool:
    """Whether both readers refuse; anything but their own errors is a crash and ends the run."""
    try:
        Stream.from_bytes(data)
        mine = False
    except FormatError:
        mine = True
    try:
        reference_reader.read(data)
        reference = False
    except reference_reader.SwcFault:
        reference = True
    if mine != reference:
        raise AssertionError(f"the readers disagree on {data.hex()}")
    return mine


def long_stream(seed: int = 0, fingerprint: bytes = b"reliable") -> Stream:
    """A minute as swc-44k would code it at 2.67 kbit/s, of random codes."""
    rng = np.random.default_rng(seed)
    total = 60 * 44100
    header = Header(44100, 44100, 1, 2048, 0, 22, 4, RevqLayout(1, 35, 10), fingerprint, total)
    latents = -(-total // 2048)
    chunks = []
    for start in range(0, latents, 88):
        lengths = [min(22, latents - start - first) for first in range(0, min(88, latents - start), 22)]
        windows = []
        for length in lengths:
            experts = tuple(sorted(rng.choice(35, 11, replace=False).tolist()))
            windows.append((Window(experts, rng.integers(0, 1024, (12, length), dtype=np.uint16)),))
        chunks.append(Chunk(sum(lengths), tuple(windows)))
    return Stream(header, tuple(chunks), total)


def truncations() -> tuple[int, int]:
    caught = tried = 0
    for data in GOOD:
        for size in range(len(data)):
            caught += refused(data[:size])
            tried += 1
    return caught, tried


def header_flips() -> tuple[int, int]:
    caught = tried = 0
    for data in GOOD:
        for bit in range(8 * int.from_bytes(data[9:11], "little")):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            caught += refused(bytes(flipped))
            tried += 1
    return caught, tried


def corruptions(rng: random.Random, count: int) -> Iterator[bytes]:
    """Bodies with flipped bits, bursts, zeroed or replaced stretches, never unchanged."""
    bodies = [data for data in GOOD if len(data) < 2000] + [long_stream().to_bytes()]
    while count:
        whole = rng.choice(bodies)
        body = bytearray(whole)
        start = rng.randrange(int.from_bytes(whole[9:11], "little"), len(whole))
        how = rng.randrange(4)
        if how == 0:
            for _ in range(rng.choice((1, 2, 3, 8))):
                body[rng.randrange(start, len(body))] ^= 1 << rng.randrange(8)
        else:
            size = min(len(body) - start, rng.choice((1, 2, 4, 16, 200)))
            body[start : start + size] = bytes(size) if how == 1 else rng.randbytes(size)
        if body != whole:
            count -= 1
            yield bytes(body)


def detected(data: bytes) -> bool:
    try:
        Stream.from_bytes(data)
    except FormatError:
        return True
    return False


def rearrangements(rng: random.Random, count: int) -> tuple[int, int]:
    """Whole chunks inserted, deleted, swapped, repeated, or pasted from other streams with and without this header."""
    parts = naive_writer.split(long_stream().to_bytes())
    donors = [naive_writer.split(long_stream(1, print_).to_bytes()) for print_ in (b"reliable", b"another!")]
    mine, foreign = parts.chunk_bytes, [donor.chunk_bytes for donor in donors]
    caught = tried = 0
    while tried < count:
        chunks, at = list(mine), rng.randrange(len(mine))
        how = rng.randrange(5)
        if how == 0:
            chunks.insert(at, rng.choice(rng.choice(foreign)))
        elif how == 1:
            del chunks[at]
        elif how == 2:
            other = rng.randrange(len(mine))
            chunks[at], chunks[other] = chunks[other], chunks[at]
        elif how == 3:
            chunks.insert(at, chunks[at])
        else:
            chunks[at] = rng.choice(foreign)[at]
        if chunks != mine:
            tried += 1
            caught += detected(parts.header + b"".join(chunks) + parts.end_bytes)
    return caught, tried


def agreement(rng: random.Random, count: int, family: int | None = None) -> tuple[int, int]:
    """Mutants of streams of a family or all, most with corrected CRCs; the number tried, and the number of valid."""
    small = [data for data in GOOD if len(data) < 2000 and family in (None, data[11] >> 4)]
    variants = [mutants(seed, rng, rng.sample(small, 3)) for seed in small]
    valid = 0
    for _ in range(count):
        data = next(rng.choice(variants))
        if not refused(data):
            valid += 1
            content = reference_reader.read(data)
            codes = [w["codes"] for c in content["chunks"] for row in c["windows"] for w in row]
            stream = Stream.from_bytes(data)
            if [code_rows(w) for c in stream.chunks for row in c.windows for w in row] != codes:
                raise AssertionError(f"the readers read different codes from {data.hex()}")
    return count, valid


def code_rows(window: Window | DepthWindow | tuple[int, ...]) -> list[Any]:
    """The codes of each codebook; of family 3, which has one, its codes."""
    if isinstance(window, tuple):
        return list(window)
    rows = window.codes if isinstance(window, Window) else window.rows()
    return [row.tolist() for row in rows]


def filled(latents: int, payload: bytes, family: type[Layout] = RevqLayout, **fields: int) -> bytes:
    """A valid stream of a megabyte, of copies of one chunk."""
    fp = io.BytesIO()
    fields = TINY | {"minor": family.minor} | fields
    layout = family(*(fields.pop(name) for name in ("n_shared", "n_routed", "codebook_bits")))
    header = StreamWriter(fp, Header(**fields, layout=layout)).header
    count = (MEGABYTE - len(fp.getvalue()) - 18) // (len(payload) + 10)
    parts = [(latents, payload)] * count
    return bytes(naive_writer.Parts(fp.getvalue(), parts, header.samples_for(latents * count)))


def hostile() -> dict[str, bytes]:
    """Streams of a megabyte that are as expensive as possible for a reader."""
    code = {"n_shared": 1, "n_routed": 0, "window": 1, "windows_per_chunk": 1}
    empty = filled(1, b"", **code)[:48]
    lying = empty[:36] + (2**40).to_bytes(8, "little")
    wide = filled(1, b"", n_shared=0, n_routed=2, codebook_bits=4, window=32640, windows_per_chunk=2)[:48]
    return {
        "a code a chunk": filled(1, b"\x40", **code),
        "masks without codes": filled(2, b"\0", n_shared=0, n_routed=3, window=1, windows_per_chunk=2),
        "255 windows a chunk": filled(255, bytes(2040), n_shared=0, n_routed=64, window=1, windows_per_chunk=255),
        "2-bit codes": filled(65535, bytes(16384), **(code | {"window": 65535})),
        "all of 255 experts": filled(
            1, b"\xff" * 95 + b"\xf8", n_shared=0, n_routed=255, window=1, windows_per_chunk=1
        ),
        "a depth a chunk": filled(1, b"\x40", VrvqLayout, **(code | {"n_routed": 1})),
        "2-bit codes, depth 1": filled(52428, bytes(13108), VrvqLayout, **(code | {"n_routed": 1, "window": 52428})),
        "2^40 samples claimed": lying + naive_writer.crc(lying) + bytes(MEGABYTE - 48),
        "false syncs": wide + b"\xc5\x5c" * ((MEGABYTE - 48) // 2),
        "zeros": bytes(MEGABYTE),
        "magic alone": MAGIC * (MEGABYTE // 8),
    }


def read_all(data: bytes) -> None:
    for _ in StreamReader(io.BytesIO(data)):
        pass


def salvage_all(data: bytes) -> None:
    for _ in SalvageReader(io.BytesIO(data)):
        pass


WAYS: dict[str, Callable[[bytes], object]] = {
    "StreamReader": read_all,
    "Stream": Stream.from_bytes,
    "inspect": lambda data: describe(Stream.from_bytes(data)),
    "SalvageReader": salvage_all,
}


def measure(path: str, way: str) -> None:
    """In a process of its own: peak memory above that before, in MiB, and seconds of processor time."""
    data = Path(path).read_bytes()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    with contextlib.suppress(FormatError):
        WAYS[way](data)
    seconds = time.process_time() - started
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, seconds)


def measured(path: Path, way: str) -> tuple[float, float]:
    command = [sys.executable, __file__, "--measure", str(path), way]
    memory, seconds = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(memory), float(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the random damage")
    parser.add_argument("--hostile", action="store_true", help="only what hostile streams cost")
    parser.add_argument("--mutants", type=int, metavar="N", help="only so many mutants, read by both readers")
    parser.add_argument("--family", type=int, help="of the streams that --mutants starts from: 1 revq, 2 vrvq, 3 fsq")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        measure(*args.measure)
        return
    if args.mutants:
        tried, valid = agreement(random.Random(1), args.mutants, args.family)
        print(f"both readers agree on {tried} mutants, {valid} of them valid")
        return
    if not args.hostile:
        damage(2_000 if args.quick else 200_000)
    costs()


def damage(count: int) -> None:
    """Refusals and agreement, with so many random corruptions."""
    rng = random.Random(1)
    print("refused, of")
    print("  truncations        {:>8} {:>8}".format(*truncations()))
    print("  header bit flips   {:>8} {:>8}".format(*header_flips()))
    print(f"  body corruptions   {sum(map(detected, corruptions(rng, count))):>8} {count:>8}")
    print("  chunks rearranged  {:>8} {:>8}".format(*rearrangements(rng, count // 40)))
    tried, valid = agreement(rng, count // 4)
    print(f"both readers agree on {tried} mutants, {valid} of them valid")


def costs() -> None:
    """Memory and time of hostile streams; nothing else should run meanwhile."""
    print(f"a megabyte of        {' '.join(f'{way:>20}' for way in WAYS)}")
    with tempfile.NamedTemporaryFile() as file:
        for name, data in hostile().items():
            Path(file.name).write_bytes(data)
            cells = [measured(Path(file.name), way) for way in WAYS]
            print(f"  {name:<20}" + " ".join(f"{memory:>8.0f} MiB {seconds:>5.2f} s" for memory, seconds in cells))


if __name__ == "__main__":
    main()
