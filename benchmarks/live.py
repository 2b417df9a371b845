"""Live audio: speed on one core, chunk by chunk; streaming against files; latency on a pipe that is fed in real time.

python benchmarks/live.py [MODEL]
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from importlib import resources

import numpy as np
import soundfile
import soxr
import torch

from swc import Codec
from swc.codec.options import DEFAULT_LIVE_MODEL

RATE, SECONDS, PACKET = 24000, 10, 120  # Hz; of the recording; samples fed at a time: 5 ms
BURSTS, WARM = 12, 2.0  # a burst a second, after seconds that are heard before the clock starts


def recording() -> np.ndarray:
    """The demo at RATE, (samples,)."""
    with resources.as_file(resources.files("swc") / "data" / "demo.flac") as path:
        audio, rate = soundfile.read(path, dtype="float32")
    return np.resize(soxr.resample(audio, rate, RATE), RATE * SECONDS)


def speed(codec: Codec, effort: int) -> None:
    """Print how long each chunk takes."""
    audio = recording()
    encoder, decoder = codec.encode_stream(RATE, effort=effort), codec.decode_stream()
    step = encoder.header.chunk_latents * encoder.header.hop
    took: dict[str, list[float]] = {"encode": [], "decode": []}
    decoded = []
    for start in range(0, len(audio), step):
        began = time.thread_time()  # of the processor: other processes do not count
        data = encoder.push(audio[start : start + step])
        middle = time.thread_time()
        decoded.append(decoder.push(data))
        took["encode"].append(middle - began)
        took["decode"].append(time.thread_time() - middle)
    decoded += [decoder.push(encoder.flush()), decoder.flush()]
    for name, seconds in took.items():
        times = 1000 * np.array(seconds[20:])
        print(
            f"{name}, effort {effort}: {times.mean():.2f} ms of {1000 * step / RATE:.0f} ms, "
            f"{1000 * step / RATE / times.mean():.1f} x real time; the slowest of 100 {np.percentile(times, 99):.1f} ms"
        )
    stream = codec.encode(audio, RATE, effort=effort, live=True)
    whole = codec.decode(stream)
    live = np.concatenate([part for part in decoded if part.size])
    print(f"streaming against files: audio differs by {np.abs(live[: len(whole)] - whole).max():.1g} at most")


def latency(model: str) -> None:
    """Print when bursts come out of two processes, that are fed in real time, after they went in."""
    rng = np.random.default_rng(0)
    audio = 0.001 * rng.standard_normal(int(RATE * (WARM + BURSTS + 1)))
    onsets = [int(RATE * (WARM + number)) + int(rng.integers(RATE // 2)) for number in range(BURSTS)]
    for onset in onsets:
        audio[onset : onset + RATE // 10] += 0.3 * rng.standard_normal(RATE // 10)
    pcm = (audio.clip(-1, 1) * 32767).astype("<i2").tobytes()
    swc, environment = [sys.executable, "-m", "swc"], {**os.environ, "OMP_NUM_THREADS": "1"}
    options = ["--live", "--raw", "-q", "--model", model]
    encode = [*swc, "encode", *options, "--rate", str(RATE), "--channels", "1", "-", "-"]
    with (
        subprocess.Popen(encode, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as encoder,
        subprocess.Popen(
            [*swc, "decode", *options, "-", "-"], stdin=encoder.stdout, stdout=subprocess.PIPE, env=environment
        ) as decoder,
    ):
        arrivals: list[tuple[float, int]] = []  # times, and samples so far
        heard = bytearray()

        def listen() -> None:
            assert decoder.stdout
            while data := os.read(decoder.stdout.fileno(), 1 << 16):
                heard.extend(data)
                arrivals.append((time.perf_counter(), len(heard) // 2))

        listener = threading.Thread(target=listen)
        listener.start()
        assert encoder.stdin
        first = int(RATE * WARM) // PACKET * PACKET
        encoder.stdin.write(pcm[: 2 * first])
        encoder.stdin.flush()
        while len(heard) < first:  # half of it: both processes have started
            time.sleep(0.1)
        time.sleep(1.0)
        began = time.perf_counter() - first / RATE
        for start in range(first, len(audio), PACKET):
            due = began + (start + PACKET) / RATE  # when a microphone has them
            time.sleep(max(0.0, due - time.perf_counter()))
            encoder.stdin.write(pcm[2 * start : 2 * (start + PACKET)])
            encoder.stdin.flush()
        encoder.stdin.close()
        listener.join()
    out = np.frombuffer(bytes(heard), "<i2") / 32768
    late = []
    for onset in onsets:
        loud = np.abs(out[onset - RATE // 20 : onset + RATE // 20]) > 0.05
        place = onset - RATE // 20 + int(loud.argmax())
        out_at = next(at for at, samples in arrivals if samples > place)
        late.append((1000 * (out_at - began - onset / RATE), 1000 * (place - onset) / RATE))
    times, places = np.array(late).T
    print(f"bursts heard {times.min():.0f} to {times.max():.0f} ms after they were made, median {np.median(times):.0f}")
    print(f"(in the output they begin {places.min():.1f} to {places.max():.1f} ms after their place in the input)")


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else DEFAULT_LIVE_MODEL
    torch.set_num_threads(1)
    codec = Codec.load(model)
    promised = 1000 * (codec.config.live_latency or 0)
    print(f"{codec.name}: {promised:.0f} ms algorithmic; one thread, {RATE} Hz, a packet of 5 ms at a time")
    for effort in (0, 1):
        speed(codec, effort)
    latency(model)


if __name__ == "__main__":
    main()
