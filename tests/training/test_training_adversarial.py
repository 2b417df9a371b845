"""Stage 2: the discriminators warm up, the decoder learns, and what codes mean stays as it was."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from tiny import TINY, tones

import swc
from swc.bundle.find import Bundle
from swc.bundle.weights import load_weights
from swc.config import Config
from swc.config.training import DiscriminatorConfig, GradientStage
from swc.errors import InputError
from swc.nn.model import CodecModel
from swc.training import train
from swc.training.checkpoint import load_checkpoint, save_checkpoint
from swc.training.data.corpus import Corpus
from swc.training.trainer import Trainer

SLIM = DiscriminatorConfig(periods=(2, 3), period_widths=(4, 8), spectral_widths=(4, 8), warmup_steps=3)
STAGE = """
[[training.stages]]
kind = "adversarial"
trains = "decoder"
steps = 8
batch = 2
warmup = 2
learning_rate = 2e-3
"""


@pytest.fixture(scope="module")
def config(tiny_config: Path) -> Config:
    tiny = Config.from_toml(tiny_config)
    stage = GradientStage("adversarial", steps=8, batch=2, warmup=2, trains="decoder", learning_rate=2e-3)
    training = dataclasses.replace(
        tiny.training, stages=(stage,), discriminators=SLIM, loudness_weight=1.0, envelope_weight=1.0
    )
    return dataclasses.replace(tiny, training=training)


@pytest.fixture
def run(config: Config, tiny_bundle: Path) -> Trainer:
    torch.manual_seed(0)
    trainer = Trainer(config, torch.device("cpu"), seed=0)
    load_weights(trainer.model, tiny_bundle / "weights.safetensors")
    trainer.restart_averages()
    return trainer


def state(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([t.detach().flatten().clone() for t in module.state_dict().values()])


def test_discriminators_warm_up_before_the_decoder_moves(run: Trainer, corpus: Corpus) -> None:
    decoder, judges = state(run.model.decoder), state(run.stage.adversary.discriminators)
    for _ in range(SLIM.warmup_steps):
        assert run.train_step(corpus).keys() == {"discriminator"}
    assert torch.equal(state(run.model.decoder), decoder)
    assert not torch.equal(state(run.stage.adversary.discriminators), judges)
    losses = run.train_step(corpus)
    assert {"adversarial", "features", "discriminator", "mel", "loudness", "envelope"} <= losses.keys()
    assert not torch.equal(state(run.model.decoder), decoder)


def test_only_the_decoder_learns(run: Trainer, corpus: Corpus) -> None:
    encoder, quantizer = state(run.model.encoder), state(run.model.quantizer)
    for _ in range(6):
        run.train_step(corpus)
    assert torch.equal(state(run.model.encoder), encoder)
    assert torch.equal(state(run.model.quantizer), quantizer)


@pytest.fixture
def refining(config: Config, tiny_bundle: Path) -> Trainer:
    """A run of the refiner alone, from weights that have none."""
    torch.manual_seed(0)
    trainer = Trainer(refiner_alone(config), torch.device("cpu"), seed=0)
    load_weights(trainer.model, tiny_bundle / "weights.safetensors", may_lack=("decoder.refiner.",))
    trainer.restart_averages()
    return trainer


def refiner_alone(config: Config) -> Config:
    stage = dataclasses.replace(config.training.stages[0], trains="refiner")
    backbone = dataclasses.replace(config.model.backbone, refine_blocks=2, refine_dim=8)
    return Config(
        dataclasses.replace(config.model, backbone=backbone), dataclasses.replace(config.training, stages=(stage,))
    )


def test_the_refiner_learns_alone(refining: Trainer, corpus: Corpus) -> None:
    before = {name: tensor.clone() for name, tensor in refining.model.state_dict().items()}
    for _ in range(6):
        refining.train_step(corpus)
    changed = {n for n, t in refining.model.state_dict().items() if not torch.equal(t, before[n])}
    assert changed == {n for n in before if n.startswith("decoder.refiner.")}
    assert all(torch.equal(refining.average[n], before[n]) == (n not in changed) for n in refining.average)


def test_the_refiner_resumes_as_if_it_had_not_stopped(
    refining: Trainer, config: Config, corpus: Corpus, tmp_path: Path
) -> None:
    for _ in range(5):
        refining.train_step(corpus)
    save_checkpoint(refining, tmp_path / "last")
    again = Trainer(refiner_alone(config), torch.device("cpu"), seed=0)
    load_checkpoint(again, tmp_path / "last")
    for trainer in (refining, again):
        trainer.stage_seconds = 0.0
        for _ in range(2):
            trainer.train_step(corpus)
    assert torch.equal(state(again.model), state(refining.model))
    assert torch.equal(state(again.stage.adversary.discriminators), state(refining.stage.adversary.discriminators))


def test_a_refiner_that_is_not_there_cannot_learn(config: Config) -> None:
    stage = dataclasses.replace(config.training.stages[0], trains="refiner")
    lacking = dataclasses.replace(config, training=dataclasses.replace(config.training, stages=(stage,)))
    with pytest.raises(InputError, match="refine_blocks"):
        Trainer(lacking, torch.device("cpu"), seed=0)


def test_everything_learns_in_the_joint_mode(config: Config, tiny_bundle: Path, corpus: Corpus) -> None:
    stage = dataclasses.replace(config.training.stages[0], trains="all")
    joint = dataclasses.replace(config, training=dataclasses.replace(config.training, stages=(stage,)))
    trainer = Trainer(joint, torch.device("cpu"), seed=0)
    load_weights(trainer.model, tiny_bundle / "weights.safetensors")
    trainer.restart_averages()
    parts = (trainer.model.encoder, trainer.model.quantizer, trainer.model.decoder)
    before = [state(part) for part in parts]
    for _ in range(6):
        trainer.train_step(corpus)
    assert not any(torch.equal(state(part), old) for part, old in zip(parts, before, strict=True))


def test_the_adversary_hears_the_decoder_but_teaches_only_it(run: Trainer, corpus: Corpus) -> None:
    adversary = run.stage.adversary
    real = corpus.crops(2, 4096, torch.Generator().manual_seed(0))
    fake = (0.5 * real).requires_grad_()
    adversarial, features = adversary.judge(real, fake)
    (adversarial + features).backward()
    assert fake.grad is not None
    assert float(fake.grad.abs().max()) > 0
    assert all(p.grad is None and p.requires_grad for p in adversary.discriminators.parameters())


def test_a_resumed_stage_keeps_its_discriminators(run: Trainer, config: Config, corpus: Corpus, tmp_path: Path) -> None:
    for _ in range(5):
        run.train_step(corpus)
    save_checkpoint(run, tmp_path / "last")
    again = Trainer(config, torch.device("cpu"), seed=5)
    load_checkpoint(again, tmp_path / "last")
    one, other = run.stage.adversary, again.stage.adversary
    assert torch.equal(state(other.discriminators), state(one.discriminators))
    assert torch.equal(*(a.optimizer.state_dict()["state"][0]["exp_avg"] for a in (one, other)))
    losses = [trainer.train_step(corpus)["total"] for trainer in (run, again)]
    assert float(losses[0]) == pytest.approx(float(losses[1]), rel=1e-3)


def test_old_files_play_with_the_new_decoder(
    config: Config, tiny_bundle: Path, audio_folder: Path, tmp_path: Path
) -> None:
    audio = tones(3.0, config.model.sample_rate, 42)
    before = swc.Codec.load(tiny_bundle)
    stream = before.encode(audio, config.model.sample_rate, kbps=2.0).to_bytes()
    train(config, audio_folder, tmp_path, init=tiny_bundle / "weights.safetensors")
    (tmp_path / "config.toml").write_text(TINY + STAGE, encoding="utf-8")
    after = swc.Codec.load(tmp_path)
    assert after.fingerprint == before.fingerprint == Bundle(tmp_path, config.model).fingerprint
    assert after.encode(audio, config.model.sample_rate, kbps=2.0).to_bytes() == stream
    old, new = (codec.decode(swc.Stream.from_bytes(stream)) for codec in (before, after))
    assert old.shape == new.shape == audio.shape
    assert abs(old - new).max() > 1e-4


def test_a_frozen_stage_starts_from_the_average(config: Config, corpus: Corpus) -> None:
    first = GradientStage("magnitude", steps=4, batch=2, warmup=1, learning_rate=5e-3)
    stages = (first, config.training.stages[0])
    both = dataclasses.replace(config, training=dataclasses.replace(config.training, stages=stages))
    trainer = Trainer(both, torch.device("cpu"), seed=0)
    trainer.start(corpus)
    for _ in range(4):
        trainer.train_step(corpus)
    averaged = trainer.average["encoder.project.weight"].clone()
    assert not torch.equal(trainer.model.encoder.project.weight, averaged)
    trainer.next_stage()
    for _ in range(5):
        trainer.train_step(corpus)
    assert torch.equal(trainer.model.encoder.project.weight, averaged)
    shipped = CodecModel(both.model)
    shipped.load_state_dict(trainer.averaged_state())
    assert torch.equal(shipped.encoder.project.weight, averaged)
