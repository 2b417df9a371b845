"""Losses in the domain of hearing, and the emphasis of bands."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from tiny import tones

from swc.config import Config
from swc.errors import InputError
from swc.nn.model import CodecModel
from swc.training.data.corpus import load_corpus
from swc.training.initialise import initialise
from swc.training.losses.auditory import AuditoryLoss
from swc.training.losses.reconstruction import MagnitudeLoss, band_centres, emphasis

RATE = 16000


@pytest.fixture(scope="module")
def audio() -> torch.Tensor:
    return torch.stack([torch.from_numpy(tones(1.0, RATE, seed)[:, 0]) for seed in range(3)])


def emphasised(config: Config, *values: float) -> Config:
    return dataclasses.replace(config, training=dataclasses.replace(config.training, emphasis=values))


@pytest.mark.parametrize("name", ["loudness", "envelope"])
def test_auditory_losses_are_least_for_the_same_audio(audio: torch.Tensor, name: str) -> None:
    loss = getattr(AuditoryLoss(RATE), name)
    same = float(loss(audio, audio))
    assert same == pytest.approx(0.0, abs=2e-3)
    noise = 0.03 * torch.randn(audio.shape, generator=torch.Generator().manual_seed(0))
    little, much = float(loss(audio, audio + 0.1 * noise)), float(loss(audio, audio + noise))
    assert same < little < much


@pytest.mark.parametrize("name", ["loudness", "envelope"])
def test_auditory_losses_are_blind_to_phase_but_not_to_frequency(audio: torch.Tensor, name: str) -> None:
    loss = getattr(AuditoryLoss(RATE), name)
    assert float(loss(audio, -audio)) == pytest.approx(float(loss(audio, audio)), abs=1e-5)
    other = torch.roll(audio, 1, 0)
    assert float(loss(audio, other)) > 20 * float(loss(audio, torch.roll(audio, 2, 1)))


def test_what_is_added_weighs_more_than_what_is_lost(audio: torch.Tensor) -> None:
    loss = AuditoryLoss(RATE).loudness
    a, b = audio, 1.5 * audio
    assert float(loss(a, b)) == pytest.approx(1.5 * float(loss(b, a)), rel=0.01)


def test_envelopes_do_not_depend_on_level(audio: torch.Tensor) -> None:
    assert float(AuditoryLoss(RATE).envelope(audio, 0.3 * audio)) < 0.01


@pytest.mark.parametrize("name", ["loudness", "envelope"])
def test_auditory_losses_have_finite_gradients_in_silence(name: str) -> None:
    y = torch.zeros(1, RATE // 4, requires_grad=True)
    getattr(AuditoryLoss(RATE), name)(torch.zeros(1, RATE // 4), y).backward()
    assert y.grad is not None
    assert bool(torch.isfinite(y.grad).all())


def test_emphasis_is_linear_between_its_points(config: Config) -> None:
    wide = emphasised(config, 2.0, 1.0, 0.5, 0.5, 0.1)
    wide = dataclasses.replace(wide, model=dataclasses.replace(config.model, sample_rate=44100))
    f = torch.tensor([0.0, 500.0, 1000.0, 2500.0, 8000.0, 22050.0])
    assert torch.allclose(emphasis(wide, f), torch.tensor([2.0, 1.5, 1.0, 0.75, 0.5, 0.1]))
    with pytest.raises(InputError, match="emphasis"):
        emphasised(config, 1.0, 1.0, -1.0, 1.0, 1.0)


def test_emphasis_weighs_errors_where_it_is_large(config: Config, audio: torch.Tensor) -> None:
    flat = MagnitudeLoss(config)
    low = MagnitudeLoss(emphasised(config, 4.0, 0.5, 0.5, 0.5, 0.5))
    model = CodecModel(config.model)
    audio = audio[:, : audio.shape[1] // config.model.hop * config.model.hop]
    _, c = model.encoder.features(audio)
    bins = c.shape[-1]
    bass, treble = c.clone(), c.clone()
    bass[..., : bins // 16] += 0.1
    treble[..., -bins // 16 :] += 0.1
    assert float(low(bass, audio)) > 1.5 * float(flat(bass, audio))
    assert float(low(treble, audio)) < float(flat(treble, audio))


def test_emphasis_turns_the_latents_towards_the_bass(config: Config, audio_folder: Path) -> None:
    def bass_share(chosen: Config) -> float:
        torch.manual_seed(0)
        model = CodecModel(chosen.model)
        initialise(model, load_corpus(audio_folder, chosen.model, workers=1), chosen, torch.Generator().manual_seed(0))
        low = band_centres(model.encoder.mel, chosen.model.sample_rate) < 1000
        energy = model.encoder.linear.weight.detach().square().reshape(chosen.model.backbone.latent_dim, -1, len(low))
        return float(energy[..., low].sum() / energy.sum())

    assert bass_share(emphasised(config, 3.0, 2.0, 0.3, 0.2, 0.2)) > bass_share(config) + 0.1
