"""From measured differences to the numbers of a coupling, within a number of bits.

Each grid has the least cost: errors, weighted by their importance, and a price for every change. The price is the
lowest at which a chunk's coupling keeps to its bits. For a given price, the best grid is found exactly, by dynamic
programming over slots, and over bands in the first slot.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from swc.bitstream import Coupling, Parameters
from swc.codec.stereo.measure import Array, Measured
from swc.codec.stereo.tables import COHERENCES, LEVELS, PHASES

LEAST_PRICE, PRICES = 0.02, 31  # first price of the search, and how often it may rise by the fourth root of 2
POOLED = 1  # slots on either side over which coherences and phases are taken
AUDIBLE_DB = 50.0  # dB below the loudest band and slot of the chunk; differences below do not matter
LEVEL_ERROR, COHERENCE_ERROR, PHASE_ERROR = 2.5, 0.15, 0.6  # dB and radians of equal importance
WIDER = 1.2  # factor of the distance from coherence: a few bins cohere by chance, and the decoder's parts overlap
OUT_OF_PHASE = 0.2  # least gain of a phase: without phases, sums keep their sound
MOST_DB = 35.0
MOST = 9.0  # errors beyond three times that size all matter the same
RUN_BITS, FIRST_BITS, STEP_BITS = 0.15, 5.0, 1.6  # approximate bits of no change, a change and each doubling of it
_NOTHING = 1e-9


def quantised(measured: Measured, bits: int) -> Coupling:
    """The coupling for these differences, of at most so many bits if the highest price suffices."""
    search = _Search(measured)
    low, high = 0, PRICES
    best = None
    while low < high:
        middle = (low + high) // 2
        coupling = search.coupling(LEAST_PRICE * 2 ** (middle / 4))
        if len(coupling) <= bits:
            best, high = coupling, middle
        else:
            low = middle + 1
    return best or search.coupling(LEAST_PRICE * 2 ** (PRICES / 4))


class _Search:
    """Finds the grids of a chunk for a price per bit."""

    def __init__(self, measured: Measured) -> None:
        first, second = measured.first + _NOTHING, measured.second + _NOTHING
        loudness = 10 * np.log10(first + second)
        weight = np.clip((loudness - loudness.max() + AUDIBLE_DB) / AUDIBLE_DB, 0, 1)
        level, table = (np.clip(x, -MOST_DB, MOST_DB) for x in (10 * np.log10(first / second), LEVELS))
        self.delay, self.levels = measured.delay, _errors(level, table, LEVEL_ERROR, weight)
        first, second, self.cross = (_pooled(values) for values in (first, second, measured.cross))
        self.energy = np.sqrt(first * second)
        self.weight = weight * 2 * self.energy / (first + second)  # the softer a channel, the less the rest matters
        size = np.abs(self.cross)
        turns, weight = self.cross / (size + _NOTHING), self.weight * (size / self.energy) ** 4
        self.phases = _errors(turns, np.exp(1j * PHASES), PHASE_ERROR, weight)
        self.phases[..., 1:] += OUT_OF_PHASE * self.weight[..., None]

    def coupling(self, price: float) -> Coupling:
        """The best coupling at this price per bit.

        Coherence is taken at the chosen phases: any difference from them counts as incoherent.
        """
        middle = len(LEVELS) // 2
        levels = _cheapest(self.levels, price * _bits(len(LEVELS), wraps=False), middle) - middle
        phases = _cheapest(self.phases, price * _bits(len(PHASES), wraps=True), 0)
        there = (self.cross * np.exp(-1j * PHASES[phases])).real / self.energy
        there = 1 - (1 - there) * WIDER
        errors = _errors(np.clip(there, 0, 1), COHERENCES, COHERENCE_ERROR, self.weight)
        coherences = _cheapest(errors, price * _bits(len(COHERENCES), wraps=False), 0)
        return Coupling.of(Parameters(self.delay, *(grid.astype(np.int8) for grid in (levels, coherences, phases))))


def _errors(values: NDArray[Any], table: NDArray[Any], unit: float, weight: Array) -> Array:
    """The cost of each number of a table in place of the values (slots, BANDS): (slots, BANDS, numbers)."""
    errors: Array = np.minimum((np.abs(values[..., None] - table) / unit) ** 2, MOST)
    return weight[..., None] * errors


def _pooled(values: NDArray[Any]) -> NDArray[Any]:
    """Sums of the values (slots, BANDS) of POOLED slots on either side and of the slot itself."""
    sums = np.cumsum(np.pad(values, ((POOLED + 1, POOLED), (0, 0))), axis=0)
    pooled: NDArray[Any] = sums[2 * POOLED + 1 :] - sums[: -2 * POOLED - 1]
    return pooled


def _bits(numbers: int, wraps: bool) -> Array:
    """Approximate bits of a change from one number to another, (numbers, numbers)."""
    size = np.abs(np.arange(numbers)[:, None] - np.arange(numbers))
    if wraps:
        size = np.minimum(size, numbers - size)
    bits: Array = np.where(size == 0, RUN_BITS, FIRST_BITS + STEP_BITS * np.log2(np.maximum(size, 1)))
    return bits


def _cheapest(costs: Array, changes: Array, zero: int) -> NDArray[np.int64]:
    """The numbers (slots, bands) of least cost.

    Args:
        costs: of each number in each place (slots, bands, numbers).
        changes: cost of changing from one number to another.
        zero: the predicted number of band 0 of the first slot.
    """
    slots, bands, numbers = costs.shape
    onwards = np.zeros((slots, bands, numbers), np.int64)  # the best number of the next slot after each one
    ahead = costs[-1]
    for slot in range(slots - 2, -1, -1):
        ways = changes + ahead[:, None, :]  # (bands, from, to)
        onwards[slot] = ways.argmin(2)
        ahead = costs[slot] + ways.min(2)
    below = np.zeros((bands, numbers), np.int64)  # the best number of the next band after each one, in the first slot
    rest = ahead[-1]
    for band in range(bands - 2, -1, -1):
        ways = changes + rest
        below[band] = ways.argmin(1)
        rest = ahead[band] + ways.min(1)
    found = np.zeros((slots, bands), np.int64)
    found[0, 0] = (changes[zero] + rest).argmin()
    for band in range(1, bands):
        found[0, band] = below[band - 1, found[0, band - 1]]
    for slot in range(1, slots):
        found[slot] = onwards[slot - 1, np.arange(bands), found[slot - 1]]
    return found
