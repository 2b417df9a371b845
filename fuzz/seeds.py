"""Writes what the fuzz targets start from: python fuzz/seeds.py FOLDER makes FOLDER/stream and FOLDER/wav."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import soundfile

VECTORS = Path(__file__).parents[1] / "formats" / "vectors"
LONGEST = 1000  # bytes: longer seeds only slow the fuzzer down


def main(folder: Path) -> None:
    streams, wavs = folder / "stream", folder / "wav"
    for target in (streams, wavs):
        target.mkdir(parents=True, exist_ok=True)
    for path in sorted(VECTORS.glob("*/*.swc")):
        data = path.read_bytes()
        if len(data) <= LONGEST:
            (streams / path.stem).write_bytes((b"\0" if path.parent.name == "faulty" else b"\1") + data)
    for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"):
        for container in ("WAV", "WAVEX", "RF64"):
            fp = io.BytesIO()
            with soundfile.SoundFile(fp, "w", 8000, 2, subtype, format=container) as file:
                file.title, file.comment = "title", "a comment"
                file.write(np.linspace(-1, 1, 40).reshape(20, 2))
            (wavs / f"{container}-{subtype}").write_bytes(fp.getvalue()[4:])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
