"""Audio from a file or a pipe, in blocks."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, Self

import numpy as np

from swc.audio.blocks import MAX_CHANNELS
from swc.audio.wav import Audio, WavSource, is_wav
from swc.errors import InputError

if TYPE_CHECKING:
    import soundfile as sf

FORMATS = "WAV, FLAC, Ogg (Vorbis or Opus), MP3, AIFF, CAF, AU"

_UNKNOWN_FRAMES = 2**62  # libsndfile counts at or above this mean "not known"


class _Source(Protocol):
    sample_rate: int
    channels: int
    total_samples: int | None

    def read(self, samples: int) -> Audio: ...


class AudioReader:
    """Audio from a file, or from a pipe where the path is `-`, in blocks.

    Attributes:
        name: how messages call the input.
        sample_rate: in Hz.
        channels: 1 to 8.
        total_samples: samples a channel, or None where the input does not say.

    Raises:
        InputError: missing, empty or unreadable input, no audio, or more than 8 channels.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = "standard input" if str(path) == "-" else str(path)
        self._resources = ExitStack()
        try:
            self._source = self._open_pipe(sys.stdin.buffer) if str(path) == "-" else self._open_file(Path(path))
            if not 1 <= self._source.channels <= MAX_CHANNELS:
                raise InputError(
                    f"{self.name} has {self._source.channels} channels, swc takes 1 to {MAX_CHANNELS}; "
                    "mix them down first: ffmpeg -i IN -ac 2 out.wav"
                )
            if self._source.sample_rate < 1:
                raise InputError(f"{self.name} states a sample rate of {self._source.sample_rate} Hz")
        except BaseException:
            self._resources.close()
            raise
        self.sample_rate = self._source.sample_rate
        self.channels = self._source.channels
        self.total_samples = self._source.total_samples

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file; further calls do nothing."""
        self._resources.close()

    def blocks(self, samples: int = 65536) -> Iterator[Audio]:
        """Yield arrays (<= samples, channels) until the end; only the last one may be shorter.

        Raises:
            InputError: the input ends before its stated length, or holds NaN or infinity.
        """
        position = 0
        while len(block := self._source.read(samples)):
            if not np.isfinite(block).all():
                raise InputError(f"{self.name} holds NaN or infinite samples after sample {position}; repair it first")
            position += len(block)
            yield block
        if self.total_samples is not None and position < self.total_samples:
            raise InputError(
                f"{self.name} ends after {position} of the {self.total_samples} samples its header states; "
                "the file is damaged or was cut: fetch it again"
            )

    def _open_file(self, path: Path) -> _Source:
        try:
            file = self._resources.enter_context(path.open("rb"))
            head = file.read(12)
        except FileNotFoundError:
            raise InputError(f"{self.name}: no such file; check the path") from None
        except OSError as error:
            raise InputError(f"{self.name}: cannot be read: {error.strerror}") from None
        self._check_head(head)
        if not file.seekable():  # a named pipe
            return self._open_stream(file, head)
        source = self._open_decoder(path)
        if source.total_samples == 0 and is_wav(head):  # perhaps a recorder never came back to set the length
            file.seek(0)
            unfinished = WavSource.parse(file, bytearray())
            start = file.tell()
            if unfinished and file.seek(0, 2) > start:
                file.seek(start)
                return unfinished
        return source

    def _open_pipe(self, pipe: IO[bytes]) -> _Source:
        head = pipe.read(12)
        self._check_head(head)
        return self._open_stream(pipe, head)

    def _open_stream(self, pipe: IO[bytes], head: bytes) -> _Source:
        """Parse plain WAV as it comes; put anything else into a temporary file, which can seek."""
        consumed = bytearray(head)
        if is_wav(head) and (source := WavSource.parse(pipe, consumed)):
            return source
        spool = self._resources.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        spool.write(consumed)
        shutil.copyfileobj(pipe, spool)
        spool.seek(0)
        return self._open_decoder(spool)

    def _check_head(self, head: bytes) -> None:
        if not head:
            raise InputError(f"{self.name} is empty (0 bytes); pass an audio file")
        if head[1:8] == b"SWC\r\n\x1a\n":
            raise InputError(f"{self.name} is a .swc stream already; turn it into audio with swc decode")

    def _open_decoder(self, file: Path | IO[bytes]) -> _Source:
        import soundfile as sf

        try:
            sound = self._resources.enter_context(sf.SoundFile(file))
        except (sf.SoundFileError, TypeError) as error:  # TypeError: headerless .raw, whose rate nobody knows
            reason = getattr(error, "error_string", "no header").strip().rstrip(".") or "unknown contents"
            raise InputError(
                f"{self.name} is no audio that swc can read ({reason}); it reads {FORMATS}, "
                "convert other kinds first: ffmpeg -i IN out.wav"
            ) from None
        return _SoundFileSource(sound, self.name)


class _SoundFileSource:
    def __init__(self, sound: sf.SoundFile, name: str) -> None:
        self._sound = sound
        self._name = name
        self.sample_rate = int(sound.samplerate)
        self.channels = int(sound.channels)
        self.total_samples = int(sound.frames) if sound.frames < _UNKNOWN_FRAMES else None

    def read(self, samples: int) -> Audio:
        import soundfile as sf

        try:
            block: Audio = self._sound.read(samples, dtype="float32", always_2d=True)
        except sf.LibsndfileError as error:
            raise InputError(f"{self._name} is damaged: {error}") from None
        return block
