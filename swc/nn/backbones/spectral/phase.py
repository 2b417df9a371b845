"""Phases for magnitudes, integrated from peak to peak in one pass.

Integration follows the derivatives that a Gaussian-like window gives to the phase of a spectrogram (phase gradient heap
integration, Prusa, Balazs & Sondergaard 2017, eq. 11-12). Instead of a heap, the order is that of single-pass
spectrogram inversion (Beauregard, Harish & Wyse 2015): a spectral peak continues from the previous frame, and the bins
on its flanks are locked to it (Laroche & Dolson 1999). There is nothing to learn.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from swc.nn.backbones.spectral.texture import spread

GAMMA = 0.25645  # of the Gaussian that a Hann window resembles, in units of n_fft squared (Prusa et al. 2017)
TINY = 1e-8


@torch.no_grad()
def integrate_phase(
    magnitude: Tensor, n_fft: int, hop: int, pause: int | None = None, offset: Tensor | None = None
) -> Tensor:
    """Phases that fit magnitudes of an STFT with a Hann window.

    Args:
        magnitude: (B, T, bins), at least 0.
        n_fft: window length in samples; bins = n_fft // 2 + 1.
        hop: samples a frame.
        pause: restart at the quietest frame in the second half of every so many frames, where it is least audible, so
            that a frame depends on few frames before it.
        offset: (T, bins), angles by which peaks that are not tones are rotated with their flanks, frame by frame.

    Returns:
        Complex unit vectors (B, T, bins).
    """
    B, T, bins = magnitude.shape
    log = (magnitude + TINY).log()
    bin_index = torch.arange(bins, device=magnitude.device)
    # advance of the phase from frame to frame: the bin's own frequency, and its distance to its peak
    own = 2 * math.pi * ((hop * bin_index) % n_fft) / n_fft
    advance = own + hop / (GAMMA * n_fft) * _slope(log)
    advance = F.pad((advance[:, 1:] + advance[:, :-1]) / 2, (0, 0, 1, 0))
    # advance from bin to bin: the position of the energy within the frame
    lag = -GAMMA * n_fft / hop * _slope(log.transpose(1, 2)).transpose(1, 2)
    across = F.pad((lag[..., 1:] + lag[..., :-1]) / 2, (1, 0)).cumsum(-1)
    peak = peaks(log)
    locked = across - across.gather(-1, peak)
    # the lowest possible crest at a start (Schroeder 1970): equal phases would make each restart a click
    start = (math.pi * bin_index.square() / (2 * bins)).expand(B, bins)
    anew = _quietest(magnitude.sum(-1), pause)[..., None]
    phase, phases = start, []
    for t in range(T):
        phase = torch.where(anew[:, t], start, phase)
        phase = (phase + advance[:, t]).gather(-1, peak[:, t]) + locked[:, t]
        phases.append(phase)
    # phases so far refer to the middle of the window, those of the FFT to its start
    angle = torch.stack(phases, 1) + math.pi * (bin_index % 2) if phases else magnitude
    if offset is not None:
        angle = angle + spread(offset, log, peak)
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


def peaks(x: Tensor) -> Tensor:
    """For each element of the last dimension the index of the local maximum that it climbs to, int64."""
    n = x.shape[-1]
    index = torch.arange(n, device=x.device).expand_as(x)
    rises = F.pad(x[..., 1:] > x[..., :-1], (0, 1))
    peak = ~rises & F.pad(rises[..., :-1], (1, 0), value=True)
    after = torch.where(peak, index, n).flip(-1).cummin(-1).values.flip(-1)
    before = torch.where(peak, index, -1).cummax(-1).values
    return torch.where(rises, after, before)
