"""Recordings on disk -> mono int16 at one rate. Imports no torch: worker processes start quickly."""

from __future__ import annotations

import tarfile
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from swc.audio import AudioReader
from swc.audio.formats import SUFFIXES
from swc.codec.gain import gain_q8, loud_level_db
from swc.config import GainConfig
from swc.errors import InputError

NARROW_HZ = 11_000.0


@dataclass(frozen=True)
class Source:
    """The place of one recording's bytes: a file, or a stretch of an uncompressed tar shard."""

    path: Path
    offset: int = 0
    size: int = -1
    member: str = ""

    @property
    def name(self) -> Path:
        """Path of the recording, inside its shard if it is in one."""
        return Path(self.member) if self.member else self.path

    @property
    def file_size(self) -> int:
        """Size of the file or shard in bytes; -1 if unknown."""
        try:
            return self.path.stat().st_size
        except OSError:
            return -1

    def __str__(self) -> str:
        """For messages."""
        return f"{self.member} in {self.path}" if self.member else str(self.path)

    def read(self) -> tuple[NDArray[np.float32], int]:
        """Mono samples and their rate in Hz, as `swc encode` reads them.

        Raises:
            InputError: as `AudioReader`, or no samples.
        """
        with ExitStack() as files:
            path = self._unpacked(files) if self.member else self.path
            try:
                with AudioReader(path) as reader:
                    blocks = [block.mean(1) for block in reader.blocks()]
            except InputError as error:
                raise InputError(str(error).replace(str(path), str(self))) from None
        if not blocks:
            raise InputError(f"{self} holds no samples")
        return np.concatenate(blocks), reader.sample_rate

    def _unpacked(self, files: ExitStack) -> Path:
        """A temporary file with the bytes in the shard."""
        try:
            with self.path.open("rb") as shard:
                shard.seek(self.offset)
                data = shard.read(self.size)
        except OSError as error:
            raise InputError(f"{self} cannot be read: {error.strerror}") from None
        file = files.enter_context(tempfile.NamedTemporaryFile(suffix=Path(self.member).suffix))  # noqa: SIM115
        file.write(data)
        file.flush()
        return Path(file.name)


@dataclass(frozen=True)
class Recording:
    """One decoded recording.

    Attributes:
        samples: mono int16 (n,).
        gain: to the target level, in 1/256 dB, as in the container.
        bandwidth: Hz up to which there is content.
    """

    samples: NDArray[np.int16]
    gain: int
    bandwidth: float


def find_sources(folder: Path) -> list[Source]:
    """All recordings below a folder, in a fixed order: audio files, and audio members of .tar shards.

    Raises:
        InputError: no such folder, or no audio in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; `data` and `val` take a folder of audio or tar shards")
    named = (p for p in sorted(folder.rglob("*")) if p.suffix.lower() in SUFFIXES)
    sources = [Source(p) for p in named if p.is_file() or (p.is_symlink() and not p.exists())]
    for shard in sorted(folder.rglob("*.tar")):
        try:
            with tarfile.open(shard, "r:") as tar:
                members = sorted((m for m in tar if m.isfile()), key=lambda m: m.name)
        except tarfile.TarError as e:
            raise InputError(f"{shard} is not an uncompressed tar file: {e}; unpack or remove it") from None
        audio = (m for m in members if Path(m.name).suffix.lower() in SUFFIXES)
        sources += [Source(shard, m.offset_data, m.size, m.name) for m in audio]
    if not sources:
        raise InputError(f"no audio in {folder}: expected {', '.join(SUFFIXES)}, or .tar of them")
    return sources


def load(source: Source, sample_rate: int, config: GainConfig) -> Recording:
    """Decode one recording to `sample_rate` Hz.

    Raises:
        InputError: it cannot be read, is empty or holds NaN; the message names it.
    """
    mono, rate = source.read()
    if rate != sample_rate:
        mono = soxr.resample(mono, rate, sample_rate)
    if not len(mono):
        raise InputError(f"{source} is too short: no sample is left at {sample_rate} Hz")
    gain = gain_q8(loud_level_db(mono, sample_rate), config)
    return Recording((np.clip(mono, -1, 1) * 32767).astype(np.int16), gain, bandwidth(mono, sample_rate))


def bandwidth(mono: NDArray[np.float32], sample_rate: int) -> float:
    """Frequency in Hz up to which the mean power spectrum stays within 75 dB of its peak."""
    n = 2048
    if len(mono) < n:
        return sample_rate / 2
    starts = np.linspace(0, len(mono) - n, num=min(200, len(mono) // n)).astype(int)
    frames = mono[starts[:, None] + np.arange(n)] * np.hanning(n).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(frames))).mean(0)
    present = np.flatnonzero(power > power.max() * 10**-7.5)
    return float(present[-1] * sample_rate / n) if len(present) else 0.0
