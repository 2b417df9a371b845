"""Time and frequency of couplings: frames of a short-time transform, and their bands and slots."""

from __future__ import annotations

import numpy as np

from swc.bitstream import Header
from swc.bitstream.coupling import SLOT
from swc.dsp.arrays import Array, hann, namespace, pad, windows

EDGES = (
    *(0, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3700, 4400, 5300),
    *(6400, 7700, 9500, 12000, 15500),
)
"""Lower edges of the bands in Hz (E. Zwicker 1961)."""
DELAY_UNIT = 1 / 32000  # seconds
_SHORTEST = 0.03  # seconds of a window


class Grid:
    """Frames of a stream's audio at the model's rate.

    Args:
        header: of the stream.
        like: an array of the kind of the audio, where that is.

    Attributes:
        window: of a frame.
        hop: samples from frame to frame; divides the model's.
        frames: of a slot.
        bands: the band of each bin.
        frequencies: of the bins, in Hz.
    """

    def __init__(self, header: Header, like: Array) -> None:
        hops = 1 if header.hop % 4 == 0 else 4
        while hops * header.hop < _SHORTEST * header.model_rate:
            hops *= 2
        self.n_fft, self.hop = hops * header.hop, min(hops * header.hop // 4, header.hop)
        self.window = hann(self.n_fft, like)
        self.frames = SLOT * header.hop // self.hop
        frequencies = np.arange(self.n_fft // 2 + 1, dtype=np.float32) * np.float32(header.model_rate / self.n_fft)
        bands = np.searchsorted(EDGES, frequencies, side="right") - 1
        self.frequencies, self.bands = (namespace(like).asarray(x, device=like.device) for x in (frequencies, bands))

    def reach(self, frames: int) -> int:
        """Context in samples on either side, if a frame depends on so many frames around it."""
        return -(-self.n_fft // self.hop) * self.hop + frames * self.hop


def around(values: Array, frames: int, bins: int) -> Array:
    """Means of (B, T, bins), real or complex, over so many frames and bins on either side; zeros outside."""
    if isinstance(values, np.ndarray):
        return _mean(_mean(values.swapaxes(1, 2), frames).swapaxes(1, 2), bins)
    torch = namespace(values)
    if values.is_complex():
        parts = torch.view_as_real(values).permute(0, 3, 1, 2)
        return torch.view_as_complex(_pooled(parts, frames, bins).permute(0, 2, 3, 1).contiguous())
    return _pooled(values[:, None], frames, bins)[:, 0]


def _mean(values: Array, reach: int) -> Array:
    """Means of a numpy array over so many elements on either side in the last dimension."""
    return windows(pad(values, reach, reach), 2 * reach + 1, 1).mean(-1)


def _pooled(values: Array, frames: int, bins: int) -> Array:
    """Means of a tensor (B, C, T, bins)."""
    pool = namespace(values).nn.functional.avg_pool2d
    return pool(pool(values, (2 * frames + 1, 1), 1, (frames, 0)), (1, 2 * bins + 1), 1, (0, bins))
