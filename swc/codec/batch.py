"""Many files to many files, with several workers that load the model once each. Imports no torch by itself."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from swc.bitstream import Header, SalvageReader, StreamReader
from swc.bundle.find import find_bundle
from swc.codec.backends import Backend, check_decoder, load_decoder
from swc.codec.engine import Crew, Engine, Prepare, Progress, Work, work_on
from swc.codec.options import DEFAULT_MODEL, DecodeOptions, EncodeOptions
from swc.codec.pool import local_engine
from swc.codec.transcode import DecodeSummary, EncodeSummary, Report, Summary, decode_stream, encode_file
from swc.errors import InputError
from swc.files import PIPE, open_input

if TYPE_CHECKING:
    from swc.codec.decoding import DecodingCodec

Pairs = Iterable[tuple[str | Path, str | Path]]
"""Sources and targets."""
SummaryT = TypeVar("SummaryT", bound=Summary)


@dataclass(frozen=True)
class Outcome(Generic[SummaryT]):
    """The result for one file.

    Attributes:
        index: of its pair.
        source: read.
        target: written, if there is no error.
        summary: of the work, or None; also None, without an error, if the worker died between its work and its report.
        error: the failure, or None.
        node: of a cluster, that did the work; else empty.
    """

    index: int
    source: str
    target: str
    summary: SummaryT | None
    error: Exception | None
    node: str


def encode_files(
    pairs: Pairs,
    options: EncodeOptions | None = None,
    *,
    model: str | Path = DEFAULT_MODEL,
    device: str = "cpu",
    jobs: int | None = None,
    progress: Progress | None = None,
    engine: Engine = local_engine,
) -> Generator[Outcome[EncodeSummary], None, None]:
    """Encode audio files to .swc files like `encode_file`, and yield the outcome of each as soon as it is known.

    Folders of targets are created. A file that fails, or a worker that dies, does not stop the others. The workers end
    when the iterator does or is closed, and when this process ends, even by SIGKILL.

    Args:
        pairs: sources and targets.
        jobs: workers, at most; None takes as many as the engine has processors for.
        progress: called with the progress of each file, some times a second.
        engine: that has the workers: processes of this machine, or `swc.codec.cluster.ray_engine()`.

    Raises:
        InputError: options out of bounds, a pipe, or a cluster that cannot be used.
        ModelError: no such model.
    """
    options = options or EncodeOptions()
    options.check()
    find_bundle(model)
    return _run(pairs, _Encoding(options, str(model), device), device, jobs, progress, engine)


def decode_files(
    pairs: Pairs,
    options: DecodeOptions | None = None,
    *,
    model: str | Path | None = None,
    device: str = "cpu",
    backend: Backend = "auto",
    jobs: int | None = None,
    progress: Progress | None = None,
    engine: Engine = local_engine,
) -> Generator[Outcome[DecodeSummary], None, None]:
    """Decode .swc files to audio files like `decode_file`; otherwise like `encode_files`.

    Args:
        model: None loads, for each stream, the installed model that it was made with.
        backend: that runs the networks, see `swc.codec.backends`.
    """
    if model is not None:
        check_decoder(model, device, backend)
    name = None if model is None else str(model)
    decoding = _Decoding(options or DecodeOptions(), name, device, backend)
    return _run(pairs, decoding, device, jobs, progress, engine)


def _run(
    pairs: Pairs, prepare: Prepare, device: str, jobs: int | None, progress: Progress | None, engine: Engine
) -> Generator[Outcome[SummaryT], None, None]:
    if jobs is not None and jobs < 1:
        raise InputError(f"`jobs` must be 1 or more, not {jobs}")
    names = [(str(source), str(target)) for source, target in pairs]
    if any(PIPE in pair for pair in names):
        raise InputError("several processes cannot share a pipe (-); name files, or use `encode_file` or `decode_file`")
    return _outcomes(names, engine(prepare, names, device, jobs), progress)


def _outcomes(
    names: list[tuple[str, str]], workers: AbstractContextManager[Crew], progress: Progress | None
) -> Generator[Outcome[SummaryT], None, None]:
    if not names:
        return
    with workers as crew, closing(work_on(names, crew, progress)) as results:
        for index, result, node in results:
            failed = isinstance(result, Exception)
            yield Outcome(index, *names[index], None if failed else result, result if failed else None, node)


@dataclass(frozen=True)
class _Encoding:
    """Prepares a process that encodes."""

    options: EncodeOptions
    model: str
    device: str

    def __call__(self) -> Work:
        from swc.codec.codec import Codec

        codec = Codec.load(self.model, self.device)

        def encode(source: str, target: str, report: Report) -> EncodeSummary:
            os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
            return encode_file(codec, source, target, self.options, report)

        return encode


@dataclass(frozen=True)
class _Decoding:
    """Prepares a process that decodes."""

    options: DecodeOptions
    model: str | None
    device: str
    backend: Backend

    def __call__(self) -> Work:
        chosen = load_decoder(self.model, self.device, self.backend) if self.model else None
        loaded: dict[bytes, DecodingCodec] = {}

        def codec_for(header: Header) -> DecodingCodec:
            if chosen is not None:
                return chosen
            if header.fingerprint not in loaded:
                loaded[header.fingerprint] = load_decoder(header, self.device, self.backend)
            return loaded[header.fingerprint]

        def decode(source: str, target: str, report: Report) -> DecodeSummary:
            os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
            with open_input(source) as fp:
                reader = SalvageReader(fp) if self.options.salvage else StreamReader(fp)
                return decode_stream(codec_for(reader.header), reader, target, self.options, report)

        return decode
