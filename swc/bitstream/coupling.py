"""Channels that are coded together, in pairs: which they are, and how both are made from one coded channel.

The parameters of a pair stay as the bits they take, which are checked when they are read: a chunk of few bytes may
have many slots. `Coupling.parameters` unfolds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from bitarray import bitarray, frozenbitarray
from bitarray.util import ba2int, int2ba
from numpy.typing import NDArray

from swc.errors import SyntaxFormatError

COUPLING_TYPE = 3
EQUAL, OPPOSITE, FIRST, SECOND, PARAMETRIC = range(5)
"""Modes: both equal the coded channel; the second is its negative; only the first, or only the second; parametric."""
MODES = ("equal", "opposite", "first only", "second only", "parametric")
NO_BITS = frozenbitarray(endian="big")
BANDS = 25
SLOT = 2  # latents
DELAY_BITS, MODE_BITS = 7, 3
RANGES = {"levels": (-10, 10), "coherences": (0, 5), "phases": (0, 7)}
"""Least and greatest value of each parameter, in the order of the payload."""
SLOT_BITS = BANDS * 31
"""The most bits of a slot: every parameter follows an empty run and has the greatest change."""
_RUN_ORDER = 2  # of the exponential Golomb code of runs
_TURN = 8  # phases wrap around

Grid = NDArray[np.int8]
Pair = tuple[int, int]
Couplings = tuple["Coupling", ...]
"""Of the pairs of a chunk."""


class Parameters(NamedTuple):
    """How the channels of a pair differ.

    Attributes:
        delay: of the second channel after the first, in 1/32 ms, -64 to 63.
        levels: steps by which the first channel is louder than the second, (slots, BANDS).
        coherences: steps by which they cohere less than fully.
        phases: eighths of a turn by which the first leads the second, once the delay is undone.
    """

    delay: int
    levels: Grid
    coherences: Grid
    phases: Grid


@dataclass(frozen=True)
class Coupling:
    """One pair in one chunk.

    Attributes:
        mode: EQUAL to PARAMETRIC.
        bits: of the parameters; none in other modes.
    """

    mode: int
    bits: frozenbitarray = NO_BITS

    @classmethod
    def of(cls, parameters: Parameters) -> Coupling:
        """The coupling with these parameters.

        Raises:
            SyntaxFormatError: one of them is out of range.
        """
        half = 1 << DELAY_BITS - 1
        if not -half <= parameters.delay < half:
            raise SyntaxFormatError(f"the delay must be {-half} to {half - 1}, not {parameters.delay}")
        bits = int2ba(parameters.delay, DELAY_BITS, endian="big", signed=True)
        for (name, (low, high)), grid in zip(RANGES.items(), parameters[1:], strict=True):
            if grid.size and not low <= int(grid.min()) <= int(grid.max()) <= high:
                raise SyntaxFormatError(f"{name} must be {low} to {high}")
            bits += _packed(_changes(grid.astype(np.int64), name))
        return cls(PARAMETRIC, frozenbitarray(bits))

    def parameters(self, slots: int) -> Parameters:
        """The parameters of a PARAMETRIC pair in a chunk of so many slots.

        Raises:
            SyntaxFormatError: the number of bits is not that of such a chunk.
        """
        parameters, end = _read(bitarray(self.bits), 0, slots, 0)
        if end != len(self.bits):
            raise SyntaxFormatError(f"the coupling has {len(self.bits)} bits where {slots} slots take {end}")
        return parameters

    def __len__(self) -> int:
        """Its size in bits."""
        return MODE_BITS + len(self.bits)


def slots_in(latents: int) -> int:
    """Slots of a chunk of `latents` latents."""
    return -(-latents // SLOT)


def encode_pairs(pairs: Sequence[Pair]) -> bytes:
    """The data of the extension."""
    return bytes(first << 4 | second for first, second in pairs)


def decode_pairs(data: bytes, channels: int, offset: int | None = None) -> tuple[Pair, ...]:
    """The pairs that the extension names.

    Raises:
        SyntaxFormatError: no pairs, or channels that do not exist, occur twice or are out of order.
    """
    pairs = tuple((byte >> 4, byte & 15) for byte in data)
    firsts, members = [first for first, _ in pairs], [channel for pair in pairs for channel in pair]
    ordered = firsts == sorted(firsts) and all(first < second < channels for first, second in pairs)
    if not pairs or not ordered or len(set(members)) < len(members):
        raise SyntaxFormatError(f"the pairs {pairs} are not pairs of {channels} channels in order", offset)
    return pairs


def pack_couplings(couplings: Sequence[Coupling], slots: int) -> bitarray:
    """The bits of the couplings of a chunk, one after the other.

    Raises:
        SyntaxFormatError: an unknown mode, or a number of bits that does not fit the slots.
    """
    bits = bitarray(endian="big")
    for coupling in couplings:
        if not EQUAL <= coupling.mode <= PARAMETRIC or (coupling.bits and coupling.mode != PARAMETRIC):
            raise SyntaxFormatError(f"mode {coupling.mode} with {len(coupling.bits)} bits of parameters is not allowed")
        if coupling.mode == PARAMETRIC:
            coupling.parameters(slots)
        bits += int2ba(coupling.mode, MODE_BITS, endian="big") + coupling.bits
    return bits


def unpack_couplings(bits: bitarray, start: int, pairs: int, slots: int, offset: int = 0) -> tuple[Couplings, int]:
    """The couplings of so many pairs that begin at bit `start`, and where they end.

    Args:
        offset: byte position of bit 0, for messages.

    Raises:
        SyntaxFormatError: the bits are too few, or break a rule.
    """
    couplings: list[Coupling] = []
    for _ in range(pairs):
        at, place = start + MODE_BITS, offset + start // 8
        if at > len(bits):
            raise SyntaxFormatError("the payload ends within a coupling", place)
        mode = ba2int(bits[start:at])
        if mode > PARAMETRIC:
            raise SyntaxFormatError(f"mode {mode} of a coupling is not allowed", place)
        start = _read(bits, at, slots, place)[1] if mode == PARAMETRIC else at
        couplings.append(Coupling(mode, frozenbitarray(bits[at:start])))
    return tuple(couplings), start


def _changes(grid: NDArray[np.int64], name: str) -> list[int]:
    """The difference of each value from its prediction: the previous slot, or in the first slot the band below."""
    before = np.vstack([np.append(0, grid[:1, :-1]), grid[:-1]]) if len(grid) else grid
    changes = grid - before
    if name == "phases":
        changes = (changes + _TURN // 2 - 1) % _TURN - _TURN // 2 + 1
    return changes.ravel().tolist()


def _packed(changes: list[int]) -> bitarray:
    """Runs of zeros, each followed by the change that ends it, if any."""
    bits, run = bitarray(endian="big"), 0
    for change in changes:
        if not change:
            run += 1
            continue
        bits += _golomb(run, _RUN_ORDER) + _golomb(abs(change) - 1, 0)
        bits.append(change < 0)
        run = 0
    return bits + _golomb(run, _RUN_ORDER) if run else bits


def _golomb(number: int, order: int) -> bitarray:
    """An exponential Golomb code: number + 2^order in binary, after a zero for each digit beyond `order` + 1."""
    digits = int2ba(number + (1 << order), endian="big")
    return bitarray(len(digits) - 1 - order, endian="big") + digits


def _read(bits: bitarray, at: int, slots: int, offset: int) -> tuple[Parameters, int]:
    """The parameters that begin at bit `at`, and where they end; `offset` is for messages."""
    if at + DELAY_BITS > len(bits):
        raise SyntaxFormatError("the payload ends within a coupling", offset)
    delay = ba2int(bits[at : at + DELAY_BITS], signed=True)
    at += DELAY_BITS
    grids = []
    for name in RANGES:
        changes, at = _read_changes(bits, at, slots * BANDS, offset)
        grids.append(_summed(changes.reshape(slots, BANDS), name, offset))
    return Parameters(delay, *grids), at


def _read_changes(bits: bitarray, at: int, count: int, offset: int) -> tuple[NDArray[np.int64], int]:
    changes, place = np.zeros(count, np.int64), 0
    while place < count:
        run, at = _read_golomb(bits, at, _RUN_ORDER, offset)
        place += run
        if place > count:
            raise SyntaxFormatError("a run in a coupling extends beyond its parameters", offset)
        if place == count:
            break
        size, at = _read_golomb(bits, at, 0, offset)
        if at >= len(bits) or size >= 1 << 8:
            raise SyntaxFormatError("a change in a coupling is truncated or too large", offset)
        changes[place] = -size - 1 if bits[at] else size + 1
        place, at = place + 1, at + 1
    return changes, at


def _read_golomb(bits: bitarray, at: int, order: int, offset: int) -> tuple[int, int]:
    """A number in an exponential Golomb code, and where it ends."""
    one = bits.find(1, at)
    end = 2 * one - at + order + 1
    if one < 0 or end > len(bits):
        raise SyntaxFormatError("the payload ends within a coupling", offset)
    return ba2int(bits[one:end]) - (1 << order), end


def _summed(changes: NDArray[np.int64], name: str, offset: int) -> Grid:
    """Values (slots, BANDS) from their differences to their predictions."""
    low, high = RANGES[name]
    wrong = False
    values = changes.copy()
    values[:1] = values[:1].cumsum(1)
    values = values.cumsum(0)
    if name == "phases":
        wrong = bool((changes <= -_TURN // 2).any() or (changes > _TURN // 2).any())
        values %= _TURN
    if wrong or (values < low).any() or (values > high).any():
        raise SyntaxFormatError(f"{name} of a coupling are out of range", offset)
    return values.astype(np.int8)
