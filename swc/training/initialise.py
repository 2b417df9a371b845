"""Start from the linear solution: PCA into the latent, least squares out of it, k-means for every codebook.

A network from scratch needs thousands of steps to become as good as a PCA; given the PCA, it learns the rest.
"""

from __future__ import annotations

import torch
from torch import Tensor

from swc.config import Config
from swc.nn.model import CodecModel
from swc.training.corpus import Corpus
from swc.training.losses import band_centres, emphasis

BATCH = 16
SECONDS = 1.5
NOISE = 0.3  # what quantization will add to latents of mean square 1 that others are predicted from


@torch.no_grad()
def initialise(model: CodecModel, corpus: Corpus, config: Config, generator: torch.Generator) -> None:
    """Fit the linear maps and the codebooks on `config.training.init_seconds` of the corpus."""
    hop, t = config.hop, config.training
    length = round(SECONDS * config.latent_rate) * hop
    batches = max(1, round(t.init_seconds / (BATCH * length / config.sample_rate)))
    draw = [
        corpus.crops(BATCH, length, generator, gain_db=t.gain_db, narrow_weight=t.narrow_weight) for _ in range(batches)
    ]
    _fit_linear(model, draw)
    model.eval()
    latents = torch.cat([model.encoder(audio) for audio in draw])
    mean = latents.mean((0, 1))
    model.encoder.mean.copy_(mean)
    power = (latents - mean).square().mean()
    model.encoder.power.copy_(power)
    latents = (latents - mean) * power.rsqrt()
    window = min(t.crop_latents, latents.shape[1])
    noise = torch.randn(latents.shape, generator=generator).to(latents)
    model.quantizer.fit_predictor(latents, latents + NOISE * noise)
    latents = model.quantizer.innovations(latents)
    windows = latents[:, : latents.shape[1] // window * window].reshape(-1, window, latents.shape[-1])
    model.quantizer.fit(windows, generator)


def _fit_linear(model: CodecModel, batches: list[Tensor]) -> None:
    """PCA of emphasised compressed mels into the encoder's map, least squares to compressed bins in the decoder's."""
    frames = model.config.backbone.frames_per_latent
    weight = emphasis(model.config, band_centres(model.encoder.mel, model.config.sample_rate)).repeat(frames)
    mels, bins = [], []
    for audio in batches:
        mel, c = model.encoder.features(audio)
        mels.append(mel.reshape(-1, mel.shape[-1] * frames))
        bins.append(c.reshape(-1, c.shape[-1] * frames)[::4].half())  # every fourth is plenty, and half is exact enough
    z = torch.cat(mels)
    mean = z.mean(0)
    # eigh sorts upwards; the leading directions come last
    covariance = torch.cov(((z - mean) * weight).t())
    directions = torch.linalg.eigh(covariance)[1].flip(1)[:, : model.config.backbone.latent_dim] * weight[:, None]
    scale = ((z - mean) @ directions).square().mean().rsqrt()
    directions = directions * scale
    model.encoder.linear.weight.copy_(directions.t())
    model.encoder.linear.bias.copy_(-(mean @ directions))
    y = torch.cat([(part[::4] - mean) @ directions for part in mels])
    y = torch.cat((y, torch.ones_like(y[:, :1])), 1)
    solution = torch.linalg.lstsq(y, torch.cat(bins).float()).solution
    model.decoder.linear.weight.copy_(solution[:-1].t())
    model.decoder.linear.bias.copy_(solution[-1])
