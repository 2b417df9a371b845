"""Judges of speech, trained by others: its naturalness, its speaker, and its words.

They are called like the measures of `swc.evaluation.metrics`, with the same rules for channels, lengths, nan and
silence, and only for speech. All of them listen at 16 kHz and need a second of audio; samples beyond full scale are
clipped for those that do not accept them.

None of them takes part in training, which a contract in `pyproject.toml` ensures: a model trained on a judge cannot be
judged by it any more. The two that estimate mean opinions do not know the original, so compare their scores with those
of the originals; they favour clean sound, and may like a voice that has become another one.

The packages come with `swc-codec[mos]`, and their networks with them. Each judge is usable without the others.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import cache, lru_cache, partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from swc.evaluation._extras import contained, load_extra
from swc.evaluation._signals import Audio, mono_pair
from swc.evaluation.spectra import Array

RATE = 16000
"""Rate in Hz at which all judges listen."""

_SHORTEST = RATE  # samples
_WORST_MOS = 1.0
_PIECE = 20 * RATE  # samples per call of DistillMOS, which needs some 40 MB for each second
_CLIPS = 8  # cached scores: an original is judged once, not at every rate


def distillmos(ref: Audio, est: Audio, sample_rate: int) -> float:
    """DistillMOS, a network's estimate of the mean opinion of listeners, 1 to 5; higher is better.

    More than 20 s are judged in equal pieces.

    Source: Stahl and Gamper 2025, "Distillation and pruning for scalable self-supervised representation-based speech
    quality assessment", by the package `distillmos`.

    Args:
        ref: original, shape (samples,) or (samples, channels); only used to see whether there is speech to judge.
        est: decoded, likewise.
        sample_rate: in Hz.

    Returns:
        The estimate; nan if the reference is silent or under one second; 1.0 if the decoded signal alone is silent.

    Raises:
        InputError: as `swc.evaluation.metrics.mel_distance`, or the package is not installed.
    """
    return _opinion(_distillmos, ref, est, sample_rate)


def distillmos_original(ref: Audio, est: Audio, sample_rate: int) -> float:
    """`distillmos` of the original, cut to the decoded signal."""
    return _opinion(_distillmos, ref, est, sample_rate, of_original=True)


def dnsmos_p808(ref: Audio, est: Audio, sample_rate: int) -> float:
    """DNSMOS P.808, a network's estimate of the mean opinion of listeners by ITU-T P.808, 1 to 5; higher is better.

    Source: Reddy, Gopal and Cutler 2021, "DNSMOS: a non-intrusive perceptual objective speech quality metric"
    (arXiv 2010.15258), by the package `speechmos`.

    Arguments, special cases and errors: see `distillmos`.
    """
    return _opinion(_dnsmos_p808, ref, est, sample_rate)


def dnsmos_p808_original(ref: Audio, est: Audio, sample_rate: int) -> float:
    """`dnsmos_p808` of the original, cut to the decoded signal."""
    return _opinion(_dnsmos_p808, ref, est, sample_rate, of_original=True)


def speaker_similarity(ref: Audio, est: Audio, sample_rate: int) -> float:
    """Cosine of the embeddings of both speakers, 0 to 1; higher is better, 1 is the same voice.

    Source: Wan et al. 2018, "Generalized end-to-end loss for speaker verification" (arXiv 1710.10467), by the package
    `resemblyzer`, which leaves out long pauses.

    Returns:
        The cosine; nan if no voice is found in the reference or that is under one second; 0.0 if none is found in the
        decoded signal alone.

    Raises:
        InputError: as `distillmos`.
    """
    x, y = mono_pair(ref, est, sample_rate, RATE)
    if _undefined(x) or (original := _speaker(x.tobytes())) is None:
        return float("nan")
    decoded = _speaker(y.tobytes()) if y.any() else None
    return 0.0 if decoded is None else float(original @ decoded)


def word_error_rate(ref: Audio, est: Audio, sample_rate: int) -> float:
    """Word errors of a recogniser against its own transcript of the original; 0 is none, lower is better.

    Substitutions, deletions and insertions, over the words of the original: more than 1 is possible. The recogniser
    knows English; in other languages it writes similar English words, which still shows the loss.

    Source: the package `pocketsphinx` with its own model.

    Returns:
        The rate; nan if no word is heard in the reference or that is under one second.

    Raises:
        InputError: as `distillmos`.
    """
    x, y = mono_pair(ref, est, sample_rate, RATE)
    if _undefined(x) or not (said := _words(x.tobytes())):
        return float("nan")
    return word_errors(said, _words(y.tobytes())) / len(said)


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Fewest words to substitute, delete or insert to make one sequence of the other (Levenshtein 1966)."""
    row = list(range(len(heard) + 1))  # errors between the words so far and each prefix of the other sequence
    for count, word in enumerate(said, 1):
        above, row = row, [count]
        for index, other in enumerate(heard):
            row.append(min(above[index + 1] + 1, row[index] + 1, above[index] + (word != other)))
    return row[-1]


def _undefined(x: Array) -> bool:
    return len(x) < _SHORTEST or not x.any()


def _clipped(samples: bytes) -> Array:
    return np.clip(np.frombuffer(samples), -1.0, 1.0)


def _opinion(
    judge: Callable[[bytes], float], ref: Audio, est: Audio, sample_rate: int, of_original: bool = False
) -> float:
    x, y = mono_pair(ref, est, sample_rate, RATE)
    if _undefined(x):
        return float("nan")
    judged = x if of_original else y
    return judge(judged.tobytes()) if judged.any() else _WORST_MOS


@lru_cache(_CLIPS)
def _distillmos(samples: bytes) -> float:
    model = _distillmos_model()
    import torch

    x = np.frombuffer(samples).astype(np.float32)
    with torch.inference_mode():
        pieces = np.array_split(x, -(-len(x) // _PIECE))
        return float(np.mean([float(model(torch.from_numpy(piece)[None])) for piece in pieces]))


@cache
def _distillmos_model() -> Any:
    package = load_extra("distillmos", "DistillMOS", "mos")
    with contained(), redirect_stdout(io.StringIO()):  # it prints the path of its weights
        return package.ConvTransformerSQAModel().eval()


@lru_cache(_CLIPS)
def _dnsmos_p808(samples: bytes) -> float:
    package = _dnsmos()
    with contained():
        return float(package.run(_clipped(samples), RATE)["p808_mos"])


@cache
def _dnsmos() -> Any:
    """The package, with one thread for each of its small networks instead of a thread for each core."""
    package: Any = load_extra("speechmos.dnsmos", "DNSMOS P.808", "mos")
    runtime = load_extra("onnxruntime", "DNSMOS P.808", "mos")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    package.ort = SimpleNamespace(InferenceSession=partial(runtime.InferenceSession, sess_options=options))
    return package


@lru_cache(_CLIPS)
def _speaker(samples: bytes) -> Array | None:
    """The embedding (256,) of length 1, or None without a voice."""
    encoder = _speaker_encoder()
    package = load_extra("resemblyzer", "speaker similarity", "mos")
    with contained():
        voiced = package.preprocess_wav(_clipped(samples).astype(np.float32), RATE)
        embedding: Array | None = encoder.embed_utterance(voiced) if len(voiced) else None
    return embedding


@cache
def _speaker_encoder() -> Any:
    package = load_extra("resemblyzer", "speaker similarity", "mos")
    with contained():
        return package.VoiceEncoder("cpu", verbose=False)


@lru_cache(_CLIPS)
def _words(samples: bytes) -> tuple[str, ...]:
    package = load_extra("pocketsphinx", "word errors", "mos")
    decoder = package.Decoder(samprate=RATE, loglevel="FATAL")  # a new one, as it adapts to its input
    decoder.start_utt()
    decoder.process_raw((_clipped(samples) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return tuple(hypothesis.hypstr.split()) if hypothesis else ()
