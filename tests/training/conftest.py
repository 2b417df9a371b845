"""Fixtures of the training tests; a module may have its own of the same names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from swc.config import Config
from swc.nn.model import CodecModel
from swc.training.data.corpus import Corpus, load_corpus
from swc.training.initialise import initialise


@pytest.fixture(scope="module")
def config(tiny_config: Path) -> Config:
    return Config.from_toml(tiny_config)


@pytest.fixture(scope="module")
def corpus(config: Config, audio_folder: Path) -> Corpus:
    return load_corpus(audio_folder, config.model, workers=1)


@pytest.fixture
def model(config: Config, corpus: Corpus) -> CodecModel:
    """A tiny model after the closed-form start, not trained."""
    torch.manual_seed(0)
    model = CodecModel(config.model)
    initialise(model, corpus, config, torch.Generator().manual_seed(0))
    model.quantizer.restart_averages(config.training.codebook_horizon)
    return model.eval()
