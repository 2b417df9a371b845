"""What a budget of training gives with each backbone, and the work that their networks are.

python benchmarks/backbones.py RUN [RUN ...] [--eval FOLDER] [--kbps 2.67] [--least 0.80]

A RUN is a folder that `swc train` wrote, with the config.toml of its model. One table has the networks: numbers, and
multiply-accumulates a second of audio (matrix products and convolutions; Fourier transforms are not counted). Another
has the scores of every validation at 2.58 kbit/s of codes, by minutes and hours of audio; time counts on an idle
machine alone. With --eval the run's weights code the recordings of FOLDER/speech as `swc encode` does: STOI and the
measured rate, and the exit code is 1 where a STOI is below --least or a file measures more than it may.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from swc import Codec
from swc.config import Config, ModelConfig
from swc.evaluation import evaluate
from swc.nn.model import CodecModel

SECONDS = 4


def work(config: ModelConfig) -> tuple[float, float]:
    """Multiply-accumulates a second of audio of the encoder and of the decoder."""
    latents, found = round(SECONDS * config.latent_rate), []
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        model = CodecModel(config).eval()
        audio = torch.zeros(1, latents * config.hop)
        z = torch.zeros(1, latents, config.backbone.latent_dim)
        for network, given in ((model.encoder.encode, audio), (model.decoder.decode, z)):
            with FlopCounterMode(display=False) as counter:
                network(given)
            found.append(counter.get_total_flops() / 2 * config.sample_rate / audio.numel())
    return found[0], found[1]


def numbers(config: ModelConfig) -> tuple[int, int, int]:
    """Numbers that a bundle of encoder, quantizer and decoder holds."""
    with torch.device("meta"):
        model = CodecModel(config)
    parts = (model.encoder, model.quantizer, model.decoder)
    encoder, quantizer, decoder = (sum(t.numel() for t in part.state_dict().values()) for part in parts)
    return encoder, quantizer, decoder


def show_networks(configs: list[ModelConfig]) -> None:
    print("| model | backbone | M numbers: encoder | quantizer | decoder | GMAC a second: encoder | decoder |")
    print("|---|---|---|---|---|---|---|")
    for config in configs:
        sizes = " | ".join(f"{n / 1e6:.2f}" for n in numbers(config))
        encoder, decoder = work(config)
        print(f"| {config.name} | {config.backbone.kind} | {sizes} | {encoder / 1e9:.2f} | {decoder / 1e9:.2f} |")


def show_training(runs: list[Path]) -> None:
    print("\n| run | stage | step | minutes | audio h | mel | PESQ | STOI |\n|---|---|---|---|---|---|---|---|")
    for run in runs:
        log = run / "log.jsonl"
        for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
            entry = json.loads(line)
            if "scores" not in entry:
                continue
            score = next(s for s in entry["scores"] if s["kbps"] is not None and 2 < s["kbps"] < 3)
            place = f"{run.name} | {entry['stage']} | {entry['step']}"
            spent = f"{entry['minutes']:.0f} | {entry['audio_hours']:.2f}"
            print(f"| {place} | {spent} | {score['mel']:.4f} | {score['pesq']:.3f} | {score['stoi']:.4f} |")


def accepted(run: Path, folder: Path, kbps: float, least: float) -> bool:
    """Whether a run's weights reach a STOI, and stay within the rate."""
    results = evaluate(Codec.load(run), folder / "speech", [kbps], workers=0, metrics=("stoi",))
    stoi, rate = (statistics.fmean(getattr(row, name) for row in results.rows) for name in ("stoi", "kbps_measured"))
    over = [row.file for row in results.rows if row.over_budget]
    print(f"\n{run.name}: {len(results.rows)} files at {kbps:g} kbit/s, measured {rate:.3f}, STOI {stoi:.4f}")
    for reason in [*(f"above the rate: {file}" for file in over), *(failure.reason for failure in results.failures)]:
        print(f"  {reason}")
    return stoi >= least and not over and not results.failures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--eval", type=Path)
    parser.add_argument("--kbps", type=float, default=2.67)
    parser.add_argument("--least", type=float, default=0.80)
    args = parser.parse_args()
    show_networks([Config.from_toml(run / "config.toml").model for run in args.runs])
    show_training(args.runs)
    if args.eval is not None:
        sys.exit(not all([accepted(run, args.eval, args.kbps, args.least) for run in args.runs]))


if __name__ == "__main__":
    main()
