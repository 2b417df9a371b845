"""What solving for all codebooks at once does to trained rows.

python benchmarks/ablations/refit.py ROW [ROW ...] --data CORPUS --val EVAL --out DIR [--cache FILE] [--hours 3]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import torch
from rows import load_row
from run import held_out, load_model, score

from swc.training.data.corpus import load_corpus
from swc.training.stages.codebooks import latents_of, refit

ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="+", metavar="ROW", help="rows that run.py has trained")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--val", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="where run.py left its rows")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--hours", type=float, default=3.0, help="of audio")
    args = parser.parse_args()
    for name in args.rows:
        config, row = load_row(name)
        config = dataclasses.replace(config, training=dataclasses.replace(config.training, refit_hours=args.hours))
        model = load_model(config, args.out / name / "weights.safetensors")
        generator = torch.Generator().manual_seed(1)
        corpus = load_corpus(args.data, config.model, workers=1, cache=args.cache)
        windows = latents_of(model, corpus, config, generator)
        k = torch.full((len(windows), config.training.crop_windows), config.training.nominal_k)
        for outcome in refit(model.quantizer, windows, k, generator, rounds=ROUNDS):
            print(f"{name}: {outcome}", flush=True)
        clips = held_out(args.val, config)
        for mode, searched in (("router", False), ("searched", True)):
            result = score(model, clips, row, config.training.nominal_k, searched, False)
            print(f"{name}, {mode}: {json.dumps(result)}", flush=True)


if __name__ == "__main__":
    main()
