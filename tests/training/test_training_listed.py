"""Stage "listed": SQCodec learns from its list of losses, and a run of it goes on where it stopped."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import tomllib
from pathlib import Path

import pytest
import torch
from tiny import TINY_SQ, tiny_fsq
from torch import Tensor, nn

from swc.config import Config
from swc.errors import InputError
from swc.nn.quantizers.fsq import Fsq
from swc.training import train
from swc.training.checkpoint import load_checkpoint, save_checkpoint
from swc.training.data.batches import draw_batch
from swc.training.data.corpus import Corpus, load_corpus
from swc.training.losses.listed import LOSSES, Elementwise, Spectrogram, clamped
from swc.training.optimization import one_cycle
from swc.training.trainer import Trainer

pytestmark = pytest.mark.slow


def config_of(text: str = TINY_SQ) -> Config:
    return Config.from_table(tomllib.loads(text), "tiny")


@pytest.fixture(scope="module")
def config() -> Config:
    return config_of()


@pytest.fixture(scope="module")
def corpus(config: Config, audio_folder: Path) -> Corpus:
    return load_corpus(audio_folder, config.model, workers=1)


def trainer(config: Config) -> Trainer:
    torch.manual_seed(0)
    run = Trainer(config, torch.device("cpu"), seed=0)
    run.restart_averages()
    return run


def weights(run: Trainer) -> Tensor:
    return torch.cat([t.flatten() for t in run.model.state_dict().values()])


def test_it_learns(config: Config, corpus: Corpus) -> None:
    stage = dataclasses.replace(config.training.stages[0], steps=15, learning_rate=1e-2)
    losses = tuple(loss for loss in stage.losses if loss.kind != "adversarial")
    stage = dataclasses.replace(stage, losses=losses)
    run = trainer(dataclasses.replace(config, training=dataclasses.replace(config.training, stages=(stage,))))
    batch = draw_batch(run.config, corpus, 6, torch.Generator().manual_seed(0))

    def found() -> dict[str, float]:
        with torch.no_grad():
            return {name: loss.item() for name, loss in run.stage.losses(run.model, batch, 0, 1.0).items()}

    before = found()
    for _ in range(15):
        run.train_step(corpus)
    after = found()
    assert after["spectrogram"] < 0.9 * before["spectrogram"]
    assert after["total"] < 0.9 * before["total"]


def test_discriminators_learn_once_in_a_while(config: Config, corpus: Corpus) -> None:
    run = trainer(config)
    networks = run.stage.adversary.discriminators
    seen, learned = [torch.cat([p.detach().flatten() for p in networks.parameters()])], []
    for _ in range(5):
        run.train_step(corpus)
        seen.append(torch.cat([p.detach().flatten() for p in networks.parameters()]))
        learned.append(not torch.equal(*seen[-2:]))
    assert learned == [True, False, False, True, False]


def test_a_resumed_run_equals_a_straight_one(config: Config, corpus: Corpus, tmp_path: Path) -> None:
    straight, first = trainer(config), trainer(config)
    for _ in range(4):
        straight.train_step(corpus)
    for _ in range(2):
        first.train_step(corpus)
    save_checkpoint(first, tmp_path / "last")
    second = Trainer(config, torch.device("cpu"), seed=9)
    load_checkpoint(second, tmp_path / "last")
    for _ in range(2):
        second.train_step(corpus)
    assert torch.allclose(weights(second), weights(straight), atol=1e-4)
    assert not torch.allclose(weights(first), weights(straight), atol=1e-4)


def test_numbers_that_have_drifted_to_a_bound_come_back(config: Config, corpus: Corpus) -> None:
    run = trainer(config)
    quantizer = run.model.quantizer
    assert isinstance(quantizer, Fsq)
    with torch.no_grad():
        quantizer.squeeze.bias += torch.tensor([9.0, -9.0] * len(quantizer.top))[: len(quantizer.top)]
    batch = draw_batch(config, corpus, 6, torch.Generator().manual_seed(0))

    def bounded() -> Tensor:
        with torch.no_grad():
            return quantizer.bounded(run.model.encoder.encode(batch.audio)).flatten(0, 1)

    assert float(bounded().abs().min()) > 0.99
    for _ in range(20):
        run.train_step(corpus)
    assert float(bounded().mean(0).abs().max()) < 0.5
    assert float(bounded().std(0).min()) > 0.2


def test_a_run_logs_its_losses_and_validates(config: Config, audio_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "val").mkdir()
    shutil.copy(audio_folder / "1.wav", tmp_path / "val")
    train(config, audio_folder, tmp_path, val=tmp_path / "val", max_steps=4)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    losses = next(line["losses"] for line in lines if "losses" in line)
    assert set(losses) == {"elementwise", "spectrogram", "adversarial", "discriminator", "total"}
    scores = next(line["scores"] for line in lines if "scores" in line)
    assert [score["kbps"] for score in scores] == [pytest.approx(1.35), None]


def test_a_decoder_learns_alone(config: Config, corpus: Corpus) -> None:
    stage = dataclasses.replace(config.training.stages[0], trains="decoder")
    run = trainer(dataclasses.replace(config, training=dataclasses.replace(config.training, stages=(stage,))))
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    run.train_step(corpus)
    after = run.model.state_dict()
    changed = {name.split(".")[0] for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {"decoder"}


def test_a_spectral_model_starts_in_closed_form_and_learns(audio_folder: Path) -> None:
    config = config_of(tiny_fsq())
    corpus = load_corpus(audio_folder, config.model, workers=1)
    torch.manual_seed(0)
    run = Trainer(config, torch.device("cpu"), seed=0)
    batch = draw_batch(config, corpus, 6, torch.Generator().manual_seed(0))

    def found() -> dict[str, float]:
        with torch.no_grad():
            return {name: loss.item() for name, loss in run.stage.losses(run.model, batch, 0, 1.0).items()}

    random = found()
    run.start(corpus)
    start = found()
    while not run.finished and run.fraction < 1:
        run.train_step(corpus)
    after = found()
    assert set(after) == {"magnitude", "mel", "total"}
    assert start["magnitude"] < 0.8 * random["magnitude"]
    assert after["total"] < 0.95 * start["total"]


def test_the_solvers_of_a_spectral_decoder_follow(audio_folder: Path, tmp_path: Path) -> None:
    train(config_of(tiny_fsq()), audio_folder, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines if {"gains", "sharpened"} & line.keys()] == ["gains", "sharpness"]


def test_only_a_spectral_model_makes_magnitudes() -> None:
    with pytest.raises(InputError, match="not 'magnitude'"):
        trainer(config_of(TINY_SQ.replace('kind = "elementwise"', 'kind = "magnitude"')))


def test_a_loss_of_ones_own_takes_part(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    class Power(nn.Module):
        def forward(self, real: Tensor, fake: Tensor) -> Tensor:
            return (real.square().mean() - fake.square().mean()).abs()

    text = TINY_SQ.replace('kind = "elementwise"', 'kind = "power"')
    with pytest.raises(InputError, match=r"one of adversarial, elementwise, envelope, .*not 'power'"):
        trainer(config_of(text))
    monkeypatch.setitem(LOSSES, "power", lambda config: Power())
    assert "power" in trainer(config_of(text)).train_step(corpus)


def test_a_weight_is_lowered_until_the_loss_is_within_its_bound() -> None:
    x = torch.tensor(2.0, requires_grad=True)
    for weight, most, value, gradient in ((3.0, 100.0, 12.0, 12.0), (3.0, 6.0, 6.0, 6.0), (1.0, math.inf, 4.0, 4.0)):
        loss = clamped(x.square(), weight, most)
        assert loss.item() == pytest.approx(value)
        assert torch.autograd.grad(loss, x)[0].item() == pytest.approx(gradient)


def test_one_cycle_rises_once_and_falls_once() -> None:
    assert [round(one_cycle(f), 3) for f in (0, 0.15, 0.3, 0.65, 1.0, 1.1)] == [0.1, 0.55, 1.0, 0.505, 0.01, 0.01]


def test_distances_are_none_between_equals_and_grow() -> None:
    x = 0.1 * torch.randn(2, 4000, generator=torch.Generator().manual_seed(0))
    for distance in (Elementwise(), Spectrogram()):
        assert float(distance(x, x)) == 0
        assert 0 < float(distance(x, 1.1 * x)) < float(distance(x, 2 * x))
    assert float(Elementwise()(x, x + 0.5)) == pytest.approx(0.5)


@pytest.mark.parametrize("kind", sorted(LOSSES))
def test_more_noise_is_farther_away(kind: str) -> None:
    distance = LOSSES[kind](config_of(TINY_SQ))
    x, noise = 0.1 * torch.randn((2, 2, 16000), generator=torch.Generator().manual_seed(0))
    same, near, far = (float(distance(x, x + share * noise)) for share in (0, 0.1, 1))
    assert -1e-3 < same < 2e-3 < near < far


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('policy = "one-cycle"', 'policy = "two-cycle"'), "policy must be one of decay, one-cycle"),
        (("most = 10.0", "most = 0.0"), "most must be above 0"),
        (('kind = "spectrogram"', 'kind = "elementwise"'), "listed twice"),
        (("every = 3", "every = 0"), "every must be at least 1"),
        (("levels = [7, 5, 3]", "levels = [7, 5, 1]"), "levels must be at least 2"),
        (("levels = [7, 5, 3]", f"levels = {[16] * 7}"), "product of the levels must be 2 to 16777216"),
        (("rates = [5, 4, 2]", "rates = [5, 4, 4]"), "the same product"),
        (("span = 3", "span = 4"), "span must be odd"),
    ],
)
def test_configs_that_make_no_sense_are_refused(change: tuple[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        config_of(TINY_SQ.replace(*change))
