"""Training speed: seconds of audio a second in each stage of a config, and where the time goes.

python benchmarks/training.py CONFIG [--device cuda] [--batch N] [--steps N] [--compile] [--profile]

The audio is noise made on the device, since speed does not depend on the audio; corpus decoding is not counted.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import torch

from swc.codec.device import find_device
from swc.config import Config
from swc.training.data.corpus import Corpus
from swc.training.stages import Solver
from swc.training.trainer import Trainer


def noise_corpus(config: Config, device: torch.device, seconds: int = 60) -> Corpus:
    """One recording of white noise."""
    rate = config.model.sample_rate
    n = seconds * rate
    generator = torch.Generator().manual_seed(0)
    samples = (3000 * torch.randn(n, generator=generator)).to(torch.int16)
    one = torch.ones(1)
    corpus = Corpus(samples, torch.zeros(1).long(), torch.tensor([n]), 0 * one, 20000.0 * one.double(), rate)
    return corpus.to(device)


def with_batch(config: Config, batch: int | None) -> Config:
    """The config with so many crops a step in every stage."""
    if batch is None:
        return config
    stages = tuple(dataclasses.replace(stage, batch=batch) for stage in config.training.stages)
    return dataclasses.replace(config, training=dataclasses.replace(config.training, stages=stages))


def measure(run: Trainer, corpus: Corpus, steps: int) -> tuple[float, float]:
    """Seconds a step and seconds of audio a second, after the warm-ups."""
    run.stage_step = run.stage.delay  # an adversarial stage begins without the decoder
    for _ in range(3):
        run.train_step(corpus)
    seconds, audio = run.seconds, run.audio_seconds
    for _ in range(steps):
        run.train_step(corpus)
    if run.device.type == "cuda":
        torch.cuda.synchronize()
    spent = run.seconds - seconds
    return spent / steps, (run.audio_seconds - audio) / spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--batch", type=int, help="crops a step in place of the config's")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--profile", action="store_true", help="also print the ten costliest operations")
    arguments = parser.parse_args()
    config = with_batch(Config.from_toml(arguments.config), arguments.batch)
    device = find_device(arguments.device)
    corpus = noise_corpus(config, device)
    torch.manual_seed(0)
    run = Trainer(config, device, 0)
    for book in run.model.quantizer.books():
        book.code.normal_(std=0.2)
    run.restart_averages()
    if arguments.compile:
        run.compile()
    print(f"{device.type}, {torch.get_num_threads()} threads")
    for stage in config.training.stages:
        if isinstance(run.stage, Solver):  # in minutes
            run.next_stage()
            continue
        step, speed = measure(run, corpus, arguments.steps)
        trained = sum(p.numel() for p in run.model.parameters() if p.requires_grad) / 1e6
        head = f"{stage.kind:12s} batch {stage.batch}, trains {trained:.1f} M"
        print(f"{head}: {step:.3f} s a step, {speed:.1f} s of audio a second")
        if arguments.profile:
            with torch.profiler.profile() as profile:
                run.train_step(corpus)
            print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=10, max_name_column_width=40))
        run.next_stage()


if __name__ == "__main__":
    main()
