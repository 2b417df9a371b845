"""The stage "sharpness": what stands out of a spectrum is raised, in the decoder's weights alone."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from swc.bundle.weights import load_weights, save_weights
from swc.config import Config
from swc.config.toml import read_toml
from swc.config.training import SharpnessStage
from swc.errors import InputError
from swc.nn.model import CodecModel
from swc.training import train
from swc.training.stages.sharpness import HIGH, LOW, NARROW, WIDE, mix_bins, sharpening

BINS, RATE = 1025, 44100
HERTZ = torch.linspace(0, RATE / 2, BINS)


def bump(centre: float, width: float) -> torch.Tensor:
    return 2 + torch.exp(-0.5 * ((HERTZ - centre) / width) ** 2)


def raised(c: torch.Tensor, centre: float) -> float:
    """How much higher a bump of height 1 is after sharpening by a half."""
    at = round(centre * 2 * (BINS - 1) / RATE)
    return float((sharpening(BINS, RATE, 0.5) @ c - c)[at])


def test_even_spectra_stay_as_they_are_and_so_do_bass_and_treble() -> None:
    matrix = sharpening(BINS, RATE, 0.5)
    assert torch.allclose(matrix @ torch.full((BINS,), 3.0), torch.full((BINS,), 3.0), atol=1e-4)
    noise = torch.rand(BINS, generator=torch.Generator().manual_seed(0))
    changed = ((matrix @ noise) != noise).nonzero().flatten()
    assert LOW < float(HERTZ[changed[0]]) < LOW + 50
    assert HIGH - 50 < float(HERTZ[changed[-1]]) < HIGH
    assert torch.equal(sharpening(BINS, RATE, 0.0), torch.eye(BINS))


def test_formants_stand_out_more_between_deeper_valleys_and_fine_detail_hardly() -> None:
    formant = bump(2000, 200)
    assert 0.25 < raised(formant, 2000) < 0.5
    assert raised(formant, 2900) < -0.05
    assert 0.1 < raised(bump(1000, 200), 1000) / raised(formant, 2000) < 0.6
    assert abs(raised(bump(6000, 10 * WIDE), 6000)) < 0.01
    ripple = 2 + torch.cos(2 * torch.pi * HERTZ / NARROW)
    assert abs(raised(ripple, 100 * NARROW)) < 0.01


def test_mixed_weights_are_mixed_magnitudes(model: CodecModel, config: Config) -> None:
    z = torch.randn(2, 6, config.model.backbone.latent_dim, generator=torch.Generator().manual_seed(1))
    matrix = sharpening(model.decoder.bins, config.model.sample_rate, 0.5)
    with torch.no_grad():
        before = model.decoder.compressed(z)
        mix_bins(model.decoder, matrix)
        after = model.decoder.compressed(z)
    assert torch.allclose(after, before @ matrix.t(), atol=1e-4)
    assert not torch.allclose(after, before, atol=1e-2)


def test_a_run_with_a_stage_of_sharpness(config: Config, model: CodecModel, audio_folder: Path, tmp_path: Path) -> None:
    stage = SharpnessStage("sharpness", steps=1, strength=0.5)
    alone = dataclasses.replace(config, training=dataclasses.replace(config.training, stages=(stage,)))
    save_weights(tmp_path / "flat.safetensors", model.state_dict())
    weights = train(alone, audio_folder, tmp_path / "out", init=tmp_path / "flat.safetensors")
    assert weights is not None
    (row,) = (json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines())
    assert row["stage"] == "sharpness"
    assert row["sharpened"] == {"strength": 0.5}
    sharp, flat = CodecModel(config.model), CodecModel(config.model)
    load_weights(sharp, weights)
    load_weights(flat, tmp_path / "flat.safetensors")
    mix_bins(flat.decoder, sharpening(flat.decoder.bins, config.model.sample_rate, 0.5))
    for name, value in flat.state_dict().items():
        assert torch.allclose(value, sharp.state_dict()[name], atol=2e-3), name


def test_a_strength_below_nothing_is_refused(tiny_config: Path) -> None:
    table = read_toml(tiny_config)
    table["training"]["stages"] = [{"kind": "sharpness", "steps": 1, "strength": -0.1}]
    with pytest.raises(InputError, match="strength must be at least 0"):
        Config.from_table(table, "here")
