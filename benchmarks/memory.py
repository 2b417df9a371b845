"""Peak memory of `swc encode` and `swc decode` for a short and a long recording.

python benchmarks/memory.py [MINUTES_SHORT MINUTES_LONG]      (1 and 120 if left out)
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from importlib import resources
from pathlib import Path

import numpy as np
import soundfile

SECOND = 44100


def measured(*args: str | Path) -> tuple[float, float]:
    """Wall-clock seconds of one run of the command line, and MiB of its largest process at its peak."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "swc", *map(str, args), "--quiet"])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"swc {' '.join(map(str, args))} failed")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def write_recording(path: Path, seconds: float) -> None:
    """The bundled recording, over and over, as WAV."""
    with resources.as_file(resources.files("swc") / "data" / "demo.flac") as demo:
        minute = np.resize(soundfile.read(demo, dtype="int16")[0], 60 * SECOND)
    left = round(seconds * SECOND)
    with soundfile.SoundFile(path, "w", SECOND, 1, "PCM_16") as file:
        while left > 0:
            file.write(minute[:left])
            left -= len(minute)


def main() -> None:
    for minutes in [float(a) for a in sys.argv[1:3]] or [1.0, 120.0]:
        with tempfile.TemporaryDirectory() as folder:
            wav, coded, back = (Path(folder, name) for name in ("in.wav", "coded.swc", "back.wav"))
            write_recording(wav, 60 * minutes)
            _, encode = measured("encode", wav, coded)
            _, decode = measured("decode", coded, back)
            same = soundfile.info(wav).frames == soundfile.info(back).frames
            print(f"{minutes:g} min: encode {encode:.0f} MiB, decode {decode:.0f} MiB, same length: {same}", flush=True)


if __name__ == "__main__":
    main()
