"""Weights that are damaged are refused, wherever the damage is."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from swc import Codec
from swc.bundle import find_bundle
from swc.bundle.weights import load_weights, save_weights
from swc.errors import ModelError
from swc.nn.model import CodecModel

pytestmark = pytest.mark.slow


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    for name in ("config.toml", "weights.safetensors"):
        (tmp_path / name).write_bytes((tiny_bundle / name).read_bytes())
    return tmp_path


def flip(path: Path, byte: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[byte] ^= 1 << bit
    path.write_bytes(bytes(data))


def test_any_flipped_bit_of_the_numbers_is_an_error(bundle: Path) -> None:
    weights = bundle / "weights.safetensors"
    whole = weights.read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    rng = random.Random(0)
    for _ in range(40):
        flip(weights, rng.randrange(start, len(whole)), rng.randrange(8))
        with pytest.raises(ModelError, match=r"damaged|not finite"):
            Codec.load(bundle)
        weights.write_bytes(whole)
    Codec.load(bundle)


def test_a_flipped_bit_of_the_table_is_an_error_or_harmless(bundle: Path) -> None:
    weights = bundle / "weights.safetensors"
    whole = weights.read_bytes()
    sound = Codec.load(bundle).model.state_dict()
    end = 8 + int.from_bytes(whole[:8], "little")
    rng = random.Random(1)
    for byte in [*range(8), *rng.sample(range(8, end), 120)]:
        flip(weights, byte, rng.randrange(8))
        try:
            loaded = Codec.load(bundle).model.state_dict()
        except ModelError:
            continue
        finally:
            weights.write_bytes(whole)
        assert all(torch.equal(loaded[name], tensor) for name, tensor in sound.items())


@pytest.mark.parametrize("part", ["quantizer.shared.", "quantizer.experts.", "quantizer.predictor."])
def test_what_changes_the_meaning_of_codes_changes_the_fingerprint(bundle: Path, part: str) -> None:
    weights = bundle / "weights.safetensors"
    before = find_bundle(bundle).fingerprint
    tensors = load_file(weights)
    name = next(n for n in tensors if n.startswith(part) and tensors[n].ndim == 2)
    tensors[name][0, 0] += 1
    save_weights(weights, tensors)
    assert find_bundle(bundle).fingerprint != before


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite(bundle: Path, bad: float) -> None:
    weights = bundle / "weights.safetensors"
    tensors = load_file(weights)
    next(iter(tensors.values())).view(-1)[0] = bad
    save_weights(weights, tensors)
    with pytest.raises(ModelError, match="not finite"):
        Codec.load(bundle)


def test_weights_without_a_digest_are_taken(bundle: Path) -> None:
    weights = bundle / "weights.safetensors"
    save_file(load_file(weights), weights)
    Codec.load(bundle)


@pytest.mark.parametrize("size", [0, 7, 8, 1000, -1])
def test_weights_that_were_cut_off(bundle: Path, size: int) -> None:
    weights = bundle / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])
    with pytest.raises(ModelError):
        Codec.load(bundle)


def test_old_weights_start_a_model_that_has_a_part_more(tiny_bundle: Path, refined_bundle: Path) -> None:
    model = CodecModel(find_bundle(refined_bundle).config)
    fresh = {n: t.clone() for n, t in model.state_dict().items() if n.startswith("decoder.refiner.")}
    weights = tiny_bundle / "weights.safetensors"
    with pytest.raises(ModelError, match=r"does not fit its config.toml: decoder\.refiner"):
        load_weights(model, weights)
    load_weights(model, weights, may_lack=("decoder.refiner.",))
    assert fresh
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in fresh.items())
    assert torch.equal(model.decoder.linear.weight, load_file(weights)["decoder.linear.weight"].float())
    with pytest.raises(ModelError, match="does not fit"):
        load_weights(model, weights, may_lack=("decoder.other.",))


def test_a_refiner_leaves_the_fingerprint_as_it_is(tiny_bundle: Path, refined_bundle: Path) -> None:
    assert find_bundle(refined_bundle).fingerprint == find_bundle(tiny_bundle).fingerprint
