"""Blocks of audio to a file of any format, or to a pipe as WAV."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, get_args

import numpy as np
import numpy.typing as npt

from swc.audio.files import is_special, replacing
from swc.audio.reader import FORMATS
from swc.audio.wav import Audio, Bits, WavSink, quantized
from swc.errors import InputError

_WRITE_BLOCK = 2**16  # libsndfile's Vorbis encoder overflows its stack on much longer writes
_SUFFIX_FORMATS = {"aif": "AIFF", "aifc": "AIFF", "oga": "OGG", "opus": "OGG", "snd": "AU", "wave": "WAV"}


class _Sink(Protocol):
    def write(self, block: Audio) -> None: ...

    def finish(self) -> None: ...


class AudioWriter:
    """Writes blocks (samples, channels) to a file whose suffix says the format, or as WAV to a pipe.

    The file appears under its name only when the `with` block ends well. Samples are clipped to
    [-1, 1] unless `bits` is "float". A pipe (`-`) gets a WAV header with the length if `total_samples`
    is known, else with 0xFFFFFFFF as its lengths.

    Raises:
        InputError: an unknown suffix, or a format that cannot hold this rate, channel count or depth.
    """

    def __init__(
        self,
        path: str | Path,
        sample_rate: int,
        channels: int,
        *,
        bits: Bits = "16",
        total_samples: int | None = None,
    ) -> None:
        if bits not in get_args(Bits):
            raise InputError(f"{bits} bits: choose one of {', '.join(get_args(Bits))}")
        self.channels = channels
        with ExitStack() as opening:
            if str(path) == "-" or is_special(path):
                file = sys.stdout.buffer if str(path) == "-" else opening.enter_context(open(path, "wb"))
                self._sink: _Sink = WavSink(file, sample_rate, channels, bits, total_samples)
            else:
                temporary = opening.enter_context(replacing(path))
                self._sink = _FileSink(temporary, Path(path), sample_rate, channels, bits, total_samples)
                opening.callback(self._sink.close)
            self._resources = opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if value is not None:
            self._resources.__exit__(kind, value, trace)
            return
        with self._resources:
            self._sink.finish()

    def write(self, block: Audio) -> None:
        """Append samples, shape (samples, channels)."""
        if block.ndim != 2 or block.shape[1] != self.channels:
            raise ValueError(f"expected shape (samples, {self.channels}), got {block.shape}")
        for start in range(0, len(block), _WRITE_BLOCK):
            self._sink.write(block[start : start + _WRITE_BLOCK])


class _FileSink:
    """Any format of libsndfile, at a path."""

    def __init__(
        self, file: Path, named: Path, sample_rate: int, channels: int, bits: Bits, total_samples: int | None
    ) -> None:
        import soundfile as sf

        self._name = named
        self._file = file
        suffix = named.suffix.lower().lstrip(".")
        container = _SUFFIX_FORMATS.get(suffix, suffix.upper())
        if container == "RAW" or container not in sf.available_formats():
            raise InputError(f"{named}: no audio format goes by the suffix {named.suffix!r}; use one of {FORMATS}")
        subtype = {"16": "PCM_16", "24": "PCM_24", "float": "FLOAT"}[bits]
        if not sf.check_format(container, subtype):
            if bits != "16":
                raise InputError(f"{named}: {container} cannot hold {bits} bits a sample; use .wav, or --bits 16")
            subtype = "OPUS" if suffix == "opus" else sf.default_subtype(container)
        if container == "WAV" and (total_samples or 0) * channels * 4 >= 2**32:
            container = "RF64"  # beyond 4 GiB
        self._kind = {"PCM_16": "i2", "PCM_24": "i3"}.get(subtype, "f4")
        self._clip = bits != "float"
        try:
            self._sound = sf.SoundFile(file, "w", sample_rate, channels, subtype, format=container)
        except sf.SoundFileError as error:
            raise InputError(f"{named}: cannot write {channels} x {sample_rate} Hz as {container}: {error}") from None

    def write(self, block: Audio) -> None:
        if self._kind == "f4":
            data: npt.NDArray[np.generic] = block.clip(-1, 1) if self._clip else block
        elif self._kind == "i3":
            data = quantized(block, 24).astype(np.int32) << 8
        else:
            data = quantized(block, 16).astype(np.int16)
        self._call("write", data)

    def finish(self) -> None:
        self.close()
        if not self._file.stat().st_size:
            raise InputError(f"{self._name}: this format cannot hold audio of 0 samples; use .wav")

    def close(self) -> None:
        self._call("close")

    def _call(self, method: str, *args: object) -> None:
        import soundfile as sf

        try:
            getattr(self._sound, method)(*args)
        except sf.SoundFileError as error:
            raise InputError(f"{self._name}: cannot be written: {error}") from None
