"""Write docs/samples, the recordings that the README links to: python docs/samples.py

They are the bundled recording (CC BY-SA 4.0, see swc/data/README.md), coded by swc at three rates and, with
`swc-codec[av]`, by Opus. Sound is stored as Ogg Vorbis of high quality, a quarter of the size of FLAC.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import soundfile

from swc import Codec
from swc.evaluation.listening import Excerpt, Version, opus, read_excerpt

ROOT = Path(__file__).parents[1]
RECORDING = ROOT / "swc" / "data" / "demo.flac"
KBPS = (0.89, 2.67, 8)
OPUS_KBPS = 6
SMALLNESS = 0.4  # of libsndfile's Vorbis, from 0 (best) to 1 (smallest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "samples")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    original, codec = read_excerpt(RECORDING), Codec.load()
    write(out / "original.ogg", Version("original", original.audio), original)
    for kbps in KBPS:
        stream = codec.encode(original.audio, original.sample_rate, kbps=kbps)
        stream.save(out / f"swc-{kbps:g}.swc")
        decoded = Version(f"swc {kbps:g}", codec.decode(stream), stream.kbps)
        write(out / f"swc-{kbps:g}.ogg", decoded, original)
    write(out / f"opus-{OPUS_KBPS}.ogg", opus(original, OPUS_KBPS), original)


def write(path: Path, version: Version, original: Excerpt) -> None:
    """Write a version, cut to what 16 bits can hold, and say what it is."""
    audio = version.audio.clip(-1, 1)
    soundfile.write(path, audio, original.sample_rate, format="OGG", subtype="VORBIS", compression_level=SMALLNESS)
    rate = "" if version.kbps is None else f", {version.kbps:.2f} kbit/s as coded"
    print(f"{path.name}: {version.name}{rate}; {path.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
