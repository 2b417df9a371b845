"""The options of a caller, and their defaults. Imports next to nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Literal

from swc.errors import InputError

if TYPE_CHECKING:
    from swc.audio import Bits, RawFormat
    from swc.bitstream import Header, Tags

DEFAULT_MODEL = "swc-44k"
DEFAULT_LIVE_MODEL = "swc-24k-live"
DEFAULT_KBPS = 2.67
LIVE_STEPS = 3  # above the least size of a window, by default where audio is live; of family revq: experts
EFFORTS = (0, 1, 2)
DEFAULT_EFFORT = 1
Stereo = Literal["auto", "coupled", "apart"]
STEREO: tuple[Stereo, ...] = ("auto", "coupled", "apart")
MOST_QUALITY = 10.0
MOST_LEVEL = 10.0
MOST_GAIN_DB = 100.0
MOST_RATE = 384_000  # Hz, as in the format


@dataclass(frozen=True)
class EncodeOptions:
    """How a recording is encoded.

    Attributes:
        kbps: most kbit/s of the whole stream; None means DEFAULT_KBPS, unless `quality` or `level` is given.
        effort: of the search for codes, one of EFFORTS.
        lookahead: seconds from which the gain is set; None for the model's.
        tags: keys and values, in place of the source's under these keys; an empty value sets none.
        copy_tags: whether the source's other tags are copied, as far as there is room.
        raw: layout of a source of PCM without a header; None for other sources.
        gain_db: level gain before coding in place of one that suits the level; streams of the same gain can be joined.
        salvage_input: read whatever is left of a truncated source.
        quality: 0 to MOST_QUALITY, in place of `kbps`: constant quality, so that easy passages take fewer bits; see
            `swc.codec.quality`.
        stereo: whether left and right are coded together: "auto" if they have enough in common, "coupled" for all
            pairs of loudspeakers, "apart" for none.
        level: 0 to MOST_LEVEL, in place of `kbps`, for models of family vrvq: the factor by which the importance of a
            latent is multiplied to give its number of codebooks; see `swc.codec.levels`.
        live: code each window as soon as it is complete, at a level that follows the audio (see `swc.codec.live`).
    """

    kbps: float | None = None
    effort: int = DEFAULT_EFFORT
    lookahead: float | None = None
    tags: Tags = ()
    copy_tags: bool = True
    raw: RawFormat | None = None
    gain_db: float | None = None
    salvage_input: bool = False
    quality: float | None = None
    stereo: Stereo = "auto"
    level: float | None = None
    live: bool = False

    @property
    def target_kbps(self) -> float:
        """Most kbit/s of the whole stream; infinite if `quality` or `level` decides."""
        if self.quality is not None or self.level is not None:
            return math.inf
        return DEFAULT_KBPS if self.kbps is None else self.kbps

    def check(self) -> None:
        """Raise InputError if an option is out of bounds, except the rate, which depends on the source."""
        limits = {"kbps": self.kbps, "quality": self.quality, "level": self.level}
        numbers = limits | {"lookahead": self.lookahead, "gain": self.gain_db}
        for name, value in numbers.items():
            if value is not None and not isinstance(value, Real):
                raise InputError(f"`{name}` must be a number, not {value!r}")
        if not isinstance(self.effort, Integral) or self.effort not in EFFORTS:
            raise InputError(f"`effort` must be one of {', '.join(map(str, EFFORTS))}, not {self.effort}")
        if self.stereo not in STEREO:
            raise InputError(f"`stereo` must be one of {', '.join(STEREO)}, not {self.stereo!r}")
        given = [f"`{name}`" for name, value in limits.items() if value is not None]
        if len(given) > 1:
            raise InputError(f"{' and '.join(given)} exclude each other: give one of them")
        if self.quality is not None and not 0 <= self.quality <= MOST_QUALITY:
            raise InputError(f"`quality` must be 0 to {MOST_QUALITY:g}, not {self.quality}")
        if self.level is not None and not 0 <= self.level <= MOST_LEVEL:
            raise InputError(f"`level` must be 0 to {MOST_LEVEL:g}, not {self.level}")
        if self.lookahead is not None and not 0 <= self.lookahead < math.inf:
            raise InputError(f"`lookahead` must be a number of seconds, 0 or more, not {self.lookahead}")
        if self.gain_db is not None and not abs(self.gain_db) <= MOST_GAIN_DB:
            raise InputError(f"`gain` must be -{MOST_GAIN_DB:g} to {MOST_GAIN_DB:g} dB, not {self.gain_db}")
        if self.live and self.lookahead is not None:
            raise InputError("`lookahead` and `live` exclude each other: live audio is not heard in advance")
        if self.live and self.stereo == "coupled":
            raise InputError("`live` codes channels apart; leave out `stereo`, or mix it down to one channel")


@dataclass(frozen=True)
class DecodeOptions:
    """How a stream is decoded.

    Attributes:
        start: seconds at which to begin.
        duration: seconds to decode; None for the rest.
        salvage: decode the intact rest of a damaged stream.
        bits: of a sample; "float" is not clipped.
        raw: PCM without a header, whatever the suffix of the target.
        tags: whether the stream's tags are written.
        rate: Hz of the output, to which the recording is resampled; None for its own.
    """

    start: float = 0.0
    duration: float | None = None
    salvage: bool = False
    bits: Bits = "16"
    raw: bool = False
    tags: bool = True
    rate: int | None = None

    def check(self) -> None:
        """Raise InputError if the rate is out of bounds."""
        if self.rate is not None and self.rate not in range(1, MOST_RATE + 1):
            raise InputError(f"`rate` must be a whole number of Hz, 1 to {MOST_RATE}, not {self.rate}")


def samples_of(start: float, duration: float | None, rate: int) -> tuple[int, int | None]:
    """First sample, and one more than the last (None: to the end), of so many seconds of a recording."""
    first = round(start * rate)
    return first, None if duration is None else max(first + 1, round((start + duration) * rate))


def past_the_end(header: Header, total_samples: int) -> InputError:
    """The error for a start at or after the end."""
    seconds = total_samples / header.source_rate
    return InputError(f"the stream ends after {seconds:.2f} s, before the requested part")
