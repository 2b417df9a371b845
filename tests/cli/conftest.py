"""A small codec for the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from cli_commands import RAW, pcm, piped
from cli_many import Swc

from swc.bitstream import Stream
from swc.bundle.weights import save_weights
from swc.config import Config
from swc.nn.model import CodecModel

CONFIG = """
name = "swc-44k"
[quantizer]
kind = "revq"
[backbone]
kind = "spectral"
latent_dim = 8
dim = 16
encoder_blocks = 1
decoder_blocks = 1
"""


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of bundles, with one in it."""
    bundle = tmp_path_factory.mktemp("models") / "swc-44k"
    bundle.mkdir()
    (bundle / "config.toml").write_text(CONFIG)
    torch.manual_seed(0)
    save_weights(
        bundle / "weights.safetensors", CodecModel(Config.from_toml(bundle / "config.toml").model).state_dict()
    )
    return bundle.parent


@pytest.fixture(scope="session")
def model(models: Path) -> Path:
    return models / "swc-44k"


@pytest.fixture(scope="session")
def minute(model: Path) -> Stream:
    """A minute, encoded from a pipe for live use."""
    encoded = piped(pcm(60), "encode", "-", "-", *RAW, "--lookahead", "2", "--model", model)
    assert encoded.returncode == 0, encoded.stderr
    return Stream.from_bytes(encoded.stdout)


@pytest.fixture
def swc(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Swc:
    monkeypatch.chdir(tmp_path)
    return Swc(tmp_path, models)
