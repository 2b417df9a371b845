"""Phases for magnitudes: integrated from peak to peak in one pass, and Griffin-Lim to refine them.

Integration follows the derivatives that a Gaussian-like window gives to the phase of a spectrogram (phase gradient heap
integration, Prusa, Balazs & Sondergaard 2017, eq. 11-12). Instead of a heap, the order is that of single-pass
spectrogram inversion (Beauregard, Harish & Wyse 2015): a spectral peak goes on from the frame before, and the bins on
its flanks are locked to it (Laroche & Dolson 1999). No iteration, no random start, and nothing to learn.

Fast Griffin-Lim: Griffin & Lim 1984, momentum by Perraudin, Balazs & Sondergaard 2013. Each iteration reaches
n_fft / hop - 1 frames further.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from swc.nn.stft import analyse, synthesise, window_power

GAMMA = 0.25645  # of the Gaussian that a Hann window resembles, in units of n_fft squared (Prusa et al. 2017)
TINY = 1e-8


@torch.no_grad()
def integrate_phase(
    magnitude: Tensor, n_fft: int, hop: int, restart: int | None = None, pause: int | None = None
) -> Tensor:
    """Phases that fit magnitudes of an STFT with a Hann window.

    Args:
        magnitude: (B, T, bins), at least 0.
        n_fft: window length in samples; bins = n_fft // 2 + 1.
        hop: samples a frame.
        restart: begin anew every so many frames, so that the frames of a chunk depend on no other chunk.
        pause: begin anew too at the quietest frame in the second half of every so many frames, where it is least heard,
            so that a frame depends on little before it.

    Returns:
        Complex unit vectors (B, T, bins).
    """
    B, T, bins = magnitude.shape
    restart = restart or max(T, 1)
    if restart < T:
        parts = torch.split(magnitude, restart, 1)
        return torch.cat([integrate_phase(part, n_fft, hop, pause=pause) for part in parts], 1)
    log = (magnitude + TINY).log()
    bin_index = torch.arange(bins, device=magnitude.device)
    # what the phase gains from frame to frame: the bin's own frequency, and its distance to the peak it belongs to
    own = 2 * math.pi * ((hop * bin_index) % n_fft) / n_fft
    advance = own + hop / (GAMMA * n_fft) * _slope(log)
    advance = F.pad((advance[:, 1:] + advance[:, :-1]) / 2, (0, 0, 1, 0))
    # what it gains from bin to bin: where in the frame the energy lies
    lag = -GAMMA * n_fft / hop * _slope(log.transpose(1, 2)).transpose(1, 2)
    across = F.pad((lag[..., 1:] + lag[..., :-1]) / 2, (1, 0)).cumsum(-1)
    peak = _peaks(log)
    locked = across - across.gather(-1, peak)
    # as low a crest as a start can have (Schroeder 1970): equal phases would make each restart a click
    start = (math.pi * bin_index.square() / (2 * bins)).expand(B, bins)
    anew = _quietest(magnitude.sum(-1), pause)[..., None]
    phase, phases = start, []
    for t in range(T):
        phase = torch.where(anew[:, t], start, phase)
        phase = (phase + advance[:, t]).gather(-1, peak[:, t]) + locked[:, t]
        phases.append(phase)
    # phases so far refer to the middle of the window, those of the FFT to its start
    angle = torch.stack(phases, 1) + math.pi * (bin_index % 2) if phases else magnitude
    return torch.polar(torch.ones_like(angle), angle)


def _quietest(level: Tensor, pause: int | None) -> Tensor:
    """Of levels (B, T), which is the least in the second half of each `pause` of them; bool."""
    found = torch.zeros_like(level, dtype=torch.bool)
    if pause is None:
        return found
    for begin in range(pause // 2, level.shape[1], pause):
        part = level[:, begin : begin + pause - pause // 2]
        found[:, begin : begin + part.shape[1]].scatter_(1, part.argmin(1, keepdim=True), True)
    return found


def _slope(x: Tensor) -> Tensor:
    """Central differences along the last dimension, 0 at both ends."""
    return F.pad((x[..., 2:] - x[..., :-2]) / 2, (1, 1)) if x.shape[-1] > 2 else torch.zeros_like(x)


def _peaks(x: Tensor) -> Tensor:
    """For each element of the last dimension the index of the local maximum that it climbs to, int64."""
    n = x.shape[-1]
    index = torch.arange(n, device=x.device).expand_as(x)
    rises = F.pad(x[..., 1:] > x[..., :-1], (0, 1))
    peak = ~rises & F.pad(rises[..., :-1], (1, 0), value=True)
    after = torch.where(peak, index, n).flip(-1).cummin(-1).values.flip(-1)
    before = torch.where(peak, index, -1).cummax(-1).values
    return torch.where(rises, after, before)


def griffin_lim(spectrum: Tensor, window: Tensor, hop: int, iterations: int, momentum: float) -> Tensor:
    """Waveform whose STFT has about the given magnitudes.

    Args:
        spectrum: complex (B, T, bins): the magnitudes, with the phases to start from.
        window: (n_fft,).
        hop: samples a frame.
        iterations: 0 gives the inverse STFT of the start.
        momentum: 0 is classic Griffin-Lim, 0.99 the fast one.

    Returns:
        Samples (B, T * hop).
    """
    power = window_power(window, spectrum.shape[1], hop)
    magnitude = spectrum.abs() if iterations else torch.empty(0)
    previous: Tensor | None = None
    for _ in range(iterations):
        consistent = analyse(synthesise(spectrum, window, hop, power), window, hop)
        ahead = consistent
        if momentum and previous is not None:  # previous + (1 + momentum) * (consistent - previous)
            pairs = torch.lerp(torch.view_as_real(previous), torch.view_as_real(consistent), 1 + momentum)
            ahead = torch.view_as_complex(pairs)
        previous = consistent
        spectrum = torch.sgn(ahead) * magnitude
    return synthesise(spectrum, window, hop, power)
