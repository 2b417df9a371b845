"""A codec network: encoder, quantizer, decoder, of the kinds that a config names."""

from __future__ import annotations

from itertools import chain

import torch
from torch import nn

from swc.config import ModelConfig
from swc.nn.backbones import BACKBONES
from swc.nn.quantizers import QUANTIZERS


class CodecModel(nn.Module):
    """Encoder -> quantizer -> decoder. `swc.codec` adds chunks, gains, rates and the container."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        encoder, decoder = BACKBONES[config.backbone.kind]
        self.encoder = encoder(config)
        self.quantizer = QUANTIZERS[config.quantizer.kind](config)
        self.decoder = decoder(config)

    @property
    def device(self) -> torch.device:
        """The device of its tensors."""
        return next(chain(self.parameters(), self.buffers())).device
