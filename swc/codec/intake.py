"""Audio on its way into the networks: at their rate, at the level of coding, in whole latents."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from swc.audio import Audio, Resampler
from swc.audio.resample import Quality
from swc.bitstream import Header
from swc.codec.gain import Gain


class Intake:
    """Prepares one recording, block after block.

    Args:
        header: of the stream to be.
        gain: brings it to the level of coding.
        device: of the networks.
        quality: of resampling.
    """

    def __init__(self, header: Header, gain: Gain, device: torch.device, quality: Quality) -> None:
        self.hop, self.gain, self.device = header.hop, gain, device
        self.resampler = Resampler(header.source_rate, header.model_rate, header.channels, quality)
        self.samples = 0  # at the model's rate

    def push(self, block: Audio) -> Tensor:
        """The next samples (n, channels) at the source rate; what is ready of them (channels, m) on the device."""
        return self._tensor(self._levelled(self.resampler.process(block)))

    def flush(self) -> Tensor:
        """The rest, completed to whole latents."""
        rest = self._levelled(self.resampler.flush())
        return self._tensor(np.concatenate((rest, np.zeros((-self.samples % self.hop, rest.shape[1]), np.float32))))

    def _levelled(self, audio: Audio) -> Audio:
        self.samples += len(audio)
        return self.gain.apply(audio)

    def _tensor(self, audio: Audio) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(audio.T)).to(self.device)
