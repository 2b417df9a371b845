"""Blocks of audio to a file of any format, or to a pipe as WAV."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, get_args

import numpy as np
import numpy.typing as npt

from swc.audio import comments
from swc.audio.channels import to_xiph
from swc.audio.formats import CONTAINERS, FORMATS
from swc.audio.sinks import PcmSink, WavSink, quantized
from swc.audio.tags import set_tags, split_tags
from swc.audio.wav import Audio, Bits
from swc.bitstream import Tags
from swc.errors import InputError
from swc.files import PIPE, Output, is_special, open_output, replacing

_WRITE_BLOCK = 2**16  # libsndfile's Vorbis encoder overflows its stack on much longer writes
_PROBE = 2**16  # bytes
_COMMON_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


class _Sink(Protocol):
    def write(self, block: Audio) -> None: ...

    def finish(self) -> None: ...


class AudioWriter:
    """Writes blocks (samples, channels) to a file whose suffix gives the format, or as WAV to a pipe.

    The file appears under its name only when the `with` block ends without an error. Samples are clipped to
    [-1, 1] unless `bits` is "float". A pipe (`-`) gets a WAV header with the length if `total_samples`
    is known, else with 0xFFFFFFFF as its lengths.

    Args:
        path: of the output, or `-`.
        sample_rate: in Hz.
        channels: of every block.
        bits: of a sample.
        total_samples: per channel, where known.
        tags: keys and values; FLAC and Ogg hold all, other formats at most the nine that libsndfile knows.
        channel_mask: WAVE's dwChannelMask, which WAV can hold; None for the usual one for so many channels.
        raw: PCM without a header, whatever the suffix.

    Attributes:
        channels: of every block, in the order of WAV's channel masks.
        peak: largest absolute sample so far.
        tags_left_out: tags that the format cannot hold; empty for raw PCM, which has no tags.
        clipped: samples beyond full scale so far, which were clipped to it; 0 where `bits` is "float".

    Raises:
        InputError: an unknown suffix, a format that cannot hold this rate, channel count or depth, or a file that
            cannot be written.
        OSError: a pipe or raw file that cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        sample_rate: int,
        channels: int,
        *,
        bits: Bits = "16",
        total_samples: int | None = None,
        tags: Iterable[tuple[str, str]] = (),
        channel_mask: int | None = None,
        raw: bool = False,
    ) -> None:
        if bits not in get_args(Bits):
            raise InputError(f"{bits} bits: choose one of {', '.join(get_args(Bits))}")
        self.channels, self.peak, self.clipped = channels, 0.0, 0
        self._clips = bits != "float"
        pipe = str(path) == PIPE or is_special(path)
        container = "WAV" if pipe else _container(path)
        tags, texts, self.tags_left_out = _placed(container, total_samples, () if raw else tuple(tags))
        wav = (sample_rate, channels, bits, total_samples, texts, channel_mask)
        with ExitStack() as opening:
            if raw:
                self._sink: _Sink = PcmSink(opening.enter_context(open_output(path)), bits)
            elif pipe:
                self._sink = WavSink(opening.enter_context(open_output(path)), *wav)
            elif container in ("WAV", "RF64"):
                file = opening.enter_context(opening.enter_context(replacing(path)).open("wb", buffering=0))
                self._sink = WavSink(Output(file, str(path)), *wav, file)
            else:
                temporary = opening.enter_context(replacing(path))
                self._sink = _FileSink(temporary, Path(path), sample_rate, channels, bits, tags)
                opening.callback(self._sink.close)
                set_tags(self._sink.sound, texts)
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
        if len(block):
            level = np.abs(block)
            self.peak = max(self.peak, float(level.max()))
            if self._clips:
                self.clipped += int(np.count_nonzero(level > 1))
        for start in range(0, len(block), _WRITE_BLOCK):
            self._sink.write(block[start : start + _WRITE_BLOCK])


def _placed(container: str, total_samples: int | None, tags: Tags) -> tuple[Tags, dict[str, str], Tags]:
    """The tags that become Vorbis comments, libsndfile's texts, and those that are left out."""
    if total_samples == 0:  # libsndfile would give the file a wrong length
        return (), {}, tags
    if container in comments.FORMATS:
        return tags, {}, ()
    return (), *split_tags(container, tags)


def _container(path: str | Path) -> str:
    """libsndfile's name of the format that a suffix stands for."""
    suffix = Path(path).suffix.lower().lstrip(".")
    return CONTAINERS.get(suffix, suffix.upper())


class _FileSink:
    """Any format of libsndfile, at a path.

    Args:
        tags: to be written as Vorbis comments.

    Attributes:
        sound: libsndfile's file.
    """

    def __init__(self, file: Path, named: Path, sample_rate: int, channels: int, bits: Bits, tags: Tags = ()) -> None:
        import soundfile as sf

        self._name = named
        self._file, self._tags = file, tags
        container = _container(named)
        if container in ("RAW", "SD2") or container not in sf.available_formats():  # SD2 is two files
            raise InputError(f"{named}: {named.suffix!r} is not the suffix of an audio format; use one of {FORMATS}")
        subtype = {"16": "PCM_16", "24": "PCM_24", "float": "FLOAT"}[bits]
        if not sf.check_format(container, subtype):
            if bits != "16":
                raise InputError(f"{named}: {container} cannot hold {bits} bits a sample; use .wav, or `bits` 16")
            subtype = "OPUS" if named.suffix.lower() == ".opus" else sf.default_subtype(container)
        if not _holds(container, subtype, sample_rate, channels):
            raise InputError(f"{named}: {_advice(container, subtype, sample_rate, channels)}")
        self._kind = {"PCM_16": "i2", "PCM_24": "i3"}.get(subtype, "f4")
        self._clip = bits != "float"
        self._order = to_xiph(channels) if container == "OGG" else None
        try:
            self.sound = sf.SoundFile(os.fsencode(file), "w", sample_rate, channels, subtype, format=container)
        except sf.SoundFileError as error:
            raise InputError(
                f"{named}: cannot write {channels} x {sample_rate} Hz as {container} ({_reason(error)}); use .wav"
            ) from None
        if tags:
            comments.reserve(self.sound, tags)

    def write(self, block: Audio) -> None:
        if self._order is not None:
            block = block[:, self._order]
        if self._kind == "f4":
            data: npt.NDArray[np.generic] = block.clip(-1, 1) if self._clip else block
        elif self._kind == "i3":
            data = quantized(block, 24).astype(np.int32) << 8
        else:
            data = quantized(block, 16).astype(np.int16)
        self._call("write", np.ascontiguousarray(data))

    def finish(self) -> None:
        self.close()
        try:
            self._probe()  # libsndfile does not report that the last bytes found no room
        except OSError as error:
            raise InputError(f"{self._name}: cannot be written: {error.strerror}") from None
        if not self._file.stat().st_size:
            raise InputError(f"{self._name}: this format cannot hold audio of 0 samples; use .wav")
        if self._tags:
            comments.put_tags(self._file, self._tags)

    def close(self) -> None:
        self._call("close")

    def _probe(self) -> None:
        """Raise OSError where the file cannot grow, as on a full disk."""
        with self._file.open("ab", buffering=0) as file:
            size = file.tell()
            try:
                Output(file, str(self._name)).write(bytes(_PROBE))
            finally:
                file.truncate(size)

    def _call(self, method: str, *args: object) -> None:
        import soundfile as sf

        try:
            getattr(self.sound, method)(*args)
        except sf.SoundFileError as error:
            reason = _reason(error)
            try:
                self._probe()  # libsndfile says only "System error"
            except OSError as cause:
                reason = cause.strerror or reason
            raise InputError(f"{self._name}: cannot be written: {reason}") from None


def _holds(container: str, subtype: str, sample_rate: int, channels: int) -> bool:
    """Whether a file of this kind states the rate and channels it was given: some formats change them silently."""
    import soundfile as sf

    memory = io.BytesIO()
    try:
        with sf.SoundFile(memory, "w", sample_rate, channels, subtype, format=container) as file:
            file.write(np.zeros((1, channels), np.float32))
    except sf.SoundFileError:
        return False
    memory.seek(0)
    try:
        with sf.SoundFile(memory) as file:
            return bool((file.samplerate, file.channels) == (sample_rate, channels))
    except sf.SoundFileError:
        return True  # MP3, which libsndfile does not read from memory, and which takes only its own rates


def _advice(container: str, subtype: str, sample_rate: int, channels: int) -> str:
    """Advice where `_holds` is false: the lowest rate that loses nothing, or another format."""
    kind = "Opus" if subtype == "OPUS" else container
    rates = [rate for rate in _COMMON_RATES if _holds(container, subtype, rate, channels)]
    if not rates:
        return f"{kind} cannot hold {channels} x {sample_rate} Hz; name a .wav or .flac file"
    best = next((rate for rate in rates if rate >= sample_rate), rates[-1])
    return f"{kind} cannot hold {sample_rate} Hz; add `rate` {best}, or name a .wav or .flac file"


def _reason(error: Exception) -> str:
    """libsndfile's message, without the name of the file, which is a temporary one."""
    return str(getattr(error, "error_string", "")).strip().rstrip(".") or "libsndfile does not say why"
