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
from swc.evaluation._signals import Audio
from swc.evaluation.clips import Clip, SpeechRule, find_clips, read_clip, speech_rule
from swc.evaluation.registry import MEASURES, METRICS, check_metrics
from swc.evaluation.results import Failure, Results, Row
from swc.threads import configure, share

_P = ParamSpec("_P")
_T = TypeVar("_T")


class StreamLike(Protocol):
    """The part of `swc.bitstream.Stream` that evaluation needs: conversion to bytes and back."""

    def to_bytes(self) -> bytes: ...

    @classmethod
    def from_bytes(cls, data: bytes, /) -> Self: ...


StreamT = TypeVar("StreamT", bound=StreamLike)


class CodecLike(Protocol[StreamT]):
    """The part of `swc.codec.codec.Codec` that evaluation needs; audio is float32 of shape (samples, channels)."""

    def encode(self, audio: NDArray[np.float32], sample_rate: int, /, *, kbps: float) -> StreamT: ...

    def decode(self, stream: StreamT, /) -> NDArray[np.float32]: ...


def evaluate(
    codec: CodecLike[StreamT],
    reference: Path,
    kbps: Sequence[float],
    *,
    limit: int | None = None,
    workers: int | None = None,
    metrics: Collection[str] = MEASURES,
    speech: SpeechRule | None = None,
    progress: Callable[[int, int], None] | None = None,
    failed: Callable[[Failure], None] | None = None,
    noted: Callable[[str], None] | None = None,
) -> Results:
    """Encode and decode every file at every rate, and measure the result.

    A codec is judged by its files: each stream goes through bytes before it is decoded, and the rate is
    that of the bytes. Coding happens in this process; meanwhile the measures of finished files are taken in others,
    started by "spawn": a script that calls this needs the `if __name__ == "__main__"` guard.
    Files that cannot be read, coded at a rate or measured are left out, and listed among the failures.

    Args:
        codec: encoder and decoder.
        reference: an audio file, or a folder searched recursively, whose first-level folders are domains.
        kbps: target rates, kbit/s.
        limit: take only so many of the files, spread evenly.
        workers: processes that take measures; one per processor if None; 0 takes them in this process,
            between codings, which also keeps the coding times undisturbed.
        metrics: names of the measures to take, keys of `METRICS`; `MEASURES` by default, which are all but the judges.
        speech: domain -> whether measures and judges of speech apply. By default they do to the domain "speech",
            or to every file if there are no domain folders.
        progress: called after each file and rate with (done, total).
        failed: called with each failure at once.
        noted: called with each sentence about an oddity of a file.

    Raises:
        InputError: no audio, unusable rates, a measure whose package is missing, judges without any speech, or the
            first failure (perhaps a BitrateError) if nothing could be measured.
        SwcError: a decoded signal of another shape than its original, or a measuring process that died.
    """
    names = check_metrics(metrics)
    rates = _check_rates(kbps)
    clips = find_clips(reference, limit)
    is_speech = speech or speech_rule(clips)
    if any(METRICS[n].judge for n in names) and not any(is_speech(clip.domain) for clip in clips):
        raise InputError(
            f"judges need speech, and no recording in {reference} counts as such: "
            "name its folders of speech with `speech`, or rename one to speech"
        )
    workers = (os.cpu_count() or 1) if workers is None else workers
    run = _Run(len(clips) * len(rates), progress, failed, noted)
    with _executor(workers) as executor:
        for clip in clips:
            chosen = tuple(n for n in names if not METRICS[n].speech_only or is_speech(clip.domain))
            for item in run.coded(codec, clip, rates):
                run.add(item.row, executor.submit(take_measures, chosen, item.original, item.decoded, item.sample_rate))
                while len(run.pending) > 2 * workers:  # enough to keep them busy with bounded memory
                    run.collect()
        while run.pending:
            run.collect()
    return run.results()


def take_measures(names: Sequence[str], ref: Audio, est: Audio, sample_rate: int) -> dict[str, float]:
    """The named measures of one decoded signal, by name."""
    return {name: METRICS[name].function(ref, est, sample_rate) for name in names}


@dataclass(frozen=True, slots=True)
class _Coded:
    row: Row
    original: NDArray[np.float32]
    decoded: NDArray[np.float32]
    sample_rate: int


class _Run:
    """Files coded, being measured and measured so far."""

    def __init__(
        self,
        total: int,
        progress: Callable[[int, int], None] | None,
        failed: Callable[[Failure], None] | None,
        noted: Callable[[str], None] | None,
    ) -> None:
        self.pending: dict[Future[dict[str, float]], int] = {}
        self._total, self._done = total, 0
        self._progress, self._failed, self._noted = progress, failed, noted
        self._coded: list[Row] = []
        self._scores: dict[int, dict[str, Any]] = {}
        self._failures: list[Failure] = []
        self._first: InputError | None = None

    def coded(self, codec: CodecLike[StreamT], clip: Clip, rates: Sequence[float]) -> Iterator[_Coded]:
        """A file encoded and decoded at each rate that is possible."""
        try:
            audio, sample_rate = read_clip(clip, self._noted)
        except InputError as error:
            self._fail(error, Failure(clip.file, None, str(error)), len(rates))
            return
        for rate in rates:
            try:
                yield _code(codec, clip, audio, sample_rate, rate)
            except InputError as error:
                self._fail(error, Failure(clip.file, rate, str(error)))

    def add(self, row: Row, scores: Future[dict[str, float]]) -> None:
        """Wait for the scores of a row."""
        self.pending[scores] = len(self._coded)
        self._coded.append(row)

    def collect(self) -> None:
        """Take the next scores that are ready."""
        for future in wait(self.pending, return_when=FIRST_COMPLETED).done:
            index = self.pending.pop(future)
            row = self._coded[index]
            try:
                self._scores[index] = future.result()
            except InputError as error:
                error = _placed(error, row.file, row.kbps)
                self._fail(error, Failure(row.file, row.kbps, str(error)))
            else:
                self._step()

    def results(self) -> Results:
        """The results; an error if there are none."""
        if self._first is not None and not self._scores:
            raise self._first
        rows = (replace(row, **self._scores[i]) for i, row in enumerate(self._coded) if i in self._scores)
        return Results(tuple(rows), tuple(self._failures))

    def _fail(self, error: InputError, failure: Failure, steps: int = 1) -> None:
        self._first = self._first or error
        self._failures.append(failure)
        if self._failed is not None:
            self._failed(failure)
        self._step(steps)

    def _step(self, count: int = 1) -> None:
        self._done += count
        if self._progress is not None:
            self._progress(self._done, self._total)


def _code(codec: CodecLike[StreamT], clip: Clip, audio: NDArray[np.float32], sample_rate: int, rate: float) -> _Coded:
    start = time.perf_counter()
    try:
        stream = codec.encode(audio, sample_rate, kbps=rate)
    except InputError as error:
        raise _placed(error, clip.file, rate) from error
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


def _placed(error: InputError, file: str, rate: float) -> InputError:
    """An error of the same kind that names file and rate."""
    kind = BitrateError if isinstance(error, BitrateError) else InputError
    return kind(f"{file} at {rate:g} kbit/s: {error}")


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
        executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(share(workers),))
    try:
        yield executor
    except BrokenProcessPool as error:
        raise SwcError(
            "a measuring process died: out of memory, or PESQ on too long a recording. "
            "Cut recordings into clips of some seconds, or use fewer workers"
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _begin(threads: int) -> None:
    """Set up a measuring process before it imports anything large."""
    configure(threads)
    # Ctrl-C reaches the whole process group: end at once and without another traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
