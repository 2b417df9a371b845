"""Rate-distortion measurement: files are coded at several rates, serialised, parsed, decoded and judged."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ParamSpec, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from swc.errors import BitrateError, InputError, SwcError
from swc.evaluation.clips import Clip, SpeechRule, find_clips, read_clip, speech_rule
from swc.evaluation.metrics import METRICS, Audio, check_metrics
from swc.evaluation.results import Results, Row

_P = ParamSpec("_P")
_T = TypeVar("_T")


class StreamLike(Protocol):
    """What evaluation needs of `swc.bitstream.Stream`: an exact way to bytes and back."""

    def to_bytes(self) -> bytes: ...

    @classmethod
    def from_bytes(cls, data: bytes, /) -> Self: ...


StreamT = TypeVar("StreamT", bound=StreamLike)


class CodecLike(Protocol[StreamT]):
    """What evaluation needs of `swc.codec.codec.Codec`; audio is float32 of shape (samples, channels)."""

    def encode(self, audio: NDArray[np.float32], sample_rate: int, /, *, kbps: float) -> StreamT: ...

    def decode(self, stream: StreamT, /) -> NDArray[np.float32]: ...


def evaluate(
    codec: CodecLike[StreamT],
    reference: Path,
    kbps: Sequence[float],
    *,
    workers: int | None = None,
    metrics: Collection[str] = tuple(METRICS),
    speech: SpeechRule | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Results:
    """Code every file at every rate and measure what comes back.

    A codec is judged by its files: each stream goes through bytes before it is decoded, and the rate is
    that of the bytes. Coding happens in this process; the measures of finished files are taken in others
    meanwhile, started by "spawn": a script that calls this needs the `if __name__ == "__main__"` guard.

    Args:
        codec: encoder and decoder.
        reference: an audio file, or a folder searched recursively, whose first-level folders are domains.
        kbps: the rates to ask for, kbit/s.
        workers: processes that take measures; one per processor if None; 0 takes them in this process,
            between codings, which also keeps the coding times undisturbed.
        metrics: names of the measures to take, all of `METRICS` by default.
        speech: domain -> whether the measures for speech apply. By default they do to the domain "speech",
            or to every file if there are no domain folders.
        progress: called after each measured file and rate with (done, total).

    Raises:
        InputError: no audio, an unreadable file, unusable rates, or a measure whose package is missing.
        BitrateError: a file that cannot meet a rate, named in the message.
        SwcError: a decoded signal of another shape than its original, or a measuring process that died.
    """
    names = check_metrics(metrics)
    rates = _check_rates(kbps)
    clips = find_clips(reference)
    is_speech = speech or speech_rule(clips)
    workers = (os.cpu_count() or 1) if workers is None else workers
    coded: list[Row] = []
    scores: dict[int, dict[str, Any]] = {}
    pending: dict[Future[dict[str, float]], int] = {}

    def collect() -> None:
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            index = pending.pop(future)
            scores[index] = _result(future, coded[index])
            if progress is not None:
                progress(len(scores), len(clips) * len(rates))

    with _executor(workers) as executor:
        for clip, item in _code_all(codec, clips, rates):
            chosen = tuple(n for n in names if not METRICS[n].speech_only or is_speech(clip.domain))
            coded.append(item.row)
            future = executor.submit(take_measures, chosen, item.original, item.decoded, item.sample_rate)
            pending[future] = len(coded) - 1
            while len(pending) > 2 * workers:  # enough to keep them busy, and memory bounded
                collect()
        while pending:
            collect()
    return Results(tuple(replace(row, **scores[index]) for index, row in enumerate(coded)))


def take_measures(names: Sequence[str], ref: Audio, est: Audio, sample_rate: int) -> dict[str, float]:
    """The named measures of one decoded signal, by name."""
    return {name: METRICS[name].function(ref, est, sample_rate) for name in names}


@dataclass(frozen=True, slots=True)
class _Coded:
    row: Row
    original: NDArray[np.float32]
    decoded: NDArray[np.float32]
    sample_rate: int


def _code_all(
    codec: CodecLike[StreamT], clips: Sequence[Clip], rates: Sequence[float]
) -> Iterator[tuple[Clip, _Coded]]:
    for clip in clips:
        audio, sample_rate = read_clip(clip)
        for rate in rates:
            yield clip, _code(codec, clip, audio, sample_rate, rate)


def _code(codec: CodecLike[StreamT], clip: Clip, audio: NDArray[np.float32], sample_rate: int, rate: float) -> _Coded:
    start = time.perf_counter()
    try:
        stream = codec.encode(audio, sample_rate, kbps=rate)
    except BitrateError as error:
        raise BitrateError(f"{clip.file}: {error}") from error
    data = stream.to_bytes()
    encoded = time.perf_counter()
    decoded = codec.decode(type(stream).from_bytes(data))
    finished = time.perf_counter()
    if decoded.shape != audio.shape:
        raise SwcError(f"{clip.file} at {rate:g} kbit/s: decoded {decoded.shape}, original {audio.shape}")
    row = Row(
        file=clip.file,
        domain=clip.domain,
        kbps=rate,
        kbps_measured=len(data) * 8 * sample_rate / (len(audio) * 1000),  # rounded once: 8 never shows as > 8
        seconds=len(audio) / sample_rate,
        encode_seconds=encoded - start,
        decode_seconds=finished - encoded,
    )
    return _Coded(row, audio, decoded, sample_rate)


def _check_rates(kbps: Sequence[float]) -> tuple[float, ...]:
    rates = tuple(dict.fromkeys(float(rate) for rate in kbps))
    if not rates:
        raise InputError("give at least one rate in kbit/s")
    for rate in rates:
        if not (math.isfinite(rate) and rate > 0):
            raise InputError(f"a rate must be a positive number of kbit/s, not {rate:g}")
    return rates


def _result(future: Future[dict[str, float]], row: Row) -> dict[str, float]:
    try:
        return future.result()
    except InputError as error:
        raise InputError(f"{row.file} at {row.kbps:g} kbit/s: {error}") from error


class _Here(Executor):
    """An executor without processes: the work is done when it is submitted."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        future: Future[_T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def _executor(workers: int) -> Iterator[Executor]:
    if workers < 0:
        raise InputError(f"the number of workers must not be negative: {workers}")
    # Not "fork": a child would inherit the locks of torch's threads, and none of the threads.
    context = multiprocessing.get_context("spawn")
    executor: Executor = _Here()
    if workers:
        executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_end_on_interrupt)
    try:
        yield executor
    except BrokenProcessPool as error:
        raise SwcError(
            "a measuring process died: out of memory, or PESQ on too long a recording. "
            "Cut recordings into clips of some seconds, or take fewer workers"
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _end_on_interrupt() -> None:
    """Ctrl-C reaches the whole process group: end at once and without a traceback of one's own."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
