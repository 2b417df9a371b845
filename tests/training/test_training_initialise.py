"""The closed-form start."""

from __future__ import annotations

import tomllib

import torch
from tiny import TINY_SQ

from swc.config import Config, ModelConfig, RevqConfig, SpectralConfig
from swc.nn.model import CodecModel
from swc.nn.quantizers.fsq import Fsq
from swc.nn.quantizers.revq import Revq
from swc.training.initialise import fit_codebooks
from swc.training.lsuv import lsuv


def test_kmeans_start_leaves_less_residual_with_every_stage() -> None:
    torch.manual_seed(0)
    sizes = RevqConfig(shared=1, routed=6, codebook_bits=5, window=10)
    quantizer = Revq(ModelConfig("test", SpectralConfig(latent_dim=8), sizes)).eval()
    z = torch.randn(400, 10, 8, generator=torch.Generator().manual_seed(1))
    fit_codebooks(quantizer, z, torch.Generator().manual_seed(0))
    errors = [float(quantizer(z, torch.full((400, 1), k)).error) for k in (0, 2, 4, 6)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.5 * errors[0]


def test_codes_of_a_waveform_model_differ_from_the_start() -> None:
    torch.manual_seed(0)
    model = CodecModel(Config.from_table(tomllib.loads(TINY_SQ), "tiny").model).eval()
    quantizer, rate, length = model.quantizer, model.config.sample_rate, 60 * model.config.hop
    assert isinstance(quantizer, Fsq)
    frequencies = torch.tensor([200.0, 310.0, 500.0, 830.0])[:, None]
    audio = 0.1 * (2 * torch.pi * frequencies * torch.arange(length) / rate).sin() * torch.linspace(0.1, 1, length)

    def commonest() -> float:
        """The share of the commonest level, of the number that it is largest for."""
        levels = (quantizer.bounded(model.encoder.encode(audio)) * quantizer.top / 2).round().flatten(0, 1)
        return max(float((level == level.mode().values).float().mean()) for level in levels.t())

    with torch.no_grad():
        assert commonest() > 0.95
        lsuv(model, audio)
        assert commonest() < 0.6
        decoded = model.decoder.decode(quantizer.latents(quantizer.bounded(model.encoder.encode(audio))))
    assert 0.5 < float(decoded.std() / audio.std()) < 2
