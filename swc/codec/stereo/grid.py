"""Time and frequency of couplings: frames of a short-time transform, and their bands and slots."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from swc.bitstream import Header
from swc.bitstream.coupling import SLOT

EDGES = (
    *(0, 100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3700, 4400, 5300),
    *(6400, 7700, 9500, 12000, 15500),
)
"""Lower edges of the bands in Hz (E. Zwicker 1961)."""
DELAY_UNIT = 1 / 32000  # seconds
_SHORTEST = 0.03  # seconds of a window


class Grid:
    """Frames of a stream's audio at the model's rate.

    Attributes:
        window: of a frame.
        hop: samples from frame to frame; divides the model's.
        frames: of a slot.
        bands: the band of each bin.
        frequencies: of the bins, in Hz.
    """

    def __init__(self, header: Header, device: torch.device) -> None:
        hops = 1 if header.hop % 4 == 0 else 4
        while hops * header.hop < _SHORTEST * header.model_rate:
            hops *= 2
        self.n_fft, self.hop = hops * header.hop, min(hops * header.hop // 4, header.hop)
        self.window = torch.hann_window(self.n_fft, device=device)
        self.frames = SLOT * header.hop // self.hop
        self.frequencies = torch.arange(self.n_fft // 2 + 1, device=device) * (header.model_rate / self.n_fft)
        self.bands = torch.bucketize(self.frequencies, torch.tensor(EDGES, device=device), right=True) - 1

    def reach(self, frames: int) -> int:
        """Context in samples on either side, if a frame depends on so many frames around it."""
        return -(-self.n_fft // self.hop) * self.hop + frames * self.hop


def around(values: Tensor, frames: int, bins: int) -> Tensor:
    """Means of (B, T, bins), real or complex, over so many frames and bins on either side; zeros outside."""
    if values.is_complex():
        parts = torch.view_as_real(values).permute(0, 3, 1, 2)
        return torch.view_as_complex(_mean(parts, frames, bins).permute(0, 2, 3, 1).contiguous())
    return _mean(values[:, None], frames, bins)[:, 0]


def _mean(values: Tensor, frames: int, bins: int) -> Tensor:
    rows = F.avg_pool2d(values, (2 * frames + 1, 1), 1, (frames, 0))
    return F.avg_pool2d(rows, (1, 2 * bins + 1), 1, (0, bins))
