"""A codec network: encoder, quantizer, decoder, of the kinds that a config names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from swc.config import ModelConfig
from swc.dsp.ahead import Ahead, Each
from swc.dsp.causal import CausalSynthesis
from swc.dsp.context import Context
from swc.nn.backbones import BACKBONES
from swc.nn.quantizers import QUANTIZERS
from swc.nn.threads import ahead


class Undrawn(TorchFunctionMode):
    """A context for networks whose weights are loaded afterwards: random first ones are not drawn, which takes time."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


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

    @property
    def like(self) -> Tensor:
        """An empty tensor where its tensors are."""
        return torch.empty(0, device=self.device)

    def ahead(self, items: int = 1) -> Ahead:
        """Threads to work in, see `Ahead`."""
        return ahead(self.device, items)

    @torch.inference_mode()
    def latents(self, codes: NDArray[np.int64]) -> Tensor:
        """Latents (B, L, D) of codes (B, stages, L)."""
        return self.quantizer.decode(torch.from_numpy(codes).to(self.device))

    @torch.inference_mode()
    def synthesise(
        self, chunks: Iterable[Tensor], latents: int, window: int, each: Each = map, first: int = 0
    ) -> Iterator[Tensor]:
        """Audio of chunks of latents, see `Decoder.synthesise`."""
        yield from self.decoder.synthesise(chunks, latents, window, each, first)

    def causal(self, first: int = 0) -> CausalSynthesis:
        """See `Decoder.causal`."""
        return self.decoder.causal(first)

    def overlap(self, window: int) -> Context:
        """See `Decoder.overlap`."""
        return self.decoder.overlap(window)
