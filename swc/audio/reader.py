"""Audio from a file or a pipe, in blocks."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, Self

import numpy as np

from swc.audio.blocks import MAX_CHANNELS
from swc.audio.formats import FORMATS
from swc.audio.tags import read_tags, wav_tags
from swc.audio.wav import PCM, Audio, RawFormat, WavSource, is_wav
from swc.bitstream import Tags
from swc.errors import InputError
from swc.files import PIPE, is_special

if TYPE_CHECKING:
    import soundfile as sf

_BLOCK = 2**16  # samples
_LIVE_BLOCKS = 4  # a second, from a pipe that may be live: a full block must not take long to come

_UNKNOWN_FRAMES = 2**62  # libsndfile counts at or above this mean "not known"


class _Source(Protocol):
    sample_rate: int
    channels: int
    total_samples: int | None

    def read(self, samples: int) -> Audio: ...


class AudioReader:
    """Audio from a file, or from a pipe where the path is `-`, in blocks.

    Args:
        path: of the input.
        raw: how to take an input of PCM without a header; None for one that says itself what it is.

    Attributes:
        name: how messages call the input.
        sample_rate: in Hz.
        channels: 1 to 8.
        total_samples: samples a channel, or None where the input does not say.
        tags: those of the nine that libsndfile knows which the input has; of WAV on a pipe, those ahead of the samples.

    Raises:
        InputError: missing, empty or unreadable input, no audio, more than 8 channels, or a raw file that is not
            made of whole samples.
    """

    def __init__(self, path: str | Path, raw: RawFormat | None = None) -> None:
        self.name = "standard input" if str(path) == PIPE else str(path)
        self.tags: Tags = ()
        self._raw, self._piped = raw, str(path) == PIPE or is_special(path)
        self._resources = ExitStack()
        try:
            file = sys.stdin.buffer if str(path) == PIPE else self._open(Path(path))
            if raw:
                self._source: _Source = self._open_raw(file, raw)
            elif self._piped:
                self._source = self._open_stream(file)
            else:
                self._source = self._open_file(file, Path(path))
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

    def blocks(self, samples: int | None = None) -> Iterator[Audio]:
        """Yield arrays (<= samples, channels) until the end; only the last one may be shorter.

        Left out, `samples` is a quarter of a second of a pipe, and more of a file.

        Raises:
            InputError: the input ends before its stated length, is raw and empty, or holds NaN or infinity.
        """
        size = samples or (max(1, self.sample_rate // _LIVE_BLOCKS) if self._piped else _BLOCK)
        position = 0
        while len(block := self._source.read(size)):
            if not np.isfinite(block).all():
                raise InputError(f"{self.name} holds NaN or infinite samples after sample {position}; repair it first")
            position += len(block)
            yield block
        if self._raw and not position:  # other inputs were seen to hold something when they were opened
            raise InputError(self._empty())
        if self.total_samples is not None and position < self.total_samples:
            raise InputError(
                f"{self.name} ends after {position} of the {self.total_samples} samples its header states; "
                "the file is damaged or was cut: fetch it again"
            )

    def _open(self, path: Path) -> IO[bytes]:
        try:
            return self._resources.enter_context(path.open("rb"))
        except FileNotFoundError:
            raise InputError(f"{self.name}: no such file; check the path") from None
        except OSError as error:
            raise InputError(f"{self.name}: cannot be read: {error.strerror}") from None

    def _open_file(self, file: IO[bytes], path: Path) -> _Source:
        head = self._read_head(file)
        source = self._open_decoder(path)
        if source.total_samples == 0 and is_wav(head):  # perhaps a recorder never came back to set the length
            file.seek(0)
            unfinished = WavSource.parse(file, bytearray())
            start = file.tell()
            if unfinished and file.seek(0, 2) > start:
                file.seek(start)
                return unfinished
        return source

    def _open_stream(self, pipe: IO[bytes]) -> _Source:
        """Parse plain WAV as it comes; put anything else into a temporary file, which can seek."""
        head = self._read_head(pipe)
        consumed = bytearray(head)
        if is_wav(head) and (source := WavSource.parse(pipe, consumed)):
            self.tags = wav_tags(bytes(consumed))
            return source
        spool = self._resources.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        spool.write(consumed)
        shutil.copyfileobj(pipe, spool)
        spool.seek(0)
        return self._open_decoder(spool.fileno())

    def _open_raw(self, file: IO[bytes], raw: RawFormat) -> _Source:
        total = None
        if not self._piped:
            size = os.fstat(file.fileno()).st_size
            total, rest = divmod(size, raw.frame_bytes)
            if rest:
                raise InputError(
                    f"{self.name}: {size} bytes are not a whole number of samples of {raw.frame_bytes} bytes "
                    f"({raw.channels} channels of {raw.bits} bits); check `bits` and `channels`"
                )
        return WavSource(file, raw.sample_rate, raw.channels, PCM[raw.bits], total)

    def _read_head(self, file: IO[bytes]) -> bytes:
        head = file.read(12)
        if not head:
            raise InputError(self._empty())
        if head[1:8] == b"SWC\r\n\x1a\n":
            raise InputError(f"{self.name} is a .swc stream already; turn it into audio with swc decode")
        return head

    def _empty(self) -> str:
        return f"{self.name} is empty (0 bytes); pass an audio file"

    def _open_decoder(self, file: Path | int) -> _Source:
        """Let libsndfile read a path or a descriptor; a file object would swallow an interrupt in its callbacks."""
        import soundfile as sf

        try:
            sound = self._resources.enter_context(sf.SoundFile(file, closefd=False))
        except (sf.SoundFileError, TypeError) as error:  # TypeError: headerless .raw, whose rate nobody knows
            reason = getattr(error, "error_string", "no header").strip().rstrip(".") or "unknown contents"
            raise InputError(
                f"{self.name} is no audio that swc can read ({reason}); it reads {FORMATS}, "
                "convert other kinds first: ffmpeg -i IN out.wav"
            ) from None
        self.tags = read_tags(sound)
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
