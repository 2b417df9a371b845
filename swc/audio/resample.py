"""Streaming resampling with exact lengths."""

from __future__ import annotations

from typing import Literal

import numpy as np

from swc.audio.wav import Audio
from swc.errors import InputError


class Resampler:
    """Streaming band-limited resampling (soxr) to exactly ceil(samples * out_rate / in_rate) samples.

    The cut of the stream into blocks never changes a sample. Equal rates pass through untouched.

    Raises:
        InputError: a rate below 1 Hz.
    """

    def __init__(self, in_rate: int, out_rate: int, channels: int, quality: Literal["HQ", "VHQ"] = "VHQ") -> None:
        if min(in_rate, out_rate) < 1:
            raise InputError(f"cannot resample from {in_rate} to {out_rate} Hz")
        self.in_rate = in_rate
        self.out_rate = out_rate
        self.channels = channels
        self._taken = 0
        self._given = 0
        self._stream = None
        if in_rate != out_rate:
            import soxr

            self._stream = soxr.ResampleStream(in_rate, out_rate, channels, dtype="float32", quality=quality)

    def process(self, block: Audio) -> Audio:
        """Take (n, channels), return what is ready of the output, (m, channels) with m >= 0."""
        if block.ndim != 2 or block.shape[1] != self.channels:
            raise ValueError(f"expected shape (samples, {self.channels}), got {block.shape}")
        self._taken += len(block)
        return self._run(np.ascontiguousarray(block, np.float32), last=False)

    def flush(self) -> Audio:
        """Return the rest of the output; the resampler cannot be used after this."""
        owed = -(-self._taken * self.out_rate // self.in_rate) - self._given
        if self._stream is None or owed <= 0:
            return np.zeros((0, self.channels), np.float32)
        # soxr rounds the length; a little silence behind the input gives the samples that it would drop
        silence = np.zeros((self.in_rate // self.out_rate + 2, self.channels), np.float32)
        return self._run(silence, last=True)[:owed]

    def _run(self, block: Audio, last: bool) -> Audio:
        output: Audio = block if self._stream is None else self._stream.resample_chunk(block, last=last)
        self._given += len(output)
        return output


def resample(audio: Audio, in_rate: int, out_rate: int) -> Audio:
    """Resample a whole array (samples, channels) as `Resampler` does."""
    resampler = Resampler(in_rate, out_rate, audio.shape[1])
    return np.concatenate([resampler.process(audio), resampler.flush()])
