"""Short-time Fourier transform, frames first: (B, frames, bins).

Frame t is centred on sample t * hop; the signal is taken as zero outside. Plain real FFTs and slices, which
cost less than `torch.stft`.
"""

from __future__ import annotations

from swc.dsp.arrays import Array, namespace, pad, windows


def analyse(audio: Array, window: Array, hop: int) -> Array:
    """STFT of audio (B, samples) -> complex (B, samples // hop, n_fft // 2 + 1)."""
    return namespace(audio).fft.rfft(frames(audio, window, hop))


def frames(audio: Array, window: Array, hop: int) -> Array:
    """What the transform of `analyse` takes: windowed frames (B, samples // hop, n_fft)."""
    n_fft = window.shape[0]
    padded = pad(audio, n_fft // 2, n_fft // 2)
    return windows(padded, n_fft, hop)[:, : audio.shape[-1] // hop] * window


def overlap_add(frames: Array, hop: int) -> Array:
    """(B, T, n_fft) -> (B, (T - 1) * hop + n_fft); n_fft must be a multiple of hop."""
    B, T, n_fft = frames.shape
    parts = n_fft // hop
    pieces = frames.reshape(B, T, parts, hop)
    out = namespace(frames).zeros((B, T + parts - 1, hop), dtype=frames.dtype, device=frames.device)
    for j in range(parts):
        out[:, j : j + T] += pieces[:, :, j]
    return out.reshape(B, -1)


def synthesise(spectrum: Array, window: Array, hop: int) -> Array:
    """Inverse STFT, least squares (Griffin & Lim 1984, eq. 6): complex (B, T, bins) -> (B, T * hop)."""
    xp, n_fft, count = namespace(spectrum), window.shape[0], spectrum.shape[1]
    inside = slice(n_fft // 2, n_fft // 2 + count * hop)
    power = overlap_add(xp.broadcast_to(window * window, (1, count, n_fft)), hop)[:, inside].clip(1e-3)
    return overlap_add(xp.fft.irfft(spectrum, n_fft) * window, hop)[:, inside] / power
