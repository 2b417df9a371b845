"""Opus at a given rate for comparison: encoded by libopus, which comes with PyAV."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import numpy as np

from swc.audio import Audio, AudioReader, resample
from swc.errors import InputError
from swc.evaluation._extras import load_extra
from swc.evaluation.listening.excerpt import Excerpt
from swc.evaluation.listening.versions import Version

_RATE = 48000  # Hz, internal rate of Opus
_BLOCK = _RATE
_LEAST_KBPS, _MOST_KBPS = 6.0, 256.0  # the maximum is for one channel


def opus_rates(channels: int) -> tuple[float, float]:
    """Minimum and maximum kbit/s of libopus."""
    return _LEAST_KBPS, _MOST_KBPS * channels


def opus(original: Excerpt, kbps: float) -> Version:
    """The excerpt, encoded as Ogg Opus at constrained variable rate, the default of libopus, and decoded.

    Raises:
        InputError: a rate that Opus does not support, or PyAV is not installed.
    """
    channels = original.audio.shape[1]
    least, most = opus_rates(channels)
    if not least <= kbps <= most:
        raise InputError(f"Opus takes {least:g} to {most:g} kbit/s for {channels} channel(s), not {kbps:g}")
    data = _encode(resample(original.audio, original.sample_rate, _RATE), kbps)
    with tempfile.TemporaryDirectory(prefix="swc-") as folder:
        path = Path(folder) / "version.opus"
        path.write_bytes(data)
        with AudioReader(path) as reader:
            decoded = np.concatenate(list(reader.blocks()))
    audio = resample(decoded, _RATE, original.sample_rate)[: len(original.audio)]
    return Version(f"Opus {kbps:g}", audio, len(data) * 8 / original.seconds / 1000)


def _encode(audio: Audio, kbps: float) -> bytes:
    """Ogg Opus of audio at 48 kHz."""
    av = load_extra("av", "Opus at a given rate", extra="av")
    layout = "mono" if audio.shape[1] == 1 else "stereo"
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="ogg") as container:
        stream = container.add_stream(
            "libopus", rate=_RATE, layout=layout, format="flt", options={"vbr": "constrained"}
        )
        stream.bit_rate = round(kbps * 1000)
        for position in range(0, len(audio), _BLOCK):
            block = np.ascontiguousarray(audio[position : position + _BLOCK], np.float32)
            frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="flt", layout=layout)
            frame.sample_rate, frame.pts = _RATE, position
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()
