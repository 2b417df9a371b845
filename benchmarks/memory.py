"""Peak memory of `swc encode` and `swc decode` for a short and a long recording.

python benchmarks/memory.py [MINUTES_SHORT MINUTES_LONG]      (1 and 120 if left out)
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

import numpy as np
import soundfile


def peak_mib(*args: str) -> float:
    """Peak resident memory in MiB of one run of the command line."""
    process = subprocess.Popen([sys.executable, "-m", "swc", *args, "--quiet"])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"swc {' '.join(args)} failed")
    return usage.ru_maxrss / 1024


def main() -> None:
    minutes = [float(a) for a in sys.argv[1:3]] or [1.0, 120.0]
    with resources.as_file(resources.files("swc") / "data" / "demo.flac") as path:
        recording, rate = soundfile.read(path, dtype="int16")
    minute = np.resize(recording, 60 * rate)
    with tempfile.TemporaryDirectory() as folder:
        for length in minutes:
            wav, coded, back = (str(Path(folder, name)) for name in ("in.wav", "coded.swc", "back.wav"))
            with soundfile.SoundFile(wav, "w", rate, 1, "PCM_16") as f:
                for _ in range(round(length)):
                    f.write(minute)
            encode = peak_mib("encode", wav, coded, "--force")
            decode = peak_mib("decode", coded, back, "--force")
            same = soundfile.info(wav).frames == soundfile.info(back).frames
            print(f"{length:g} min: encode {encode:.0f} MiB, decode {decode:.0f} MiB, same length: {same}", flush=True)


if __name__ == "__main__":
    main()
