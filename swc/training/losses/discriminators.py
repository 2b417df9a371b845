"""Discriminators of the adversarial stage and their losses.

Multi-period: HiFi-GAN (Kong et al. 2020, arXiv 2010.05646). Multi-tiered STFT ("mtsd"): SwitchCodec (Wang et al., arXiv
2505.24437, section III.C). Multi-resolution complex STFT with sub-bands ("mrd"): DAC (Kumar et al. 2023, arXiv
2306.06546). Losses: least squares (Mao et al. 2017, arXiv 1611.04076) and feature matching.

A discriminator maps audio (B, samples) to its feature maps (B, channels, height, width), first layer to last; the last
map is the logits, with one channel. Real and generated audio go through faster as one batch than one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from swc.config.training import DiscriminatorConfig
from swc.dsp.stft import analyse

TIERS = ((512, 2), (1024, 4), (2048, 8))  # n_fft, tiers: 128 bins in every tier
RESOLUTIONS = (512, 1024, 2048)
BANDS = ((0.0, 0.1), (0.1, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0))  # shares of the bins

GAIN = 10.0  # the codec's level is -20 dB: networks learn much sooner from an RMS near 1
SLOPE = 0.1  # of the leaky ReLUs
QUIET = 1e-3  # magnitude of a noise 60 dB below the codec's level: under it phase fades out, gradients stay bounded
EXPONENT = 0.3  # compression of MTSD's magnitudes

Features = list[Tensor]


def conv(inputs: int, outputs: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1)) -> nn.Module:
    """Weight-normed convolution, padded so that only the stride shortens: (B, inputs, H, W) -> (B, outputs, H', W')."""
    padding = (kernel[0] // 2, kernel[1] // 2)
    module: nn.Module = weight_norm(nn.Conv2d(inputs, outputs, kernel, stride, padding))
    return module


def hidden_features(layers: nn.ModuleList, x: Tensor) -> Features:
    """Outputs of layers, each followed by a leaky ReLU: (B, C, H, W) -> one map a layer."""
    features: Features = []
    for layer in layers:
        x = F.leaky_relu(layer(x), SLOPE)
        features.append(x)
    return features


def spectrum(audio: Tensor, window: Tensor) -> Tensor:
    """STFT with a hop of a quarter window, in float32 whatever the autocast: (B, samples) -> (B, T, n_fft // 2 + 1).

    Scaled to the window's energy, so that white noise has its RMS in every bin whatever the resolution.
    """
    with torch.autocast(audio.device.type, enabled=False):
        x: Tensor = analyse(audio.float(), window / window.square().sum().sqrt(), window.shape[0] // 4)
        return x


def compressed_polar(x: Tensor) -> tuple[Tensor, Tensor]:
    """Compressed magnitude |X|^0.3 and phase / pi of complex values, both real and of the same shape.

    The derivative of a phase is 1 / |X|, that of a compressed magnitude |X|^-0.7: both blow up in silence. So the
    magnitude has a floor of `QUIET` and the phase is weighted by |X|^2 / (|X|^2 + QUIET^2), which is 1 for what is
    audible and bounds the derivative by 1 / QUIET.
    """
    real, imag = x.real, x.imag
    power = real.square() + imag.square()
    magnitude = (power + QUIET**2).pow(EXPONENT / 2)
    # |X|^2 underflows in atan2's own derivative, and no weight would undo the NaN: step aside before
    silent = power < 1e-24
    phase = torch.atan2(imag, torch.where(silent, 1.0, real)) / torch.pi
    return magnitude, phase * (power / (power + QUIET**2))


def split_tiers(x: Tensor, tiers: int) -> Tensor:
    """Deal out bins periodically: (B, T, bins) -> (B, bins / tiers, tiers, T); bin i goes to tier i mod tiers."""
    B, T, bins = x.shape
    return x.reshape(B, T, bins // tiers, tiers).permute(0, 2, 3, 1).contiguous()


class PeriodDiscriminator(nn.Module):
    """Convolutions along every `period`-th sample: audio (B, samples) -> maps (B, C, T, period)."""

    def __init__(self, period: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.period = period
        last = len(widths) - 1
        self.layers = nn.ModuleList(
            conv(inputs, width, (5, 1), (3 if i < last else 1, 1))
            for i, (inputs, width) in enumerate(zip((1, *widths), widths, strict=False))
        )
        self.output = conv(widths[-1], 1, (3, 1))

    def forward(self, audio: Tensor) -> Features:
        padded = F.pad(audio.unsqueeze(1), (0, -audio.shape[-1] % self.period), mode="reflect")
        features = hidden_features(self.layers, padded.reshape(len(audio), 1, -1, self.period))
        return [*features, self.output(features[-1])]


class TieredStftDiscriminator(nn.Module):
    """One scale of SwitchCodec's multi-tiered STFT discriminator: audio (B, samples) -> maps (B, C, tiers, frames).

    From the paper: n_fft / 2 bins, dealt out periodically into tiers; magnitude and phase one after the other in time;
    3x9 kernels, stride 1x2, 32 to 256 channels, then one. Its "from 128 to 32" channels is read as: a tier's 128 bins
    are the input channels (256 / 2 = 512 / 4 = 1024 / 8 = 128, the periods that "unify the architecture"), and the
    convolutions run over (tier, time).

    Where the paper is silent: a Hann window and a hop of n_fft / 4; the bin at the Nyquist frequency is dropped;
    magnitudes are compressed and phases fade out below `QUIET`; leaky ReLUs; the last layer has the same kernel and
    stride as the others. "Each hidden feature is retained" is read as feature matching on all of them, with the last
    layer alone as logits.
    """

    window: Tensor

    def __init__(self, n_fft: int, tiers: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.tiers = tiers
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.layers = nn.ModuleList(
            conv(inputs, width, (3, 9), (1, 2))
            for inputs, width in zip((n_fft // 2 // tiers, *widths), widths, strict=False)
        )
        self.output = conv(widths[-1], 1, (3, 9), (1, 2))

    def forward(self, audio: Tensor) -> Features:
        with torch.autocast(audio.device.type, enabled=False):
            magnitude_phase = torch.cat(compressed_polar(spectrum(audio, self.window)[..., :-1]), dim=1)
        features = hidden_features(self.layers, split_tiers(magnitude_phase, self.tiers))
        return [*features, self.output(features[-1])]


class BandDiscriminator(nn.Module):
    """One resolution of DAC's sub-band discriminator: audio (B, samples) -> maps (B, C, T, bins).

    Real and imaginary parts are two channels. Each band has its own 3x9 convolutions over (time, frequency), with
    stride 1x2; a 3x3 convolution makes logits of the bands' outputs, concatenated in frequency. The feature maps are
    those of each band in turn, then the logits. DAC's widths are close to 32, 32, 32, 32.
    """

    window: Tensor

    def __init__(self, n_fft: int, widths: Sequence[int], bands: Sequence[tuple[float, float]] = BANDS) -> None:
        super().__init__()
        bins = n_fft // 2 + 1
        self.edges = [(round(low * bins), round(high * bins)) for low, high in bands]
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        self.bands = nn.ModuleList(
            nn.ModuleList(
                conv(inputs, width, (3, 9), (1, 2)) for inputs, width in zip((2, *widths), widths, strict=False)
            )
            for _ in bands
        )
        self.output = conv(widths[-1], 1, (3, 3))

    def forward(self, audio: Tensor) -> Features:
        x = spectrum(audio, self.window)
        parts = torch.stack((x.real, x.imag), dim=1)
        features: Features = []
        ends = []
        for (low, high), layers in zip(self.edges, self.bands, strict=True):
            if not isinstance(layers, nn.ModuleList):
                raise TypeError("not a list of layers")
            features += hidden_features(layers, parts[..., low:high])
            ends.append(features[-1])
        return [*features, self.output(torch.cat(ends, dim=-1))]


class Discriminators(nn.Module):
    """The discriminators of a config: audio (B, samples) at the codec's level -> feature maps of each."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        members: list[nn.Module] = [PeriodDiscriminator(p, config.period_widths) for p in config.periods]
        if config.spectral == "mtsd":
            members += [TieredStftDiscriminator(n, tiers, config.spectral_widths) for n, tiers in TIERS]
        elif config.spectral == "mrd":
            members += [BandDiscriminator(n, config.spectral_widths) for n in RESOLUTIONS]
        self.members = nn.ModuleList(members)

    def forward(self, audio: Tensor) -> list[Features]:
        audio = GAIN * audio
        return [member(audio) for member in self.members]


def _mean(terms: Sequence[Tensor]) -> Tensor:
    return torch.stack(tuple(terms)).mean()


def discriminator_loss(real: Sequence[Features], fake: Sequence[Features]) -> Tensor:
    """Scalar, mean over discriminators of the mean of (1 - D(real))^2 + D(fake)^2.

    Args:
        real: feature maps of recordings, as `Discriminators` gives them.
        fake: those of generated audio, which the caller has detached from the generator.
    """
    return _mean(
        [(1 - x[-1].float()).square().mean() + y[-1].float().square().mean() for x, y in zip(real, fake, strict=True)]
    )


def generator_loss(fake: Sequence[Features]) -> Tensor:
    """Scalar, mean over discriminators of the mean of (1 - D(fake))^2, from feature maps of generated audio."""
    return _mean([(1 - y[-1].float()).square().mean() for y in fake])


def feature_matching(real: Sequence[Features], fake: Sequence[Features]) -> Tensor:
    """Scalar, L1 distance of hidden features, relative to the mean magnitude of the real ones (no gradient to those).

    Averaged over all layers of all discriminators; the logits do not count. Relative, because the least-squares loss
    fixes the scale of the logits only: a discriminator may double a hidden layer and halve the next, and would change
    the loss's weight against the others. 0 is identical, about 1 is unrelated.
    """
    terms = []
    for x, y in zip(real, fake, strict=True):
        for a, b in zip(x[:-1], y[:-1], strict=True):
            target = a.detach().float()
            terms.append(F.l1_loss(b.float(), target) / target.abs().mean().clamp_min(1e-4))
    return _mean(terms)
