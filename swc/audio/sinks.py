"""PCM written strictly forwards, bare or with a WAV header."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import IO

import numpy as np
import numpy.typing as npt

from swc.audio.channels import DEFAULT_MASKS
from swc.audio.tags import info_chunk
from swc.audio.wav import PCM, Audio, Bits
from swc.files import BinaryOutput

_LONG = 2**32  # bytes; sizes from here on do not fit into RIFF
_GUID = bytes.fromhex("000000001000800000aa00389b71")  # the bytes after the code in an extensible format


class PcmSink:
    """Samples written strictly forwards, without a header."""

    def __init__(self, fp: BinaryOutput, bits: Bits) -> None:
        self._fp = fp
        self._kind = PCM[bits]

    def write(self, block: Audio) -> None:
        """Append samples, shape (samples, channels)."""
        self._fp.write(_to_pcm(block, self._kind))

    def finish(self) -> None:
        """Nothing follows the samples."""


class WavSink(PcmSink):
    """WAV written strictly forwards; unknown lengths are 0xFFFFFFFF, as ffmpeg writes them, until they are corrected.

    Args:
        total_samples: per channel, or None if still unknown.
        tags: those that WAV can hold.
        mask: dwChannelMask; None for the usual one for so many channels.
        file: the file below `fp`, if it is seekable: its lengths are corrected at the end.
    """

    def __init__(
        self,
        fp: BinaryOutput,
        sample_rate: int,
        channels: int,
        bits: Bits,
        total_samples: int | None,
        tags: Mapping[str, str] | None = None,
        mask: int | None = None,
        file: IO[bytes] | None = None,
    ) -> None:
        super().__init__(fp, bits)
        self._total, self._file, self._written = total_samples, file, 0
        width = int(self._kind[1:])
        self._frame_bytes = width * channels
        code, size = (3 if bits == "float" else 1), self._frame_bytes
        extensible = channels > 2 or mask is not None
        layout = (channels, sample_rate, sample_rate * size, size, 8 * width)
        self._format = struct.pack("<HHIIHH", 0xFFFE if extensible else code, *layout)
        if extensible:
            mask = DEFAULT_MASKS.get(channels, 0) if mask is None else mask
            self._format += struct.pack("<HHIH", 22, 8 * width, mask, code) + _GUID
        self._info = info_chunk(tags or {})
        fp.write(self._header(total_samples))

    def write(self, block: Audio) -> None:
        """Append samples, shape (samples, channels)."""
        self._written += len(block)
        super().write(block)

    def finish(self) -> None:
        """Pad, and correct the lengths if possible.

        Raises:
            ValueError: more or fewer samples than announced.
        """
        if self._total is None and self._file is None:
            return
        if self._total not in (None, self._written):
            raise ValueError(f"announced {self._total} samples, wrote {self._written}")
        size = self._written * self._frame_bytes
        self._fp.write(bytes(size % 2))
        if self._total is None and self._file and size + len(self._header(0)) < _LONG:
            self._file.seek(0)
            self._file.write(self._header(self._written))

    def _header(self, samples: int | None) -> bytes:
        """Everything before the samples."""
        size = _LONG if samples is None else samples * self._frame_bytes
        body = b"fmt " + struct.pack("<I", len(self._format)) + self._format + self._info
        riff_size = 4 + len(body) + 8 + size + size % 2
        if samples is not None and riff_size >= _LONG:
            long_sizes = struct.pack("<4sIQQQI", b"ds64", 28, riff_size + 36, size, samples, 0)
            return b"RF64" + b"\xff" * 4 + b"WAVE" + long_sizes + body + b"data" + b"\xff" * 4
        sizes = [struct.pack("<I", min(number, _LONG - 1)) for number in (riff_size, size)]
        return b"RIFF" + sizes[0] + b"WAVE" + body + b"data" + sizes[1]


def quantized(block: Audio, bits: int) -> npt.NDArray[np.float64]:
    """Integers of `bits` bits, so that samples read from PCM are written back unchanged."""
    full = 2.0 ** (bits - 1)
    return np.rint(block.astype(np.float64) * full).clip(-full, full - 1)


def _to_pcm(block: Audio, kind: str) -> bytes:
    if kind == "f4":
        return block.astype("<f4").tobytes()
    if kind == "i2":
        return quantized(block, 16).astype("<i2").tobytes()
    wide = np.ascontiguousarray(quantized(block, 24).astype("<i4"))
    return wide.view(np.uint8).reshape(*block.shape, 4)[..., :3].tobytes()
