"""Phases for magnitudes, integrated from peak to peak in one pass.

Integration follows the derivatives that a Gaussian-like window gives to the phase of a spectrogram (phase gradient heap
integration, Prusa, Balazs & Sondergaard 2017, eq. 11-12). Instead of a heap, the order is that of single-pass
spectrogram inversion (Beauregard, Harish & Wyse 2015): a spectral peak continues from the previous frame, and the bins
on its flanks are locked to it (Laroche & Dolson 1999). There is nothing to learn.
"""

from __future__ import annotations

import math
from ctypes import c_float, c_int64
from typing import NamedTuple

from swc import native
from swc.dsp.arrays import Array, namespace, pad, running_max, take, unit
from swc.dsp.texture import FLANK, SHARP, spread

GAMMA = 0.25645  # of the Gaussian that a Hann window resembles, in units of n_fft squared (Prusa et al. 2017)
TINY = 1e-8


class Trail(NamedTuple):
    """What the phases of a frame go on from, of the previous one: phases (B, bins), their advance, log magnitudes."""

    phase: Array
    advance: Array
    log: Array


def integrate_phase(
    magnitude: Array, n_fft: int, hop: int, pause: int | None = None, offset: Array | None = None
) -> Array:
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
    return continue_phase(magnitude, n_fft, hop, _quietest(magnitude.sum(-1), pause), offset)[0]


def continue_phase(
    magnitude: Array, n_fft: int, hop: int, restart: Array, offset: Array | None = None, trail: Trail | None = None
) -> tuple[Array, Trail]:
    """As `integrate_phase`, from where earlier frames ended.

    Args:
        magnitude, n_fft, hop, offset: as there; T at least 1 where there is a trail.
        restart: the frames (B, T) at which phases start again; bool.
        trail: of the previous frame; None at the start.

    Returns:
        Complex unit vectors (B, T, bins), and the trail for the next frame. The last frame does not know how magnitudes
        go on, so that its phases depend on where a signal is cut.
    """
    xp, (B, T, bins) = namespace(magnitude), magnitude.shape
    log = xp.log(magnitude + TINY)
    bin_index = xp.arange(bins, dtype=magnitude.dtype, device=magnitude.device)
    # the lowest possible crest at a start (Schroeder 1970): equal phases would make each restart a click
    start = math.pi * bin_index**2 / (2 * bins)
    # advance of the phase from frame to frame: the bin's own frequency, and its distance to its peak
    own = 2 * math.pi * (hop * (bin_index % (n_fft // hop))) / n_fft
    if T and native.serves(magnitude):
        along, across = hop / (GAMMA * n_fft), -GAMMA * n_fft / hop
        return _in_c(log, restart, offset, trail, own, start, along, across)
    advance = own + hop / (GAMMA * n_fft) * _slope(log)
    between = ((advance[:, 1:] + advance[:, :-1]) / 2).swapaxes(1, 2)
    if trail is None:
        between = pad(between, 1, 0).swapaxes(1, 2)
    else:
        first = (advance[:, :1] + trail.advance[:, None]) / 2
        between = xp.concat((first, between.swapaxes(1, 2)), 1)
    # advance from bin to bin: the position of the energy within the frame
    lag = -GAMMA * n_fft / hop * _slope_over_time(log, trail)
    across = pad((lag[..., 1:] + lag[..., :-1]) / 2, 1, 0).cumsum(-1)
    peak = peaks(log)
    locked = across - take(across, peak)
    start = xp.broadcast_to(start, (B, bins))
    phase, phases = start if trail is None else trail.phase, []
    for t in range(T):
        phase = xp.where(restart[:, t, None], start, phase)
        phase = take(phase + between[:, t], peak[:, t]) + locked[:, t]
        phases.append(phase)
    # phases so far refer to the middle of the window, those of the FFT to its start
    angle = xp.stack(phases, 1) + math.pi * (bin_index % 2) if phases else magnitude
    if offset is not None:
        angle = angle + spread(offset, log, peak)
    last = (x[:, -1] if T else start for x in (advance, log))
    return unit(angle), Trail(phase % (2 * math.pi), *last)


def _in_c(
    log: Array,
    restart: Array,
    offset: Array | None,
    trail: Trail | None,
    own: Array,
    start: Array,
    along: float,
    across: float,
) -> tuple[Array, Trail]:
    """The same, with `swc/native/phase.c`: arguments as in `continue_phase`, and factors of slopes."""
    xp, (B, T, bins) = namespace(log), log.shape
    log, restart, own, start = (native.whole(x) for x in (log, restart, own, start))
    offset = None if offset is None else native.whole(offset)
    phase = xp.zeros_like(log[:, 0]) + start if trail is None else trail.phase + 0.0
    advance = xp.zeros_like(phase) if trail is None else trail.advance + 0.0
    before = None if trail is None else native.whole(trail.log)
    angle = xp.empty_like(log)
    for b in range(B):
        native.call(
            "swc_phases", native.pointer(log[b]), c_int64(T), c_int64(bins), native.pointer(restart[b]),
            native.pointer(offset), c_float(SHARP), c_int64(FLANK), native.pointer(phase[b]),
            native.pointer(advance[b]), native.pointer(None if before is None else before[b]), native.pointer(own),
            native.pointer(start), c_float(along), c_float(across), native.pointer(angle[b]),
        )  # fmt: skip
    return unit(angle), Trail(phase % (2 * math.pi), advance, log[:, -1])


def _quietest(level: Array, pause: int | None) -> Array:
    """Of levels (B, T), which is the least in the second half of each `pause` of them; bool."""
    xp = namespace(level)
    found = xp.zeros_like(level, dtype=xp.bool)
    if pause is None:
        return found
    for begin in range(pause // 2, level.shape[1], pause):
        part = level[:, begin : begin + pause - pause // 2]
        count = part.shape[1]
        found[:, begin : begin + count] = part.argmin(1)[:, None] == xp.arange(count, device=level.device)
    return found


def _slope(x: Array) -> Array:
    """Central differences along the last dimension, 0 at both ends."""
    return pad((x[..., 2:] - x[..., :-2]) / 2, 1, 1) if x.shape[-1] > 2 else namespace(x).zeros_like(x)


def _slope_over_time(log: Array, trail: Trail | None) -> Array:
    """Central differences along the frames (B, T, bins), 0 at both ends; or after a previous frame, with the last one
    for the next, which is not known yet."""
    if trail is None:
        return _slope(log.swapaxes(1, 2)).swapaxes(1, 2)
    known = namespace(log).concat((trail.log[:, None], log, log[:, -1:]), 1)
    return (known[:, 2:] - known[:, :-2]) / 2


def peaks(x: Array) -> Array:
    """For each element of the last dimension the index of the local maximum that it climbs to, int64."""
    xp, n = namespace(x), x.shape[-1]
    index = xp.arange(n, device=x.device)
    rises = pad(x[..., 1:] > x[..., :-1], 0, 1)
    peak = ~rises & pad(rises[..., :-1], 1, 0, value=True)
    after = -xp.flip(running_max(xp.flip(xp.where(peak, -index, -n), (-1,))), (-1,))
    before = running_max(xp.where(peak, index, -1))
    return xp.where(rises, after, before)
