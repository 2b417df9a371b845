"""The differences between the two channels of a pair: delay, level, coherence and phase, in slots and bands."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from swc.bitstream.coupling import BANDS, DELAY_BITS
from swc.codec.stereo.grid import DELAY_UNIT, Grid
from swc.dsp.stft import analyse

LATER, SURE = 1.15, 0.4  # requirements on a delay: fit relative to that without one, and share of a perfect fit
LONG = 5  # slots over which bins that cohere by chance do not matter
_NOTHING = 1e-12

Array = NDArray[np.float64]


class Measured(NamedTuple):
    """Two channels in a chunk.

    Attributes:
        delay: of the second after the first, in 1/32 ms.
        first, second: energies (slots, BANDS).
        cross: products of the first with the conjugate second, with the delay undone, complex (slots, BANDS).
    """

    delay: int
    first: Array
    second: Array
    cross: NDArray[np.complex128]


def measure(audio: Tensor, before: int, length: int, grid: Grid) -> Measured:
    """Measure the channels (2, samples) of a pair from sample `before` on; the rest is context."""
    start, stop = before // grid.hop, (before + length) // grid.hop
    first, second = analyse(audio, grid.window, grid.hop)[:, start:stop]  # (T, bins)
    energies = [x.abs().square() for x in (first, second)]
    cross = first * second.conj()
    delay = _delay(cross.sum(0), (energies[0].sum(0) * energies[1].sum(0)).sqrt(), grid)
    turns = -2 * np.pi * delay * DELAY_UNIT * grid.frequencies
    cross = cross * torch.polar(torch.ones_like(turns), turns)
    one, two, both = (_summed(values, grid).cpu().numpy() for values in (*energies, cross))
    return Measured(delay, one.astype(np.float64), two.astype(np.float64), both.astype(np.complex128))


def common(audio: Tensor, grid: Grid) -> tuple[float, float]:
    """The common part of two channels (2, samples), by bands and half seconds, approximately.

    Returns:
        Coherent energy, and that of fully coherent channels; only the ratio matters.
    """
    measured = measure(audio, 0, audio.shape[1] // grid.hop * grid.hop, grid)
    starts = np.arange(0, len(measured.cross), LONG)
    first, second, cross = (np.add.reduceat(values, starts) for values in measured[1:])
    return float(np.abs(cross).sum()), float(np.sqrt(first * second).sum())


def _delay(cross: Tensor, energy: Tensor, grid: Grid) -> int:
    """The delay at which the channels cohere best, 0 unless that is clearly better than none.

    Args:
        cross: products, summed over time (bins,).
        energy: geometric mean of the energies of each bin (bins,).
    """
    half = 1 << DELAY_BITS - 1
    delays = torch.arange(-half, half, device=cross.device)
    turns = 2 * np.pi * DELAY_UNIT * delays[:, None] * grid.frequencies
    weighted = cross / (energy + _NOTHING).sqrt()  # quiet bins count less
    fit = (weighted * torch.polar(torch.ones_like(turns), -turns)).real.sum(1).abs()  # opposite channels fit as well
    best, enough = int(fit.argmax()), torch.maximum(LATER * fit[half], SURE * weighted.abs().sum())
    return int(delays[best]) if fit[best] > enough else 0


def _summed(values: Tensor, grid: Grid) -> Tensor:
    """Sums (slots, BANDS) of the values (T, bins) of frames."""
    bands = values.new_zeros(len(values), BANDS).index_add_(1, grid.bands, values)
    slots = torch.arange(len(values), device=values.device) // grid.frames
    return bands.new_zeros(int(slots[-1]) + 1, BANDS).index_add_(0, slots, bands)
