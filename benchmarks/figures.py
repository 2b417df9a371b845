"""The figures of docs/ and of the model card, as PNG files.

python benchmarks/figures.py curves LOG.jsonl [LOG.jsonl ...] --out curves.png     learning curves of a run's stages
python benchmarks/figures.py routing MODEL RECORDINGS --out routing.png            use of experts and codes
python benchmarks/figures.py decoders BUNDLE BUNDLE AUDIO --out stages.png         the same codes, two decoders
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from swc import Codec, Stream
from swc.evaluation import learning_curves, routing_health, spectrogram_comparison
from swc.evaluation.clips import find_clips

KBPS = 2.67


def curves(arguments: argparse.Namespace) -> None:
    """Scores against hours; the hours of each log continue those of the previous one."""
    entries, hours = [], 0.0
    for path in arguments.logs:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        entries += [{**line, "audio_hours": line["audio_hours"] + hours} for line in lines]
        hours = entries[-1]["audio_hours"]
    learning_curves(arguments.out, entries)


def routing(arguments: argparse.Namespace) -> None:
    """Which experts windows use, as routed and as searched for, and the perplexity of the codes."""
    codec = Codec.load(arguments.model)
    header = codec.config.quantizer
    usage: dict[str, list[float]] = {}
    for label, effort in (("router (effort 0)", 0), ("search (effort 1)", 1)):
        counts = np.zeros((header.shared + header.routed, header.codebook_size))
        used, windows = np.zeros(header.routed), 0
        for clip in find_clips(arguments.recordings):
            audio, rate = soundfile.read(clip.path, dtype="float32")
            stream = codec.encode(audio, rate, kbps=KBPS, effort=effort)
            for window in (w for chunk in stream.chunks for row in chunk.windows for w in row):
                windows += 1
                used[list(window.experts)] += 1
                stages = [*range(header.shared), *(header.shared + e for e in window.experts)]
                for stage, codes in zip(stages, window.codes, strict=True):
                    counts[stage] += np.bincount(codes, minlength=header.codebook_size)
        usage[label] = (used / windows).tolist()
        print(f"{label}: {windows} windows at {KBPS} kbit/s")
        print("  share of windows that use each expert, from 0:", ", ".join(f"{u:.3f}" for u in usage[label]))
    print("  perplexity of each codebook, the shared ones first:", ", ".join(f"{p:.0f}" for p in perplexities(counts)))
    routing_health(arguments.out, usage, perplexities(counts).tolist(), header.codebook_size)


def perplexities(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp of the entropy of each row's distribution."""
    p = counts / counts.sum(1, keepdims=True).clip(1)
    result: NDArray[np.float64] = np.exp(-(p * np.log(p.clip(1e-12))).sum(1))
    return result


def decoders(arguments: argparse.Namespace) -> None:
    """Spectrograms of a recording and of the same codes through two decoders."""
    first, second = (Codec.load(bundle) for bundle in (arguments.first, arguments.second))
    audio, rate = soundfile.read(arguments.audio, dtype="float32", always_2d=True)
    stream_bytes = first.encode(audio, rate, kbps=KBPS).to_bytes()
    decode: Callable[[Codec], NDArray[np.float32]] = lambda codec: codec.decode(Stream.from_bytes(stream_bytes))  # noqa: E731
    panels = [
        ("original", audio, rate),
        (arguments.titles[0], decode(first), rate),
        (arguments.titles[1], decode(second), rate),
    ]
    spectrogram_comparison(arguments.out, panels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for function, positional in (
        (curves, [("logs", {"nargs": "+", "type": Path})]),
        (routing, [("model", {}), ("recordings", {"type": Path})]),
        (decoders, [("first", {}), ("second", {}), ("audio", {"type": Path})]),
    ):
        command = commands.add_parser(function.__name__)
        for name, options in positional:
            command.add_argument(name, **options)
        command.add_argument("--out", type=Path, required=True)
        command.set_defaults(run=function)
    commands.choices["decoders"].add_argument("--titles", nargs=2, default=("before", "after"))
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
