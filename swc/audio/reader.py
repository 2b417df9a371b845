"""Audio from a file or a pipe, in blocks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Self

import numpy as np

from swc.audio.blocks import MAX_CHANNELS
from swc.audio.decoders import all_tags, open_decoder, spooled
from swc.audio.notes import Notes, too_many_channels
from swc.audio.riff import is_wav
from swc.audio.sound import Source
from swc.audio.tags import FoundTags, head_tags
from swc.audio.wav import Audio, RawFormat, WavSource
from swc.errors import InputError
from swc.files import PIPE, is_special

_BLOCK = 2**16  # samples
_LIVE_BLOCKS = 4  # blocks a second, from a pipe that may be live: a full block must not take long to arrive


class AudioReader:
    """Audio from a file, or from stdin if the path is `-`, in blocks, to its real end.

    Args:
        path: of the input.
        raw: layout of an input of PCM without a header; None for other inputs.
        salvage: read whatever is left of a truncated or damaged input; otherwise that is an error.

    Attributes:
        name: of the input in messages.
        sample_rate: in Hz.
        channels: 1 to 8, in the order of WAV's channel masks.
        channel_mask: WAVE's dwChannelMask, if the input states an unusual one, else None.
        total_samples: samples a channel, or None if unknown before the end.
        tags: texts under keys that a stream can have; of WAV on a pipe, those before the samples.
        unfit_tags: names of the others (pictures, other keys), and the size of each in bytes.
        notes: oddities of the input, for people; complete once all blocks were read.

    Raises:
        InputError: missing, empty or unreadable input, no audio, more than 8 channels, a truncated file, or a raw file
            that is not a whole number of samples.
    """

    def __init__(self, path: str | Path, raw: RawFormat | None = None, *, salvage: bool = False) -> None:
        self.name = "standard input" if str(path) == PIPE else str(path)
        self._found = FoundTags()
        self._noted = Notes(self.name, salvage)
        self._raw, self._piped = raw, str(path) == PIPE or is_special(path)
        self._resources = ExitStack()
        try:
            file = sys.stdin.buffer if str(path) == PIPE else self._open(Path(path))
            self._source: Source = self._open_raw(file, raw) if raw else self._open_audio(file, Path(path))
            if not 1 <= self._source.channels <= MAX_CHANNELS:
                raise InputError(too_many_channels(self.name, self._source.channels))
            if self._source.sample_rate < 1:
                raise InputError(f"{self.name} states a sample rate of {self._source.sample_rate} Hz")
        except BaseException:
            self._resources.close()
            raise
        self.sample_rate = self._source.sample_rate
        self.channels = self._source.channels
        self.channel_mask = self._source.channel_mask
        self.total_samples = self._source.total_samples
        self.tags, self.unfit_tags = self._found.tags, self._found.unfit

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def notes(self) -> list[str]:
        return self._noted.messages

    def close(self) -> None:
        """Release the file; further calls do nothing."""
        self._resources.close()

    def blocks(self, samples: int | None = None, *, live: bool = False) -> Iterator[Audio]:
        """Yield arrays (<= samples, channels) until the end; only the last one may be shorter, unless `live`.

        By default, `samples` is a quarter of a second of a pipe, and more of a file.

        Args:
            live: of a pipe of WAV or raw PCM, yield what there is, and wait for nothing else.

        Raises:
            InputError: the input ends before its stated length, is raw and empty, or holds NaN or infinity.
        """
        size = samples or (max(1, self.sample_rate // _LIVE_BLOCKS) if self._piped else _BLOCK)
        position = 0
        while len(block := self._read(size, live)):
            if not np.isfinite(block).all():
                raise InputError(f"{self.name} holds NaN or infinite samples after sample {position}; repair it first")
            position += len(block)
            yield block
        if self._raw and not position:  # other inputs were checked when they were opened
            raise InputError(self._empty())
        if self.total_samples is not None and position < self.total_samples:
            self._noted.ends_early(position, self.total_samples)

    def _read(self, samples: int, live: bool) -> Audio:
        """A full block, except for the last one; or as much as there is of live audio."""
        if live and isinstance(self._source, WavSource):
            return self._source.read(samples, wait=False)
        block = self._source.read(samples)
        while 0 < len(block) < samples and len(more := self._source.read(samples - len(block))):
            block = np.concatenate([block, more])
        return block

    def _open(self, path: Path) -> IO[bytes]:
        try:
            return self._resources.enter_context(path.open("rb"))
        except FileNotFoundError:
            raise InputError(f"{self.name}: no such file; check the path") from None
        except OSError as error:
            raise InputError(f"{self.name}: cannot be read: {error.strerror}") from None

    def _open_audio(self, file: IO[bytes], path: Path) -> Source:
        """Parse plain WAV as it comes; put anything else from a pipe into a temporary, seekable file."""
        consumed = bytearray(self._read_head(file))
        size = None if self._piped else os.fstat(file.fileno()).st_size
        if is_wav(bytes(consumed)) and (source := WavSource.parse(file, consumed, self._noted, size)):
            piped = self._piped
            self._found = head_tags(bytes(consumed), self._noted) if piped else all_tags(file, path, self._noted)
            return source
        if self._piped:
            file = spooled(bytes(consumed), file, self._resources)
        source_of_file, self._found = open_decoder(file, None if self._piped else path, self._noted, self._resources)
        return source_of_file

    def _open_raw(self, file: IO[bytes], raw: RawFormat) -> Source:
        total = None
        if not self._piped:
            size = os.fstat(file.fileno()).st_size
            total, rest = divmod(size, raw.frame_bytes)
            if rest:
                raise InputError(
                    f"{self.name}: {size} bytes are not a whole number of samples of {raw.frame_bytes} bytes "
                    f"({raw.channels} channels of {raw.bits} bits); check `bits` and `channels`"
                )
        return WavSource.raw(file, raw, total)

    def _read_head(self, file: IO[bytes]) -> bytes:
        head = file.read(12)
        if not head:
            raise InputError(self._empty())
        if head[1:8] == b"SWC\r\n\x1a\n":
            raise InputError(f"{self.name} is a .swc stream already; decode it with swc decode")
        return head

    def _empty(self) -> str:
        return f"{self.name} is empty (0 bytes); pass an audio file"
