"""How far damage reaches with a real model: python benchmarks/salvage.py RECORDING

Encodes a recording, damages each of its chunks in turn, decodes the rest, and compares with the undamaged decode; then
reads parts of it, and compares those.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import time
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from swc import Codec, Stream
from swc.audio import Audio
from swc.bitstream import CHUNK_OVERHEAD, SalvageReader, StreamReader, header_size


def joined(blocks: object, channels: int) -> Audio:
    return np.concatenate([np.zeros((0, channels), np.float32), *blocks])  # type: ignore[misc]


def chunk_starts(stream: Stream) -> list[int]:
    """Offset of every chunk."""
    data, at, starts = stream.to_bytes(), header_size(stream.header), []
    for _ in stream.chunks:
        starts.append(at)
        at += CHUNK_OVERHEAD + int.from_bytes(data[at + 4 : at + 6], "little")
    return starts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--model", default="swc-44k")
    parser.add_argument("--parts", type=int, default=20, help="how many to read")
    args = parser.parse_args()
    audio, rate = soundfile.read(args.recording, dtype="float32", always_2d=True)
    codec = Codec.load(args.model)
    stream = codec.encode(audio, rate, effort=0)
    data, header = stream.to_bytes(), stream.header
    started = time.perf_counter()
    whole = codec.decode(stream)
    seconds = time.perf_counter() - started
    before, after = codec.decoder(header).overlap
    chunk = header.chunk_latents * header.hop / header.model_rate
    print(f"{stream.duration:.1f} s, {len(stream.chunks)} chunks of {chunk:.2f} s, {rate} Hz")
    print(f"stated overlap: {before:.3f} s before a chunk, {after:.3f} s after it")

    reach = [0.0, 0.0]
    for index, start in enumerate(chunk_starts(stream)):
        damaged = bytearray(data)
        damaged[start + 20] ^= 1
        left = joined(codec.decode_blocks(SalvageReader(io.BytesIO(damaged))), whole.shape[1])
        if left.shape != whole.shape:
            raise AssertionError("the length changed")
        changed = np.flatnonzero((left != whole).any(1)) / rate
        reach = [max(reach[0], index * chunk - changed[0]), max(reach[1], changed[-1] - (index + 1) * chunk)]
    print(f"changed at most: {reach[0]:.3f} s before, {reach[1]:.3f} s after")
    if reach[0] > before or reach[1] > after:
        raise AssertionError("damage reaches further than stated")

    rng, slowest = random.Random(0), 0.0
    for _ in range(args.parts):
        start = rng.randrange(len(whole) - 1)
        stop = min(len(whole), start + rng.randrange(1, 5 * rate))
        started = time.perf_counter()
        part = joined(codec.decode_blocks(StreamReader(io.BytesIO(data)), start=start, stop=stop), whole.shape[1])
        slowest = max(slowest, time.perf_counter() - started)
        if not np.array_equal(part, whole[start:stop]):
            raise AssertionError("a part differs from the whole")
    print(
        f"{args.parts} parts of up to 5 s equal the whole; the slowest took {slowest:.2f} s, the whole {seconds:.2f} s"
    )


if __name__ == "__main__":
    main()
