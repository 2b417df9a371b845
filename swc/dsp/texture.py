"""Texture in the treble: phases that sound like noise where integrated ones would ring.

Coded magnitudes are smooth, and integration turns every bump of a noise into a steady tone. So above `NOISY` the region
of each spectral peak that is not as sharp as a tone's gets a random offset, drawn again in every frame. Inconsistent
frames cancel each other where they overlap; a few Griffin-Lim iterations (1984) restore the loss.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from swc.dsp.arrays import Array, constant, pad, take
from swc.dsp.noise import uniform
from swc.dsp.stft import analyse, synthesise

NOISY = 4000.0  # Hz, of the lowest peaks whose regions get random offsets
FLANK = 8  # bins to either side of a peak; a tone in a Hann window takes two
SHARP = 1.2  # natural log of the ratio of a tone's magnitude to that of its flanks, at least
ITERATIONS = 2
TINY = 1e-20


def first_noisy(n_fft: int, sample_rate: int) -> int:
    """The first bin at `NOISY` or above."""
    return math.ceil(NOISY * n_fft / sample_rate)


def offsets(frames: int, n_fft: int, sample_rate: int) -> NDArray[np.float32]:
    """Angles (frames, n_fft // 2 + 1) for the regions of peaks at these frames and bins; 0 below `NOISY`.

    They depend on frame and bin alone, so that equal channels stay equal.
    """
    bins = n_fft // 2 + 1
    angle = np.float32(2 * math.pi) * uniform(np.arange(frames * bins).reshape(frames, bins))
    angle[:, : first_noisy(n_fft, sample_rate)] = 0.0
    return angle


def spread(offset: Array, log: Array, peak: Array) -> Array:
    """The offset of each bin (B, T, bins): that of its peak, or 0 if the peak is as sharp as a tone's.

    Args:
        offset: (T, bins), of peaks.
        log: logarithms of magnitudes (B, T, bins).
        peak: index of each bin's peak (B, T, bins).
    """
    above_flanks = log[..., FLANK:-FLANK] - (log[..., : -2 * FLANK] + log[..., 2 * FLANK :]) / 2
    noisy = pad(above_flanks, FLANK, FLANK) < SHARP
    return take(offset * noisy, peak)


def refine(spectrum: Array, window: Array, hop: int) -> Array:
    """More consistent phases, with the same magnitudes: complex (B, T, bins).

    Every iteration takes the phases of the previous iteration's waveform, and depends on n_fft // hop more frames on
    each side. Gradients reach only the magnitudes.
    """
    magnitude = abs(spectrum)
    for _ in range(ITERATIONS):
        heard = analyse(synthesise(constant(spectrum), window, hop), window, hop)
        power = heard.real**2 + heard.imag**2
        spectrum = heard * (magnitude * (power + TINY) ** -0.5)
    return spectrum
