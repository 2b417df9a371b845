"""Train and score the rows of `docs/ablations.md`: the same steps, crops and bits for each, one after the other.

python benchmarks/ablations/run.py --data DIR --val DIR --out DIR [--cache FILE] [--rows NAME ...]

Rows that have a `result.json` are skipped, so an interrupted comparison continues. `table.py` prints the
tables.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from rows import Row, load_row, row_names
from torch import Tensor

from swc.bundle.weights import load_weights, save_weights
from swc.codec.gain import factor
from swc.config import Config, RevqConfig
from swc.evaluation.metrics import pesq_wb, stoi, visqol_audio
from swc.nn.model import CodecModel
from swc.nn.quantizers.beam import beam_codes
from swc.nn.quantizers.revq import Revq
from swc.training import train
from swc.training.data.batches import draw_crops
from swc.training.data.corpus import Corpus, load_corpus
from swc.training.data.recordings import find_sources, load
from swc.training.initialise import fit_codebooks, initialise
from swc.training.losses.reconstruction import MultiscaleMel
from swc.training.validation import codes_kbps

SECONDS = 4  # of each held-out clip, in whole routing windows; all are longer
SKIP = 0.5  # seconds at the start of a clip, where many are silent
BEAM = 8  # paths of the search for codes
PART = 4  # clips at a time: 48 divides by it, and memory stays small
STARVED = 0.02  # share of the windows below which an expert counts as idle
SWEEP = (0, 1, 2, 3, 5, 8, 11, 17)
VISQOL_STEP = 2  # ViSQOL is slow: it hears every second clip


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """Level-normalised clips (n, samples) and which of them are speech."""

    audio: Tensor
    speech: tuple[bool, ...]


def held_out(folder: Path, config: Config) -> HeldOut:
    """The same stretch of every clip of a folder; those in `speech/` are speech."""
    m, window = config.model, config.model.quantizer.window
    length = round(SECONDS * m.latent_rate / window) * window * m.hop
    skip = round(SKIP * m.sample_rate)
    clips, speech = [], []
    for source in find_sources(folder):
        recording = load(source, m.sample_rate, m.gain)
        if len(recording.samples) < skip + length:
            continue
        samples = recording.samples[skip : skip + length].astype(np.float32) / 32768
        clips.append(torch.from_numpy(samples * np.float32(factor(recording.gain))))
        speech.append(source.name.relative_to(folder).parts[0] == "speech")
    return HeldOut(torch.stack(clips), tuple(speech))


@cache
def start_of(config: Config, data: Path, corpus_cache: Path | None, seed: int) -> tuple[dict[str, Tensor], Tensor]:
    """Linear maps and networks that the rows of one latent rate share, and windows of latents for the codebooks."""
    corpus = corpus_of(config, data, corpus_cache)
    torch.manual_seed(seed)
    model = CodecModel(config.model)
    generator = torch.Generator().manual_seed(seed)
    initialise(model, corpus, config, generator)
    length = config.training.crop_latents * config.model.hop
    count = round(config.training.init_seconds * config.model.sample_rate / length)
    crops = draw_crops(config, corpus, count, length, generator)
    with torch.no_grad():
        windows = torch.cat([model.encoder.encode(part) for part in torch.split(crops, 32)])
    return {k: v for k, v in model.state_dict().items() if not k.startswith("quantizer.")}, windows


def corpus_of(config: Config, data: Path, corpus_cache: Path | None) -> Corpus:
    return load_corpus(data, config.model, workers=1, cache=corpus_cache)


def closed_form_start(config: Config, row: Row, args: argparse.Namespace, path: Path) -> None:
    """Write the weights that a row of stage 1 starts from."""
    # the quantizer has no part in what is shared: with the smallest one, rows differ by their codebooks alone
    plain = dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, name="start", quantizer=RevqConfig(routed=1)),
        training=dataclasses.replace(
            config.training, stages=(), nominal_k=1, nominal_share=1.0, mask_search=0.0, drps_gamma=0.0
        ),
    )
    shared, windows = start_of(plain, args.data, args.cache, row.seed)
    torch.manual_seed(row.seed)
    model = CodecModel(config.model)
    model.load_state_dict(model.state_dict() | shared)
    generator = torch.Generator().manual_seed(row.seed)
    # at the row's own k_r: a fixed RVQ would otherwise start from codebooks made for residuals that it never sees
    k = config.model.quantizer.routed if row.prefix else config.training.nominal_k
    fit_codebooks(model.quantizer, windows, generator, k=torch.full((len(windows),), k))
    save_weights(path, model.state_dict())


def routing(row: Row) -> AbstractContextManager[object]:
    """While it lasts, the quantizer routes as the row says: among equal scores the first experts win."""
    if not row.prefix:
        return nullcontext()
    return patch.object(Revq, "scores", lambda q, z: z.new_zeros(len(z), q.config.routed))


@torch.no_grad()
def encode(q: Revq, windows: Tensor, k: int, search_masks: bool, searched: bool) -> tuple[Tensor, Tensor]:
    """Masks (B, N_r) and codes (B, stages, T): the router's and nearest ones, or both searched for."""
    masks, codes = [], []
    for part in torch.split(windows, 48):
        each = torch.full((len(part),), k)
        searching = searched and search_masks
        masks.append(q.search_mask(part, each) if searching else q.router.top(q.scores(part), each))
        codes.append(beam_codes(q.books(), part, masks[-1], BEAM if searched else 1))
    return torch.cat(masks), torch.cat(codes)


def perplexity(codes: Tensor) -> float:
    """exp of the entropy of a code, mean over all codes sent: (B, stages, T) -> 1 .. codebook size.

    With the Miller-Madow correction, or a codebook that serves few windows would look poorer than it is.
    """
    total, entropy = 0, 0.0
    for stage in range(codes.shape[1]):
        used = codes[:, stage][codes[:, stage] >= 0]
        if len(used):
            p = torch.bincount(used).double() / len(used)
            p = p[p > 0]
            entropy += len(used) * float(-(p * p.log()).sum() + (len(p) - 1) / (2 * len(used)))
            total += len(used)
    return float(np.exp(entropy / total))


@torch.no_grad()
def score(model: CodecModel, clips: HeldOut, row: Row, k: int, searched: bool, visqol: bool) -> dict[str, Any]:
    """Everything measured at one k_r with one kind of masks."""
    config, q = model.config, model.quantizer
    z = torch.cat([model.encoder.encode(part) for part in torch.split(clips.audio, PART)])
    windows = z.reshape(-1, config.quantizer.window, z.shape[-1])
    with routing(row):
        mask, codes = encode(q, windows, k, not row.prefix, searched)
    quantized = q.look_up(codes)
    parts = torch.split(quantized.reshape(z.shape), PART)
    decoded = torch.cat([model.decoder.decode(part) for part in parts]).clamp(-4, 4)
    pairs = [(a.numpy(), b.numpy()) for a, b in zip(clips.audio, decoded, strict=True)]
    speech = [pair for pair, is_speech in zip(pairs, clips.speech, strict=True) if is_speech]
    usage = mask.float().mean(0)
    # where all experts are on, or the first ones, there is no mask to send
    mask_bits = 0 if row.prefix or k >= config.quantizer.routed else config.quantizer.routed
    loss = MultiscaleMel(config.sample_rate)
    few = zip(torch.split(clips.audio, PART), torch.split(decoded, PART), strict=True)
    result = {
        "experts": k,
        "kbps": codes_kbps(config, k),
        "mask_bits_per_second": mask_bits * config.latent_rate / config.quantizer.window,
        "mel": float(np.mean([float(loss(a, b)) for a, b in few])),
        "pesq": float(np.nanmean([pesq_wb(a, b, config.sample_rate) for a, b in speech])),
        "stoi": float(np.nanmean([stoi(a, b, config.sample_rate) for a, b in speech])),
        "residual": float((windows - quantized).square().sum() / windows.square().sum()),
        "perplexity": perplexity(codes),
        "usage": [round(float(u), 4) for u in usage],
        "starved": int((usage < STARVED).sum()),
        "activated": int((usage > 0).sum()),
    }
    if visqol:
        heard = pairs[::VISQOL_STEP]
        result["visqol"] = float(np.nanmean([visqol_audio(a, b, config.sample_rate) for a, b in heard]))
    return result


def load_model(config: Config, path: Path) -> CodecModel:
    model = CodecModel(config.model)
    load_weights(model, path)
    return model.eval()


def run_row(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Train one row, if its weights are not there, and score it at its nominal k_r."""
    config, row = load_row(name)
    if args.init_seconds is not None:
        training = dataclasses.replace(config.training, init_seconds=args.init_seconds)
        config = dataclasses.replace(config, training=training)
    out: Path = args.out / name
    weights = out / "weights.safetensors"
    began = time.perf_counter()
    if not weights.exists():
        init = args.out / row.init / "weights.safetensors" if row.init else out / "start.safetensors"
        with routing(row):
            if not row.init:
                closed_form_start(config, row, args, init)
            train(
                config,
                args.data,
                out,
                max_steps=args.max_steps,
                init=init,
                seed=row.seed,
                cache=args.cache,
                report=lambda progress: print(f"{name}: {progress.text}", flush=True),
            )
    trained = time.perf_counter()
    log = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    model, clips = load_model(config, weights), held_out(args.val, config)
    visqol = bool(row.init) or name == "base"
    k = config.training.nominal_k
    modes = {"router": False, "searched": True}
    return {
        "name": name,
        "steps": log[-1]["step"],
        "batch": config.training.stages[-1].batch,
        "audio_seconds": round(3600 * log[-1]["audio_hours"]),
        "training_seconds": round(60 * log[-1]["minutes"]),
        "clips": len(clips.speech),
        "speech_clips": sum(clips.speech),
        # ViSQOL, where it is taken, for what a user gets: searched masks
        **{mode: score(model, clips, row, k, on, visqol and on) for mode, on in modes.items()},
        "seconds": {"start_and_training": round(trained - began), "scores": round(time.perf_counter() - trained)},
    }


def run_sweep(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """A row's model at every k_r, without more training."""
    config, row = load_row(name)
    model, clips = load_model(config, args.out / name / "weights.safetensors"), held_out(args.val, config)
    modes = {"router": False, "searched": True}
    return {mode: [score(model, clips, row, k, on, False) for k in SWEEP] for mode, on in modes.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="recordings to learn from, or tar files of them")
    parser.add_argument("--val", type=Path, required=True, help="held-out clips, those of speech in speech/")
    parser.add_argument("--out", type=Path, required=True, help="a folder for each row, with result.json")
    parser.add_argument("--cache", type=Path, help="keep the decoded recordings here")
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="rows to run, and sweep-ROW; by default all")
    parser.add_argument("--max-steps", type=int, help="shorter runs, to see whether every row works")
    parser.add_argument("--init-seconds", type=float, help="other amount of audio for the closed-form start")
    args = parser.parse_args()
    for name in args.rows or [*row_names(), "sweep-base", "sweep-prefix-17"]:
        path = args.out / name / "result.json"
        if path.exists():
            continue
        result = run_sweep(name.removeprefix("sweep-"), args) if name.startswith("sweep-") else run_row(name, args)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        print(f"{name}: done", flush=True)


if __name__ == "__main__":
    main()
