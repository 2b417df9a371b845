"""A bundle with a base: what it lacks is the base's, which is known by what its codes mean."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import tiny_vrvq, tones
from typer.testing import CliRunner

from swc import Codec
from swc.bundle import find_bundle
from swc.bundle.weights import save_weights
from swc.cli import app
from swc.config import Config
from swc.errors import InputError, ModelError

RATE = 16000


@pytest.fixture
def models(vrvq_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with copies of the tiny bundle and of the one that it is the base of."""
    for name in ("tiny", "tiny-vrvq"):
        (tmp_path / name).mkdir()
        for file in ("config.toml", "weights.safetensors"):
            shutil.copy(vrvq_bundle.parent / name / file, tmp_path / name / file)
    monkeypatch.setenv("SWC_MODELS", str(tmp_path))
    return tmp_path


def change(models: Path, prefix: str) -> None:
    """Give the base other numbers in tensors whose names begin so."""
    weights = models / "tiny" / "weights.safetensors"
    tensors = load_file(weights)
    for name in tensors:
        if name.startswith(prefix):
            tensors[name] = tensors[name] * 1.25
    save_weights(weights, tensors)


def test_it_holds_its_quantizer_alone(models: Path) -> None:
    own = load_file(models / "tiny-vrvq" / "weights.safetensors")
    assert {name.split(".")[1] for name in own} == {"codebooks", "importance", "predictor"}
    assert all(name.startswith("quantizer.") for name in own)
    state, base = Codec.load("tiny-vrvq").model.state_dict(), load_file(models / "tiny" / "weights.safetensors")
    for name, tensor in state.items():
        assert torch.equal(tensor, own.get(name, base.get(name)).float()), name


def test_a_better_decoder_of_the_base_is_taken_and_old_streams_stay_valid(models: Path) -> None:
    audio = tones(3, RATE, 1)
    stream = Codec.load("tiny-vrvq").encode(audio, RATE, level=1)
    before, fingerprint = Codec.load("tiny-vrvq").decode(stream), find_bundle("tiny-vrvq").fingerprint
    change(models, "decoder.linear.")
    assert find_bundle("tiny-vrvq").fingerprint == fingerprint
    after = Codec.for_stream(stream.header).decode(stream)
    assert after.shape == before.shape
    assert not np.allclose(after, before, atol=1e-3)


def test_a_base_whose_codes_mean_something_else_is_none(models: Path) -> None:
    change(models, "quantizer.shared.")
    with pytest.raises(ModelError, match=r"model 'tiny-vrvq' needs the encoder and decoder of one with fingerprint"):
        Codec.load("tiny-vrvq")
    done = CliRunner().invoke(app, ["models"])
    assert done.exit_code == 0
    assert "a model that is missing (model 'tiny-vrvq' needs" in done.output


def test_a_damaged_base_is_an_error(models: Path) -> None:
    weights = models / "tiny" / "weights.safetensors"
    tensors = load_file(weights)
    tensors["decoder.linear.weight"][0, 0] = float("nan")
    save_file(tensors, weights)
    with pytest.raises(ModelError, match=r"tiny/weights\.safetensors holds numbers that are not finite"):
        Codec.load("tiny-vrvq")


def test_a_base_does_not_stand_in_for_what_it_does_not_have(models: Path) -> None:
    weights = models / "tiny-vrvq" / "weights.safetensors"
    tensors = load_file(weights)
    del tensors["quantizer.importance.project.bias"]
    save_weights(weights, tensors)
    with pytest.raises(ModelError, match=r"does not fit its config\.toml: quantizer\.importance\.project\.bias"):
        Codec.load("tiny-vrvq")


def test_the_fingerprint_says_whose_latents_the_codes_are_of(models: Path) -> None:
    config = Config.from_toml(models / "tiny-vrvq" / "config.toml").model
    assert dataclasses.replace(config, base="0" * 16).code_semantics() != config.code_semantics()


def test_models_are_listed_with_family_and_base(models: Path) -> None:
    done = CliRunner().invoke(app, ["models"])
    assert "base         encoder and decoder of tiny" in done.output
    assert "family       vrvq" in done.output


@pytest.mark.parametrize("base", ["swc-44k", "01AB80B29630ED62", "01ab"])
def test_a_base_is_named_by_its_fingerprint(base: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(tiny_vrvq(base))
    with pytest.raises(InputError, match="base must be 16 hex digits"):
        Config.from_toml(path)
