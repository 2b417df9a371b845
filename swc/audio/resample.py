"""Streaming resampling with exact lengths."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Literal

import numpy as np

from swc.audio.wav import Audio
from swc.errors import InputError

FILTER = 512  # reach of the filter to either side (soxr, VHQ), in samples at the lower of two rates
LONGEST_FILTER = 1 << 20  # in samples, for rates of a few Hz
_SEGMENT = 1 << 16  # samples
Quality = Literal["HQ", "VHQ"]
"""Of a filter, as soxr names it."""
LIVE_QUALITY: Quality = "HQ"
"""For live audio: VHQ takes up to twice as long until samples come out."""


class Resampler:
    """Streaming band-limited resampling (soxr) to exactly ceil(samples * out_rate / in_rate) samples.

    How the stream is cut into blocks never changes a sample. Equal rates pass through untouched.

    Raises:
        InputError: a rate below 1 Hz.
    """

    def __init__(self, in_rate: int, out_rate: int, channels: int, quality: Quality = "VHQ") -> None:
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
        """Take (n, channels), return the output that is ready, (m, channels) with m >= 0."""
        if block.ndim != 2 or block.shape[1] != self.channels:
            raise ValueError(f"expected shape (samples, {self.channels}), got {block.shape}")
        self._taken += len(block)
        return self._run(np.ascontiguousarray(block, np.float32), last=False)

    def flush(self) -> Audio:
        """Return the rest of the output; the resampler cannot be used after this."""
        owed = -(-self._taken * self.out_rate // self.in_rate) - self._given
        if self._stream is None or owed <= 0:
            return np.zeros((0, self.channels), np.float32)
        # soxr rounds the length; a little silence after the input yields the samples that it would drop
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


class AlignedResampler:
    """Resampling in which no sample depends on where it began.

    A signal is resampled a segment at a time, each with as much context as the filter reaches, from a sample where both
    rates coincide: no state is carried along. So a part of a signal gets the same samples as in the whole.

    Args:
        in_rate, out_rate: in Hz; equal ones pass through untouched.
        step: input samples a segment; None for a suitable number.
        quality: of the filter.

    Attributes:
        step: input samples a segment.
        reach: input samples on either side that a segment depends on.
    """

    def __init__(self, in_rate: int, out_rate: int, step: int | None = None, quality: Quality = "VHQ") -> None:
        self._quality = quality
        common = math.gcd(in_rate, out_rate)
        self.in_rate, self.out_rate = in_rate, out_rate
        self._up, self._down = out_rate // common, in_rate // common
        filter_length = min(math.ceil(FILTER * max(1.0, in_rate / out_rate)), LONGEST_FILTER)
        self.reach = 0 if self._up == self._down else filter_length + self._down
        self.step = step or -(-max(_SEGMENT, 4 * self.reach) // self._down) * self._down

    def length(self, samples: int) -> int:
        """Output samples of an input of `samples` samples: round(samples * out_rate / in_rate), exactly."""
        return round(Fraction(samples * self._up, self._down))

    def needed(self, start: int, stop: int | None) -> tuple[int, int, int | None]:
        """The input that the output from `start` to `stop` (None: to the end) needs.

        Returns:
            The first input sample of its first segment; where the input must begin; and where it may end.
        """
        if self.reach == 0:
            return start, start, stop
        segment = start * self._down // self._up // self.step * self.step
        begin = max(0, segment - self.reach)
        if stop is None:
            return segment, begin, None
        last = (stop - 1) * self._down // self._up // self.step
        return segment, begin, (last + 1) * self.step + self.reach

    def blocks(self, pieces: Iterable[Audio], segment: int, begin: int) -> Iterator[tuple[int, Audio]]:
        """Output, and the sample that each block of it starts at.

        Args:
            pieces: the input from sample `begin` on, (n, channels) each; its end is the end of the signal.
            segment: the first input sample that is resampled.
            begin: at most `segment`; the samples in between are context.
        """
        if self.reach == 0:
            for piece in pieces:
                yield begin, piece
                begin += len(piece)
            return
        buffer: Audio | None = None
        for piece in pieces:
            buffer = piece if buffer is None else np.concatenate([buffer, piece])
            while begin + len(buffer) >= segment + self.step + self.reach:
                yield self._segment(buffer, begin, segment)
                segment += self.step
                keep = max(begin, segment - self.reach)
                buffer, begin = buffer[keep - begin :], keep
        if buffer is None:
            return
        end = begin + len(buffer)
        buffer = np.concatenate([buffer, np.zeros((self.reach, buffer.shape[1]), np.float32)])
        while segment < end:
            at, block = self._segment(buffer, begin, segment)
            yield at, block[: self.length(end) - at]
            segment += self.step

    def _segment(self, buffer: Audio, begin: int, segment: int) -> tuple[int, Audio]:
        """The output of the segment that starts at input sample `segment`; `buffer` starts at `begin`."""
        import soxr

        first = -(-max(begin, segment - self.reach) // self._down)  # where both rates coincide, in steps of each
        audio = buffer[first * self._down - begin : segment + self.step + self.reach - begin]
        out = soxr.resample(np.ascontiguousarray(audio), self.in_rate, self.out_rate, self._quality)
        low, high = (-(-at * self._up // self._down) for at in (segment, segment + self.step))
        return low, out[low - first * self._up : high - first * self._up]
