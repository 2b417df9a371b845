"""Audio as a caller gives it, checked."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swc.audio.wav import Audio
from swc.bitstream import LIMITS
from swc.errors import InputError

BLOCK = 1 << 16  # samples
MAX_CHANNELS = LIMITS["channels"][1]
ABSURD_PEAK = 32.0  # times full scale: recordings never come near it, integers stored as floats do
HOT_PEAK = 1.0
DC_OFFSET = 0.05  # of full scale
_SCALES = {np.dtype(np.int16): 2.0**15, np.dtype(np.int32): 2.0**31}


@dataclass(frozen=True)
class Source:
    """Audio on its way in.

    Attributes:
        blocks: (n, channels) each.
        sample_rate: Hz.
        channels: 1 to 8.
        total_samples: per channel; None if unknown.
        channel_mask: WAVE's dwChannelMask; None for the usual one.
        name: of the audio in messages.
    """

    blocks: Iterable[Any]
    sample_rate: int
    channels: int
    total_samples: int | None = None
    channel_mask: int | None = None
    name: str = "the audio"


class CheckedBlocks:
    """Blocks of audio on their way to the encoder, checked and measured.

    Attributes:
        channels: of every block.
        samples: per channel, so far.
        name: how messages call it.

    Raises:
        InputError: more than 8 channels, a block of another shape or type, samples that are not finite, or samples far
            beyond full scale.
    """

    def __init__(self, blocks: Iterable[Any], channels: int, name: str = "the audio") -> None:
        if not 1 <= channels <= MAX_CHANNELS:
            raise InputError(f"{name} has {channels} channels; swc takes 1 to {MAX_CHANNELS}")
        self.channels, self.samples, self.name = channels, 0, name
        self._blocks, self._peeked = iter(blocks), deque[Audio]()
        self._peaks, self._sums = np.zeros(channels), np.zeros(channels)

    def peek(self, samples: int) -> Audio:
        """The first `samples` (or fewer, if the audio ends); iteration still returns them."""
        while sum(map(len, self._peeked)) < samples:
            block = next(self._blocks, None)
            if block is None:
                break
            self._peeked.append(self._check(block))
        return np.concatenate([np.zeros((0, self.channels), np.float32), *self._peeked])[:samples]

    def take(self, block: Any) -> Audio:
        """A block that comes after those of the iteration: (n, channels), or (n,) of one channel."""
        audio = as_floats(block)
        return self._count(self._check(audio[:, None] if audio.ndim == self.channels == 1 else audio))

    def __iter__(self) -> Iterator[Audio]:
        while self._peeked:
            yield self._count(self._peeked.popleft())
        for block in self._blocks:
            yield self._count(self._check(block))

    def notes(self) -> list[str]:
        """Oddities of the audio so far, each with a remedy."""
        if not self.samples:
            return []
        notes, peak, offsets = [], float(self._peaks.max()), self._sums / self.samples
        if peak > HOT_PEAK:
            notes.append(
                f"samples reach {peak:.2f} times full scale (+{20 * np.log10(peak):.1f} dB) and will clip in files of "
                "integers; lower the level if that is a fault"
            )
        silent = [str(channel + 1) for channel in np.flatnonzero(self._peaks == 0)]
        if silent:
            which = "all channels" if len(silent) == self.channels else f"channel {' and '.join(silent)}"
            notes.append(f"{which} of the input: digital silence; leave it out if that is a fault")
        worst = int(np.abs(offsets).argmax())
        if abs(offsets[worst]) > DC_OFFSET:
            notes.append(
                f"channel {worst + 1} has a DC offset of {offsets[worst]:+.3f}; remove it first: sox IN OUT highpass 10"
            )
        return notes

    def _count(self, block: Audio) -> Audio:
        self.samples += len(block)
        if len(block):
            np.maximum(self._peaks, np.abs(block).max(0), out=self._peaks)
            self._sums += block.sum(0, dtype=np.float64)
        return block

    def _check(self, block: Any) -> Audio:
        audio = as_floats(block)
        if audio.ndim != 2 or audio.shape[1] != self.channels:
            raise InputError(f"audio must be (samples, {self.channels}), not {audio.shape}")
        with np.errstate(over="ignore"):  # values beyond float32 become infinite, and are refused
            audio = np.asarray(audio, np.float32)
        if not np.isfinite(audio).all():
            raise InputError(
                f"{self.name} holds NaN or infinite samples; repair it first (for example with sox or ffmpeg)"
            )
        peak = float(np.abs(audio).max(initial=0))
        if peak > ABSURD_PEAK:
            raise InputError(
                f"{self.name} reaches {peak:g} times full scale, which is 1.0 for floating-point audio; if its "
                "samples are integers stored as floats, divide them by 32768 first (sox IN OUT vol 0.000030518)"
            )
        return audio


def as_floats(audio: Any) -> NDArray[np.floating]:
    """An array or tensor of samples with full scale [-1, 1], of the same shape.

    Args:
        audio: floating-point, or int16 or int32, which are scaled; a numpy array, a torch tensor (on any device, with
            or without gradients) or anything that numpy converts.

    Raises:
        InputError: another type.
    """
    try:
        if hasattr(audio, "detach"):  # a tensor
            audio = audio.detach().cpu().resolve_conj().resolve_neg()
            audio = audio.float().numpy() if audio.dtype.is_floating_point else audio.numpy()
        array: NDArray[Any] = np.asarray(audio)
    except ValueError:
        raise InputError("audio must be an array; this one has rows of different lengths") from None
    except (TypeError, RuntimeError, AttributeError):  # a sparse, quantized or meta tensor
        raise InputError(
            f"audio of type {type(audio).__name__} cannot be read as an array; pass a plain array or dense tensor"
        ) from None
    if array.dtype in _SCALES:
        return array / np.float32(_SCALES[array.dtype])
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(
            f"audio must be floating point with full scale [-1, 1], or int16 or int32, not {array.dtype}; "
            "convert it, for example with audio.astype('float32') / 32768"
        )
    return array


def as_recording(audio: Any, channels_first: bool | None = None) -> NDArray[np.floating]:
    """A recording as (samples, channels), from (samples,), (samples, channels) or (channels, samples).

    Args:
        audio: as `as_floats` takes it.
        channels_first: the order of the axes; None takes 1 to 8 columns as channels, and otherwise 1 to 8 rows.

    Raises:
        InputError: as `as_floats`, or another shape.
    """
    array = as_floats(audio)
    if array.ndim == 1:
        return array[:, None]
    rows, columns = (1 <= n <= MAX_CHANNELS for n in array.shape) if array.ndim == 2 else (False, False)
    if columns and not channels_first:
        return array
    if rows and (channels_first or (channels_first is None and len(array.T) > MAX_CHANNELS)):
        return array.T
    shapes = {None: "(samples, channels) or (channels, samples)", True: "(channels, samples)"}
    raise InputError(
        f"audio must be (samples,) or {shapes.get(channels_first, '(samples, channels)')} with 1 to {MAX_CHANNELS} "
        f"channels, not {array.shape}"
    )


def recording(
    audio: Any, sample_rate: int, channel_mask: int | None = None, channels_first: bool | None = None
) -> Source:
    """A recording in memory as a source; raises as `as_recording`."""
    array = as_recording(audio, channels_first)
    blocks = (array[i : i + BLOCK] for i in range(0, len(array), BLOCK))
    return Source(blocks, sample_rate, array.shape[1], len(array), channel_mask)


def listed(several: Iterable[Any], name: str, single: str) -> Iterable[Any]:
    """Recordings or streams one by one.

    Args:
        name: of the argument.
        single: the function for a single one.

    Raises:
        InputError: a single one, or something else.
    """
    if isinstance(several, str | bytes) or not hasattr(several, "__iter__") or getattr(several, "ndim", 2) < 2:
        raise InputError(f"`{name}` must be a list; for a single one use `{single}`")
    return several


def whole_rate(sample_rate: Any) -> int:
    """A sample rate in Hz.

    Raises:
        InputError: it is not a whole number that the format can hold.
    """
    most = LIMITS["source_rate"][1]
    try:
        rate = operator.index(sample_rate)
    except TypeError:
        rate = 0
    if not 1 <= rate <= most:
        raise InputError(
            f"a sample rate of {sample_rate} Hz; swc takes whole numbers up to {most}, resample the audio first"
        )
    return rate
