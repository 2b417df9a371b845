"""Audio that libsndfile cannot read, through PyAV (FFmpeg's libraries), which is optional."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from swc.audio.blocks import MAX_CHANNELS
from swc.audio.channels import from_names, stated_mask
from swc.audio.notes import Notes, too_many_channels
from swc.audio.sound import UnreadableError
from swc.audio.tags import named_tags
from swc.audio.wav import Audio
from swc.errors import InputError

if TYPE_CHECKING:
    from contextlib import ExitStack

INSTALL = "to read more formats: pip install 'swc-codec[av]'"

_DEMUXERS = (  # single files of audio; playlists and other formats that name files are not allowed
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,iff,loas,matroska,webm,mlp,mov,mp4,"
    "m4a,mp3,mpc,mpc8,mpeg,mpegts,ogg,oma,rm,shn,tak,truehd,tta,w64,wav,wv,xwma"
)
_TELL_DURATION = ("mov", "matroska", "caf", "flac", "ape", "tta", "wv")
_CONVERT = "convert it first: ffmpeg -i IN out.wav"
_TOLERANCE = 0.5  # seconds by which a stated duration may exceed the audio


def is_installed() -> bool:
    """Whether PyAV can be imported."""
    try:
        import av  # noqa: F401
    except ImportError:
        return False
    return True


class AvSource:
    """The first audio stream of whatever FFmpeg can read, as float32 in WAV's order of channels.

    Args:
        file: at any position; it must stay open.
        resources: closed with the reader.
        notes: for oddities.
        samples: per channel, where they were counted.

    Attributes:
        tags: of the file.

    Raises:
        UnreadableError: no audio that FFmpeg can read.
        InputError: also from `read`: damage, or an end before the stated one.
    """

    def __init__(self, file: IO[bytes], resources: ExitStack, notes: Notes, samples: int | None = None) -> None:
        import av

        self.total_samples = samples
        self._notes, self._position = notes, 0
        file.seek(0)
        try:
            options = {"format_whitelist": _DEMUXERS, "protocol_whitelist": ""}
            self._container: Any = resources.enter_context(
                av.open(_Patient(file), options=options, metadata_errors="replace")
            )
            streams = self._container.streams.audio
        except (av.FFmpegError, OSError, ValueError) as error:
            raise UnreadableError(_reason(error)) from None
        self.tags = named_tags(self._container.metadata.items())
        if not streams:
            raise UnreadableError("it holds no audio")
        if streams[0].codec_context is None:  # PyAV would end the process
            raise UnreadableError("FFmpeg does not know its audio codec")
        if len(streams) > 1:
            notes.say(f"holds {len(streams)} streams of audio; the first is used")
        self._stream = streams[0]
        self.sample_rate, self.channels = 0, 0
        self.channel_mask: int | None = None
        self._order: tuple[int, ...] | None = None
        self._frames = self._decode()
        first = next(self._frames, None)
        if first is None:
            raise UnreadableError("it holds no audio that FFmpeg can decode")
        self._pending = first

    def read(self, samples: int) -> Audio:
        """Up to `samples` samples, shape (n, channels); n = 0 at the end."""
        while not len(self._pending):
            frame = next(self._frames, None)
            if frame is None:
                break
            self._pending = frame
        block, self._pending = self._pending[:samples], self._pending[samples:]
        return block

    def _decode(self) -> Iterator[Audio]:
        import av

        layout, damaged = None, False
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
                frames = packet.decode() if packet is not None else []
                for frame in frames:
                    _keep_layout(frame)
            except (av.FFmpegError, OSError, ValueError) as error:
                if not damaged:
                    self._notes.lost(f"is damaged after {self._position} samples ({_reason(error)})")
                damaged = True
                continue
            if packet is None:
                break
            for frame in frames:
                self._check_channels(frame.layout.nb_channels)
                if layout is None:
                    layout = self._set_layout(frame)
                try:
                    block = _to_float(frame)
                except ValueError as error:  # samples of 64 bits
                    raise InputError(f"{self._notes.name}: {_reason(error)}; {_CONVERT}") from None
                if (frame.sample_rate, block.shape[1]) != layout:
                    raise InputError(
                        f"{self._notes.name} changes its rate or channels after {self._position} samples; {_CONVERT}"
                    )
                self._position += len(block)
                yield block if self._order is None else np.ascontiguousarray(block[:, self._order])
        if self._position:
            self._check_duration()

    def _check_channels(self, channels: int) -> None:
        if channels > MAX_CHANNELS:  # beyond 8, PyAV reads out of bounds
            raise InputError(too_many_channels(self._notes.name, channels))

    def _set_layout(self, frame: Any) -> tuple[int, int]:
        self.sample_rate = int(frame.sample_rate)
        channels = [channel.name for channel in frame.layout.channels]
        self._order, mask = from_names(channels)
        self.channels, self.channel_mask = len(channels), stated_mask(mask, len(channels))
        return self.sample_rate, self.channels

    def _check_duration(self) -> None:
        container, stream = self._container, self._stream
        if self.total_samples is not None or container.format.name.split(",")[0] not in _TELL_DURATION:
            return
        seconds = 0.0
        if stream.duration is not None and stream.time_base:
            seconds = float(stream.duration * stream.time_base)
        elif container.duration is not None and len(container.streams) == 1:
            seconds = container.duration / 1e6
        if self._position < (seconds - _TOLERANCE) * self.sample_rate:
            self._notes.ends_early(self._position, round(seconds * self.sample_rate))


class _Patient:
    """A file for PyAV, which would print the exception of an invalid seek."""

    def __init__(self, file: IO[bytes]) -> None:
        self.read, self.tell, self._file = file.read, file.tell, file

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -1


def _to_float(frame: Any) -> Audio:
    """The samples of a frame, shape (samples, channels), scaled as libsndfile scales them."""
    data = frame.to_ndarray()
    data = data.T if frame.format.is_planar else data.reshape(-1, len(frame.layout.channels))
    if data.dtype.kind == "f":
        return np.ascontiguousarray(data, np.float32)
    block = data.astype(np.float32)
    if data.dtype == np.uint8:
        block -= np.float32(2**7)
    return np.ascontiguousarray(block / np.float32(2.0 ** (8 * data.dtype.itemsize - 1)))


def _keep_layout(frame: Any) -> None:
    """Keep PyAV 17.1 and newer from freeing a frame's list of channels twice where it has an order of its own."""
    if any(sign in frame.layout.name for sign in (" channels (", "+", "ambisonic")):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(frame.layout))


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).rstrip(".")
