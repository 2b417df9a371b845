"""Training of the conv backbone: from scratch, from a teacher, and what is not for it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tiny import CONV
from typer.testing import CliRunner

from swc.bundle import Bundle, find_bundle
from swc.bundle.weights import load_weights
from swc.cli import app
from swc.codec.codec import Codec
from swc.config import Config
from swc.config.training import DistilStage, GradientStage, SharpnessStage, SolvedStage
from swc.errors import InputError
from swc.nn.model import CodecModel
from swc.training import train
from swc.training.checkpoint import load_checkpoint, save_checkpoint
from swc.training.data.corpus import Corpus
from swc.training.trainer import Trainer


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    path = tmp_path_factory.mktemp("conv") / "config.toml"
    path.write_text(CONV)
    return Config.from_toml(path)


def with_stages(config: Config, *stages: object) -> Config:
    return dataclasses.replace(config, training=dataclasses.replace(config.training, stages=stages))


def pupil(config: Config, teacher: Path, **settings: float) -> Config:
    """A conv model with the latents and the quantizer of a teacher, as yet untrained."""
    other = find_bundle(teacher).config
    backbone = dataclasses.replace(config.model.backbone, stem=other.hop // 8, latent_dim=other.backbone.latent_dim)
    model = dataclasses.replace(config.model, backbone=backbone, quantizer=other.quantizer)
    stage = DistilStage("distil", batch=4, warmup=2, learning_rate=5e-3, teacher=str(teacher), **settings)
    return with_stages(dataclasses.replace(config, model=model), stage)


def trainer(config: Config, corpus: Corpus) -> Trainer:
    torch.manual_seed(0)
    run = Trainer(config, torch.device("cpu"), seed=0)
    run.start(corpus)
    return run


def test_the_command_line_encodes_and_decodes_with_a_bundle(
    conv_bundle: Path, audio_folder: Path, tmp_path: Path
) -> None:
    original, rate = soundfile.read(audio_folder / "5.wav")
    coded, decoded = tmp_path / "a.swc", tmp_path / "a.wav"
    for arguments in (
        ("encode", audio_folder / "5.wav", coded, "--kbps", "2.5"),
        ("decode", coded, decoded),
    ):
        done = CliRunner().invoke(app, [*map(str, arguments), "--model", str(conv_bundle)])
        assert done.exit_code == 0, done.output
    back, same_rate = soundfile.read(decoded)
    assert (back.shape, same_rate) == (original.shape, rate)
    assert 0.3 < np.std(back) / np.std(original) < 3


def test_parts_of_a_stream_equal_the_whole(conv_bundle: Path, audio_folder: Path) -> None:
    codec = Codec.load(conv_bundle)
    audio, rate = soundfile.read(audio_folder / "5.wav", dtype="float32")
    stream = codec.encode(audio, rate)
    whole = codec.decode(stream)
    part = np.concatenate(list(codec.decode_blocks(stream, start=20000, stop=31000)))
    assert np.array_equal(part, whole[20000:31000])
    header = stream.header
    assert (header.hop, header.layout.fields()["n_routed"]) == (128, 5)


def test_a_bundle_has_plain_weights(conv_bundle: Path, config: Config) -> None:
    model = CodecModel(config.model)
    load_weights(model, conv_bundle / "weights.safetensors")
    assert not any("parametrizations" in name for name in model.state_dict())
    assert Bundle.open(conv_bundle).fingerprint


def test_training_from_scratch_lowers_the_loss(config: Config, corpus: Corpus) -> None:
    run = trainer(config, corpus)
    losses = [run.train_step(corpus) for _ in range(12)]
    assert {"mel", "commitment", "codebooks", "total"} <= losses[0].keys()
    first, last = (sum(float(step["mel"]) for step in part) for part in (losses[:3], losses[-3:]))
    assert last < 0.9 * first


def test_a_resumed_run_goes_on_as_it_was(config: Config, corpus: Corpus, tmp_path: Path) -> None:
    run = trainer(config, corpus)
    run.train_step(corpus)
    save_checkpoint(run, tmp_path / "last")
    again = Trainer(config, torch.device("cpu"), seed=9)
    load_checkpoint(again, tmp_path / "last")
    one, other = (float(r.train_step(corpus)["total"]) for r in (run, again))
    assert other == pytest.approx(one, rel=1e-4)


def test_a_bundle_starts_a_new_run(conv_bundle: Path, config: Config, corpus: Corpus) -> None:
    run = Trainer(config, torch.device("cpu"), seed=0)
    model = CodecModel(config.model)
    load_weights(model, conv_bundle / "weights.safetensors")
    run.load(model.state_dict())
    for name, tensor in run.weights().items():
        assert torch.allclose(tensor, model.state_dict()[name], atol=1e-6), name


def test_a_pupil_learns_latents_and_waveforms_of_its_teacher(config: Config, corpus: Corpus, tiny_bundle: Path) -> None:
    run = trainer(pupil(config, tiny_bundle, steps=30), corpus)
    taught = run.stage.teacher.quantizer.state_dict()
    losses = [run.train_step(corpus) for _ in range(30)]
    for name in ("distance", "mel"):
        first, last = (sum(float(step[name]) for step in part) for part in (losses[:5], losses[-5:]))
        assert last < 0.8 * first, name
    for name, tensor in run.model.quantizer.state_dict().items():
        assert torch.equal(tensor, taught[name]), "codes keep what they mean"


def test_codes_of_a_pupil_are_its_teachers(
    config: Config, audio_folder: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    taught = pupil(config, tiny_bundle, steps=2)
    train(taught, audio_folder, tmp_path)
    model = CodecModel(taught.model)
    load_weights(model, tmp_path / "weights.safetensors")
    teacher = Codec.load(tiny_bundle).model
    for name, tensor in model.quantizer.state_dict().items():
        assert torch.equal(tensor, teacher.quantizer.state_dict()[name])


def test_a_teacher_must_have_the_same_codes(config: Config, tiny_bundle: Path) -> None:
    taught = pupil(config, tiny_bundle)
    stage = taught.training.stages[0]
    with pytest.raises(InputError, match="cannot teach 'tiny-conv': they differ in"):
        Trainer(with_stages(config, stage), torch.device("cpu"), 0)
    with pytest.raises(InputError, match="must be the first one"):
        Trainer(with_stages(taught, GradientStage("waveform"), stage), torch.device("cpu"), 0)


@pytest.mark.parametrize("kind", ["magnitude", "weighting", "gains", "sharpness"])
def test_stages_for_magnitudes_are_refused_before_anything_is_trained(config: Config, kind: str) -> None:
    stage = {"magnitude": GradientStage, "sharpness": SharpnessStage}.get(kind, SolvedStage)(kind, steps=1)
    with pytest.raises(InputError, match=f"the stage \"{kind}\" is for a backbone of kind 'spectral', not 'conv'"):
        Trainer(with_stages(config, GradientStage("waveform"), stage), torch.device("cpu"), 0)


def test_projected_codes_are_not_solved_for(config: Config) -> None:
    with pytest.raises(InputError, match="codebook_dim must be 0"):
        Trainer(with_stages(config, SolvedStage("codebooks", steps=1)), torch.device("cpu"), 0)


def test_a_refiner_needs_a_spectral_backbone(config: Config) -> None:
    with pytest.raises(InputError, match="needs refine_blocks"):
        Trainer(with_stages(config, GradientStage("waveform", trains="refiner")), torch.device("cpu"), 0)
