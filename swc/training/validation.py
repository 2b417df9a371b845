"""Scores of a model on held-out clips while it trains: at the nominal rates and without quantisation."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
import torch
from torch import Tensor

from swc.config import Config
from swc.errors import InputError
from swc.level import factor
from swc.nn.model import CodecModel
from swc.nn.search import DEFAULT_EFFORT, EFFORTS, search
from swc.training.decode import Recording, Source, decode, find_sources
from swc.training.losses import ReconstructionLoss

NOMINAL_KBPS = (0.86, 2.58, 7.75)
SECONDS = 3.0
CLIPS = {"speech": 12}  # clips of a domain folder; the others give four each


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


def load_validation(folder: Path, config: Config) -> ValidationSet:
    """A few clips of a folder, evenly spread: with sub-folders by domain (speech/, music/, ...) or flat, as speech."""
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
            recording = decode(sources[i * len(sources) // count], config.sample_rate, config.level)
            if recording is not None and len(recording.samples):
                clips.append(_clip(recording, config.sample_rate, length))
                speech.append(domain == "speech")
    if not clips:
        raise InputError(f"none of the chosen validation clips in {folder} could be read")
    return ValidationSet(torch.stack(clips), tuple(speech))


def _clip(recording: Recording, sample_rate: int, length: int) -> Tensor:
    mono = recording.samples.astype(np.float32) / 32768 * np.float32(factor(recording.gain))
    start = min(sample_rate, max(0, len(mono) - length))
    return torch.from_numpy(np.pad(mono[start : start + length], (0, max(0, length - len(mono) + start))))


@torch.no_grad()
def quantize_windows(model: CodecModel, z: Tensor, experts: int) -> Tensor:
    """Latents (B, L, D) quantized in inference windows with the same k_r everywhere, searched as by default."""
    window, q = model.config.quantizer.window, model.quantizer
    counts = torch.full((len(z), -(-z.shape[1] // window)), experts, device=z.device)
    _, codes = search(q, z, counts, window, EFFORTS[DEFAULT_EFFORT])
    return q.latents(q.decode(codes))


@torch.no_grad()
def validate(model: CodecModel, clips: ValidationSet, loss: ReconstructionLoss) -> list[Score]:
    """Scores at each nominal rate and unquantised."""
    config, device = model.config, next(model.parameters()).device
    was_training = model.training
    model.eval()
    audio = clips.audio.to(device)
    z = model.encoder(audio)
    scores = []
    for target in (*NOMINAL_KBPS, None):
        experts = None
        if target is not None:
            experts = min(range(config.quantizer.routed + 1), key=lambda k: abs(config.kbps(k) - target))
        zq = z if experts is None else quantize_windows(model, z, experts)
        y = model.decoder(zq).clamp(-4, 4)
        pairs = [(a, b) for a, b, s in zip(audio.cpu(), y.cpu(), clips.speech, strict=True) if s]
        pesq, stoi = _speech_scores(pairs, config.sample_rate)
        mel = float(loss.multiscale_mel(audio, y))
        scores.append(Score(None if experts is None else config.kbps(experts), mel, pesq, stoi))
    model.train(was_training)
    return scores


def _speech_scores(pairs: list[tuple[Tensor, Tensor]], sample_rate: int) -> tuple[float, float]:
    try:
        from pesq import NoUtterancesError, pesq
        from pystoi import stoi
    except ImportError:
        return float("nan"), float("nan")
    scores = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for clean, coded in pairs:
            a, b = (soxr.resample(v.numpy(), sample_rate, 16000) for v in (clean, coded))
            peak = max(np.abs(a).max(), np.abs(b).max(), 1e-9)
            try:
                scores.append((pesq(16000, a / peak, b / peak, "wb"), stoi(a, b, 16000)))
            except NoUtterancesError:
                continue
    if not scores:
        return float("nan"), float("nan")
    mean = np.mean(scores, 0)
    return float(mean[0]), float(mean[1])
