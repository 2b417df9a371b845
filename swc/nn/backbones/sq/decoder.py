"""The decoder of the `sq` backbone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import Tensor, nn

from swc.config import ModelConfig
from swc.dsp.ahead import Each
from swc.dsp.context import Context, Segment, segments
from swc.nn.backbones.sq.parts import KERNEL, ChannelNorm, ConvUnit, TrendAttention, backbone_of
from swc.nn.layers.snake import Snake
from swc.nn.layers.upsample import upsample
from swc.nn.roles import Decoder

DILATIONS = (1, 3, 9)


class UpLayer(nn.Module):
    """Linear up-sampling, (B, C, T) -> (B, C', rate T)."""

    def __init__(self, dim: int, after: int, rate: int) -> None:
        super().__init__()
        self.rate = rate
        self.pointwise = nn.Conv1d(dim, after, 1)
        self.norm = ChannelNorm(after)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(upsample(self.pointwise(x), self.rate))
        return y


class ResidualUnit(nn.Module):
    """A dilated convolution between Snakes, (B, C, T) -> (B, C, T)."""

    def __init__(self, dim: int, dilation: int) -> None:
        super().__init__()
        convolution = nn.Conv1d(dim, dim, KERNEL, padding=KERNEL // 2 * dilation, dilation=dilation)
        self.layers = nn.Sequential(Snake(dim), convolution, Snake(dim), nn.Conv1d(dim, dim, 1))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y


class SqDecoder(Decoder):
    """Latents (B, L, D) -> audio (B, L * hop)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        b = self.config = backbone_of(config)
        self.first = nn.Conv1d(b.features, b.decoder_widths[0], 3, padding=1)
        stages: list[nn.Module] = []
        steps, samples = b.features_per_latent, b.hop // b.features_per_latent  # steps a latent, samples a step
        self.reach = samples  # in samples; so far that of the first convolution
        for width, after, depth, rate in zip(
            b.decoder_widths, b.decoder_widths[1:], b.decoder_depths, b.rates, strict=False
        ):
            attention = TrendAttention(width, steps, b.span)
            stages += [*(ConvUnit(width) for _ in range(depth)), attention, UpLayer(width, after, rate)]
            self.reach += (depth * ConvUnit.reach + attention.reach + 1) * samples
            steps, samples = steps * rate, samples // rate
        self.stages = nn.Sequential(*stages)
        dim = b.decoder_widths[-1]
        units = (ResidualUnit(dim, dilation) for dilation in DILATIONS)
        self.last = nn.Sequential(*units, Snake(dim), nn.Conv1d(dim, 1, KERNEL, padding=KERNEL // 2), nn.Tanh())
        self.reach += KERNEL // 2 * (sum(DILATIONS) + 1)

    def decode(self, z: Tensor) -> Tensor:
        features = z.reshape(len(z), -1, self.config.features).transpose(1, 2)
        audio: Tensor = self.last(self.stages(self.first(features)))
        return audio.squeeze(1).float()

    def synthesise(
        self, chunks: Iterable[Tensor], latents: int, window: int, each: Each = map, first: int = 0
    ) -> Iterator[Tensor]:
        reach = -(-self.reach // self.config.hop)
        return each(self._inner, segments(chunks, latents, Context(reach, reach)))

    def overlap(self, window: int) -> Context:
        return Context(self.reach, self.reach)

    def _inner(self, latents: Segment) -> Tensor:
        """Audio (B, n) of a chunk of latents, without that of its surroundings."""
        hop = self.config.hop
        return self.decode(latents.signal)[:, latents.before * hop : (latents.before + latents.length) * hop]
