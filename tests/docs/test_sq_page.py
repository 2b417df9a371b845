"""docs/sq.md is executed: its loss of one's own trains a tiny model, and its table is right."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import torch
from tiny import TINY_SQ
from torch import nn

from swc.config import Config
from swc.training.data.corpus import load_corpus
from swc.training.losses.listed import LOSSES
from swc.training.trainer import Trainer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sq.md").read_text(encoding="utf-8")


def test_its_loss_trains_a_model(audio_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    (table,) = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    recogniser = nn.Conv1d(1, 2, 400, 160)
    listener = nn.Sequential(nn.Unflatten(1, (1, -1)), recogniser)
    monkeypatch.setitem(LOSSES, "perception", None)  # is put back
    exec(code, {"load_recogniser": lambda: listener})  # noqa: S102
    tiny = tomllib.loads(TINY_SQ)
    tiny["training"] |= tomllib.loads(table)["training"]
    config = Config.from_table(tiny, "tiny")
    run = Trainer(config, torch.device("cpu"), seed=0)
    run.restart_averages()
    losses = run.train_step(load_corpus(audio_folder, config.model, workers=1))
    assert float(losses["perception"]) > 0
    assert recogniser.weight.grad is None


@pytest.mark.parametrize("name", ["sq-16k-0.75", "sq-16k-1.5", "sq-16k", "sq-16k-6"])
def test_its_table_is_that_of_the_configs(name: str) -> None:
    config = Config.from_toml(ROOT / "configs" / f"{name}.toml").model
    quantizer = config.quantizer
    chunk = quantizer.window * quantizer.windows_per_chunk / config.latent_rate
    bits = quantizer.layout.sizes(quantizer.window)[0] / quantizer.window
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {name} |")).split("|")
    assert [float(cell.split()[0]) for cell in row[3:5]] == [round(config.latent_rate, 1), round(chunk, 1)]
    assert float(row[2]) == pytest.approx(config.latent_rate * bits / 1000, rel=0.01)
