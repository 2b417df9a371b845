"""The decoder of the `conv` backbone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from swc.config import ModelConfig
from swc.dsp.ahead import Each
from swc.dsp.context import Context, Segment, segments
from swc.nn.backbones.conv.parts import KERNEL, SMALL, backbone_of, needed, same, units, up
from swc.nn.layers.lapped import Synthesis
from swc.nn.layers.snake import Snake
from swc.nn.roles import Decoder


class ConvDecoder(Decoder):
    """Latents (B, L, D) -> audio (B, L * hop)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        b = backbone_of(config)
        self.config = b
        layers: list[nn.Module] = [same(b.latent_dim, b.decoder_widths[0], KERNEL)]
        for stride, (wide, narrow) in zip(reversed(b.strides), pairwise(b.decoder_widths), strict=True):
            layers += [Snake(wide), up(wide, narrow, stride), *units(narrow, b)]
        self.network = nn.Sequential(*layers, Snake(b.decoder_widths[-1]))
        self.head = same(b.decoder_widths[-1], max(1, b.stem), KERNEL, start=SMALL)
        self.synthesis = Synthesis(b.stem, b.exponent) if b.stem else nn.Tanh()

    def decode(self, z: Tensor) -> Tensor:
        h = self.network(z.transpose(1, 2))
        with torch.autocast(z.device.type, enabled=False):
            audio: Tensor = self.synthesis(self.head(h.float()))
            return audio[:, 0]

    def synthesise(
        self, chunks: Iterable[Tensor], latents: int, window: int, each: Each = map, first: int = 0
    ) -> Iterator[Tensor]:
        return each(self._audio, segments(chunks, latents, self._context))

    def _audio(self, latents: Segment) -> Tensor:
        """Audio (B, n) of a chunk of latents."""
        hop = self.config.hop
        return self.decode(latents.signal)[:, latents.before * hop : (latents.before + latents.length) * hop]

    @property
    def _context(self) -> Context:
        """Latents before and after its own that the samples of a latent depend on."""
        first, last = needed(self, 0, self.config.hop - 1)
        return Context(-first, last)

    def overlap(self, window: int) -> Context:
        before, after = self._context
        return Context(after * self.config.hop, before * self.config.hop)
