"""Start from the linear solution: PCA into the latent, least squares out of it, k-means for every codebook.

A network from scratch needs thousands of steps to become as good as a PCA; given the PCA, it learns the rest. A `conv`
backbone has no linear maps; it starts from random latents, which predictor and codebooks are fitted to. Those of `sq`,
and quantizers of scalars, have their layers scaled (`swc.training.lsuv`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from swc.config import Config
from swc.nn.backbones.conv import ConvEncoder
from swc.nn.backbones.spectral import SpectralDecoder, SpectralEncoder
from swc.nn.model import CodecModel
from swc.nn.quantizers.codebook import Codebook
from swc.nn.quantizers.fsq import Fsq
from swc.nn.quantizers.residual import ResidualQuantizer
from swc.nn.quantizers.vrvq import Vrvq
from swc.training.data.batches import draw_crops
from swc.training.data.corpus import Corpus
from swc.training.losses.reconstruction import band_centres, emphasis
from swc.training.lsuv import lsuv
from swc.training.parts import parts_of

BATCH = 16
SECONDS = 1.5
NOISE = 0.3  # error that quantization will add to latents of mean square 1 before others are predicted from them


@torch.no_grad()
def initialise(model: CodecModel, corpus: Corpus, config: Config, generator: torch.Generator) -> None:
    """Fit the linear maps, the predictor and the codebooks on `config.training.init_seconds` of the corpus.

    Of a quantizer without codebooks, layers are scaled.

    Args:
        model: is changed, and left in inference mode. One that has a base is changed in its codebooks alone.
        corpus: to fit to.
        config: of the run.
        generator: on the CPU, of crops, noise and k-means.

    Raises:
        InputError: codebooks with a backbone that cannot be trained.
    """
    rate, t = config.model.sample_rate, config.training
    length = round(SECONDS * config.model.latent_rate) * config.model.hop
    batches = max(1, round(t.init_seconds / (BATCH * length / rate)))
    drawn = [draw_crops(config, corpus, BATCH, length, generator) for _ in range(batches)]
    model.eval()
    encoder, quantizer, decoder = model.encoder, model.quantizer, model.decoder
    if not config.model.base and isinstance(encoder, SpectralEncoder) and isinstance(decoder, SpectralDecoder):
        _fit_linear(encoder, decoder, config, drawn)
    if isinstance(quantizer, Fsq):
        if not config.model.base and isinstance(encoder, SpectralEncoder):
            _fit_moments(encoder, torch.cat([encoder.encode(audio) for audio in drawn]))
        lsuv(model, drawn[0])
    if not isinstance(quantizer, ResidualQuantizer):
        return
    encoder = parts_of(model).encoder
    latents = torch.cat([encoder.encode(audio) for audio in drawn])
    if not config.model.base:
        latents = _fit_moments(encoder, latents)
        noise = torch.randn(latents.shape, generator=generator).to(latents)
        quantizer.predictor.fit(latents, latents + NOISE * noise)
    window = min(t.crop_latents, latents.shape[1])
    innovations = quantizer.predictor.innovations(latents)
    whole = innovations[:, : innovations.shape[1] // window * window]
    windows = whole.reshape(-1, window, whole.shape[-1])
    everything = torch.full((len(windows),), quantizer.config.routed)  # of a chain, all windows reach the last one
    fit_codebooks(quantizer, windows, generator, k=everything if isinstance(quantizer, Vrvq) else None)


def _fit_moments(encoder: SpectralEncoder | ConvEncoder, latents: Tensor) -> Tensor:
    """Latents (B, L, D) of mean 0 and mean square 1, as the encoder makes them from now on."""
    mean = latents.mean((0, 1))
    power = (latents - mean).square().mean()
    encoder.mean.copy_(mean)
    encoder.power.copy_(power)
    return (latents - mean) * power.rsqrt()


@torch.no_grad()
def fit_codebooks(
    quantizer: ResidualQuantizer,
    z: Tensor,
    generator: torch.Generator,
    *,
    k: Tensor | None = None,
    iterations: int = 10,
) -> None:
    """k-means of each codebook on the residual that reaches it.

    Args:
        quantizer: its codebooks are changed.
        z: windows of latents or innovations (B, T, D).
        generator: on the CPU.
        k: k_r of each window (B,); if not given, it is drawn around a third of the experts.
        iterations: of k-means.
    """
    shared, residual = quantizer.config.shared, z
    everywhere = torch.ones(len(z), dtype=torch.bool, device=z.device)
    for book in quantizer.books()[:shared]:
        residual = _fit_stage(book, residual, everywhere, generator, iterations)
    if k is None:
        n = quantizer.config.routed
        k = torch.randint(n // 4, n // 2 + 1, (len(z),), generator=generator)
    mask = quantizer.route(z, k.to(z.device))
    for book, on in zip(quantizer.books()[shared:], mask.t(), strict=True):
        residual = _fit_stage(book, residual, on, generator, iterations)


def _fit_stage(book: Codebook, residual: Tensor, on: Tensor, generator: torch.Generator, iterations: int) -> Tensor:
    """Fit a codebook to the windows that it serves (B,), bool; returns the residual of all windows (B, T, D)."""
    rows = residual[on] if bool(on.any()) else residual  # one that serves no window starts from all of them
    book.fit(rows.reshape(-1, residual.shape[-1]), iterations, generator)
    return torch.where(on[:, None, None], residual - book.code[book.nearest(residual)], residual)


def _fit_linear(encoder: SpectralEncoder, decoder: SpectralDecoder, config: Config, batches: list[Tensor]) -> None:
    """PCA of emphasised compressed mels into the encoder's map, least squares to compressed bins in the decoder's."""
    frames = encoder.config.frames_per_latent
    weight = emphasis(config, band_centres(encoder.mel, config.model.sample_rate)).repeat(frames)
    mels, bins = [], []
    for audio in batches:
        mel, c = encoder.features(audio)
        mels.append(mel.reshape(-1, mel.shape[-1] * frames))
        bins.append(c.reshape(-1, c.shape[-1] * frames)[::4].half())  # every fourth is plenty, and half is exact enough
    z = torch.cat(mels)
    mean = z.mean(0)
    # eigh sorts upwards; the leading directions come last
    covariance = torch.cov(((z - mean) * weight).t())
    directions = torch.linalg.eigh(covariance)[1].flip(1)[:, : encoder.config.latent_dim] * weight[:, None]
    scale = ((z - mean) @ directions).square().mean().rsqrt()
    directions = directions * scale
    encoder.linear.weight.copy_(directions.t())
    encoder.linear.bias.copy_(-(mean @ directions))
    y = torch.cat([(part[::4] - mean) @ directions for part in mels])
    y = torch.cat((y, torch.ones_like(y[:, :1])), 1)
    solution = torch.linalg.lstsq(y, torch.cat(bins).float()).solution
    decoder.linear.weight.copy_(solution[:-1].t())
    decoder.linear.bias.copy_(solution[-1])
