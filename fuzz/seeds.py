"""Writes the seeds of the fuzz targets: python fuzz/seeds.py FOLDER makes FOLDER/stream, /wav and /compressed."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import soundfile

VECTORS = Path(__file__).parents[1] / "formats" / "vectors"
LONGEST = 1000  # bytes: longer seeds only slow the fuzzer down


def main(folder: Path) -> None:
    streams, wavs, others = folder / "stream", folder / "wav", folder / "compressed"
    for target in (streams, wavs, others):
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
    for name, data in compressed():
        for kind in range(4):  # file or pipe, strict or salvaged
            (others / f"{name}-{kind}").write_bytes(bytes([kind]) + data)


def compressed() -> Iterator[tuple[str, bytes]]:
    """Names and bytes of small files."""
    sound = np.sin(np.arange(1200))[:, None] / 4
    kinds = [("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", "PCM_16"), ("CAF", "ALAC_16")]
    for container, subtype in [*kinds, ("AIFF", "PCM_16"), ("AU", "ULAW"), ("W64", "PCM_16"), ("WAV", "IMA_ADPCM")]:
        fp = io.BytesIO()
        soundfile.write(fp, sound, 8000, subtype, format=container)
        yield f"{container}-{subtype}", fp.getvalue()
        if subtype in dict(kinds).values():
            yield f"{container}-{subtype}-twice", fp.getvalue() * 2
    with suppress(ImportError):
        import av

        names = [("mp4", "aac"), ("adts", "aac"), ("matroska", "aac"), ("wv", "wavpack"), ("mov", "pcm_f32le")]
        for container, codec in names:
            fp = io.BytesIO()
            with av.open(fp, "w", format=container) as output:
                stream = output.add_stream(codec, rate=16000, layout="mono")
                frame = av.AudioFrame.from_ndarray(np.float32(sound.T), format="fltp", layout="mono")
                frame.sample_rate = 16000
                output.mux(stream.encode(frame))
                output.mux(stream.encode(None))
            yield f"{container}-{codec}", fp.getvalue()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
