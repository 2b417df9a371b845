"""Scores of a model on held-out clips while it trains: at the nominal rates and without quantisation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swc.bitstream import window_lengths
from swc.codec.gain import factor
from swc.codec.options import DEFAULT_EFFORT
from swc.config import ModelConfig, ResidualConfig
from swc.errors import InputError
from swc.evaluation.metrics import pesq_wb, stoi
from swc.nn.model import CodecModel
from swc.training.data.recordings import Recording, Source, find_sources, load
from swc.training.losses.reconstruction import MultiscaleMel

NOMINAL_KBPS = (0.86, 2.58, 7.75)
SECONDS = 3.0
CLIPS = {"speech": 12}  # clips of a domain folder; the others give four each

Metric = Callable[[NDArray[Any], NDArray[Any], int], float]


@dataclass(frozen=True)
class Score:
    """Means over the clips; PESQ-wb and STOI over those of speech (nan without the `eval` extra)."""

    kbps: float | None  # of the codes alone; None: not quantised
    mel: float
    pesq: float
    stoi: float

    def __str__(self) -> str:
        rate = "unquantised" if self.kbps is None else f"{self.kbps:.2f} kbit/s"
        return f"{rate:>12}  mel {self.mel:.4f}  speech PESQ {self.pesq:.3f}  STOI {self.stoi:.3f}"


@dataclass(frozen=True)
class ValidationSet:
    """Level-normalised clips (n, samples) and which of them are speech."""

    audio: Tensor
    speech: tuple[bool, ...]


def load_validation(folder: Path, config: ModelConfig, failed: Callable[[str], None] | None = None) -> ValidationSet:
    """A few clips of a folder, evenly spread: with sub-folders by domain (speech/, music/, ...) or flat, as speech.

    Args:
        failed: called with a message for each clip that cannot be used; it is left out.

    Raises:
        InputError: no such folder, or no readable audio in it.
    """
    by_domain: dict[str, list[Source]] = {}
    for source in find_sources(folder):
        name = source.name if source.member else source.path.relative_to(folder)
        by_domain.setdefault(name.parts[0] if len(name.parts) > 1 else "speech", []).append(source)
    if "speech" not in by_domain:  # sub-folders that are not domains
        by_domain = {"speech": [s for sources in by_domain.values() for s in sources]}
    length = round(SECONDS * config.latent_rate) * config.hop
    clips, speech = [], []
    for domain, sources in sorted(by_domain.items()):
        count = min(len(sources), CLIPS.get(domain, 4))
        for i in range(count):
            try:
                recording = load(sources[i * len(sources) // count], config.sample_rate, config.gain)
            except InputError as error:
                if failed is not None:
                    failed(str(error))
                continue
            clips.append(_clip(recording, config.sample_rate, length))
            speech.append(domain == "speech")
    if not clips:
        raise InputError(f"none of the chosen validation clips in {folder} could be read")
    return ValidationSet(torch.stack(clips), tuple(speech))


def _clip(recording: Recording, sample_rate: int, length: int) -> Tensor:
    mono = recording.samples.astype(np.float32) / 32768 * np.float32(factor(recording.gain))
    start = min(sample_rate, max(0, len(mono) - length))
    return torch.from_numpy(np.pad(mono[start : start + length], (0, max(0, length - len(mono) + start))))


def codes_kbps(config: ModelConfig, k: float) -> float:
    """Bit rate in kbit/s of the codes alone, with k_r = `k`, or so many other steps, in every window."""
    q = config.quantizer
    if isinstance(q, ResidualConfig):
        return config.latent_rate * q.codebook_bits * (q.shared + k) / 1000
    sizes = q.layout.sizes(q.window)
    return config.latent_rate * (sizes[0] + k * sizes.step) / q.window / 1000


@torch.no_grad()
def quantize(model: CodecModel, z: Tensor, k: int) -> Tensor:
    """Latents (B, L, D) quantized in inference windows, by k codebooks beside the shared ones, by the usual search."""
    config, quantizer = model.config.quantizer, model.quantizer
    lengths = window_lengths(z.shape[1], config.window)
    steps = [0] * len(lengths)
    if isinstance(config, ResidualConfig):
        steps = [k * n * config.codebook_bits // config.layout.sizes(n).step for n in lengths]
    grants = torch.tensor([steps] * len(z), device=z.device)
    return quantizer.decode(quantizer.encode(z, grants, config.window, DEFAULT_EFFORT))


@torch.no_grad()
def validate(model: CodecModel, clips: ValidationSet, loss: MultiscaleMel) -> list[Score]:
    """Scores at each nominal rate that the model has, and unquantised."""
    config, q = model.config, model.config.quantizer
    steps = range(len(q.layout.sizes(1)))
    was_training = model.training
    model.eval()
    audio = clips.audio.to(model.device)
    z = model.encoder.encode(audio)
    scores = []
    for target in (*(NOMINAL_KBPS if len(steps) > 1 else NOMINAL_KBPS[:1]), None):
        kbps, zq = None, z
        if target is not None:
            k = min(steps, key=lambda k: abs(codes_kbps(config, k) - target))
            kbps, zq = codes_kbps(config, k), quantize(model, z, k)
        y = model.decoder.decode(zq).clamp(-4, 4)
        pairs = [(a.numpy(), b.numpy()) for a, b, s in zip(audio.cpu(), y.cpu(), clips.speech, strict=True) if s]
        pesq, intelligibility = (_mean(metric, pairs, config.sample_rate) for metric in (pesq_wb, stoi))
        scores.append(Score(kbps, float(loss(audio, y)), pesq, intelligibility))
    model.train(was_training)
    return scores


def merit(scores: list[Score]) -> float:
    """A figure by which validations compare: PESQ at the nominal rates or, without it, less mel distance."""
    quantised = [s for s in scores if s.kbps is not None]
    pesq = sum(s.pesq for s in quantised)
    return -sum(s.mel for s in quantised) if math.isnan(pesq) else pesq


def _mean(metric: Metric, pairs: list[tuple[NDArray[Any], NDArray[Any]]], sample_rate: int) -> float:
    """Mean over pairs of original and decoded speech where the metric is defined; nan if it is nowhere."""
    try:
        scores = [metric(original, decoded, sample_rate) for original, decoded in pairs]
    except InputError:  # without the `eval` extra
        return math.nan
    defined = [score for score in scores if not math.isnan(score)]
    return sum(defined) / len(defined) if defined else math.nan
