"""The trainer on a tiny model: it learns, resumes exactly, and refuses what it cannot use."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from swc.bundle.weights import load_weights, save_weights
from swc.cli import app
from swc.config import Config
from swc.errors import InputError, ModelError
from swc.nn.model import CodecModel
from swc.training import Progress, train
from swc.training.checkpoint import load_checkpoint, save_checkpoint
from swc.training.data.corpus import Corpus, load_corpus
from swc.training.optimization import optimizers, schedule
from swc.training.run import scaled
from swc.training.trainer import Trainer
from swc.training.validation import load_validation

pytestmark = pytest.mark.slow


def trainer(config: Config, corpus: Corpus) -> Trainer:
    torch.manual_seed(0)
    run = Trainer(config, torch.device("cpu"), seed=0)
    run.start(corpus)
    return run


def weights(run: Trainer) -> torch.Tensor:
    return torch.cat([t.flatten().double() for t in run.averaged_state().values()])


def state(run: Trainer) -> list[torch.Tensor]:
    """All tensors that a run goes on from."""
    q = run.model.quantizer
    states = [optimizer.state_dict()["state"] for optimizer in run.optimizers.values()]
    moments = [m for state in states for _, s in sorted(state.items()) for _, m in sorted(s.items())]
    averages = [t for book in q.books() for t in (book.count, book.total, book.recent)]
    average = [run.average[name] for name in sorted(run.average)]
    counters = [q.router.load, q.router.windows, q.router.usage]
    return [*run.model.state_dict().values(), *average, *moments, *averages, *counters]


@pytest.mark.parametrize("matrices", ["adamw", "muon"])
def test_a_resumed_run_equals_a_straight_one(config: Config, corpus: Corpus, tmp_path: Path, matrices: str) -> None:
    # codes of a predictive quantizer hang on earlier ones, and what replaces a dead code is drawn by energy: there a
    # tiny model makes much of the last bit of a number
    config = dataclasses.replace(
        config,
        model=dataclasses.replace(
            config.model, quantizer=dataclasses.replace(config.model.quantizer, predictive=False)
        ),
        training=dataclasses.replace(
            config.training,
            drps_every=100,
            stages=tuple(dataclasses.replace(stage, matrices=matrices) for stage in config.training.stages),
        ),
    )
    straight = trainer(config, corpus)
    start = weights(straight)
    for _ in range(8):
        straight.train_step(corpus)
    first = trainer(config, corpus)
    for _ in range(4):
        first.train_step(corpus)
    save_checkpoint(first, tmp_path / "last")
    second, forgetful = (Trainer(config, torch.device("cpu"), seed=9) for _ in range(2))
    for run in (second, forgetful):
        load_checkpoint(run, tmp_path / "last")
    for one, other in zip(state(first), state(second), strict=True):
        assert torch.equal(one, other)
    forgetful.optimizers = optimizers(forgetful.model, forgetful.stage.settings)
    for _ in range(4):
        second.train_step(corpus)
        forgetful.train_step(corpus)
    assert (second.step, second.audio_seconds) == (straight.step, straight.audio_seconds)
    # two straight runs differ by rounding too (kernels depend on how memory happens to be aligned)
    way = (weights(straight) - start).norm()
    resumed, forgotten = (float((weights(run) - weights(straight)).norm() / way) for run in (second, forgetful))
    assert resumed < 0.05
    assert forgotten > (0.1 if matrices == "adamw" else 0.04)  # Muon's steps depend less on those before
    assert forgotten > 2 * resumed


def test_a_run_is_not_resumed_with_another_optimizer(config: Config, corpus: Corpus, tmp_path: Path) -> None:
    run = trainer(config, corpus)
    run.train_step(corpus)
    save_checkpoint(run, tmp_path / "last")
    stages = tuple(dataclasses.replace(stage, matrices="muon") for stage in config.training.stages)
    changed = dataclasses.replace(config, training=dataclasses.replace(config.training, stages=stages))
    with pytest.raises(ModelError, match="does not fit this config: optimizer is of other parameters"):
        load_checkpoint(Trainer(changed, torch.device("cpu"), seed=0), tmp_path / "last")


def test_training_lowers_the_loss(config: Config, corpus: Corpus) -> None:
    stage = dataclasses.replace(config.training.stages[0], steps=60, learning_rate=2e-3)
    longer = dataclasses.replace(config, training=dataclasses.replace(config.training, stages=(stage,)))
    run = trainer(longer, corpus)
    losses = [float(run.train_step(corpus)["magnitude"]) for _ in range(60)]
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])


def test_train_writes_weights_log_and_checkpoint(
    config: Config, audio_folder: Path, two_clips: Path, tmp_path: Path
) -> None:
    lines: list[Progress] = []
    weights = train(config, audio_folder, tmp_path / "out", val=two_clips, max_steps=6, report=lines.append)
    load_weights(CodecModel(config.model), weights)
    entries = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    scores = [e["scores"] for e in entries if "scores" in e]
    assert len(scores) == 2  # one validation a stage
    assert [s["kbps"] is None for s in scores[-1]] == [False, False, False, True]
    losses = [e for e in entries if "losses" in e]
    assert {"magnitude", "mel", "commitment", "shared_commitment"} <= losses[-1]["losses"].keys()
    assert len(losses[-1]["perplexity"]) == 6
    assert len(losses[-1]["expert_load"]) == 5
    assert any("kbit/s" in p.text for p in lines)
    with pytest.raises(InputError, match="finished run"):
        train(config, audio_folder, tmp_path / "again", resume=tmp_path / "out" / "last", max_steps=1)


def test_init_starts_from_weights(config: Config, audio_folder: Path, tmp_path: Path, tiny_bundle: Path) -> None:
    kept = dataclasses.replace(config.training.stages[0], steps=1, learning_rate=0.0)
    frozen = dataclasses.replace(config, training=dataclasses.replace(config.training, stages=(kept,)))
    weights = train(frozen, audio_folder, tmp_path, init=tiny_bundle / "weights.safetensors")
    before, after = CodecModel(config.model), CodecModel(config.model)
    load_weights(before, tiny_bundle / "weights.safetensors")
    load_weights(after, weights)
    assert torch.equal(before.encoder.project.weight, after.encoder.project.weight)


def test_tar_shards_hold_the_same_audio_as_files(config: Config, audio_folder: Path, tmp_path: Path) -> None:
    import tarfile

    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        for path in sorted(audio_folder.glob("*.wav")):
            tar.add(path, path.name)
    files = load_corpus(audio_folder, config.model, workers=1)
    shards = load_corpus(tmp_path, config.model, workers=1, cache=tmp_path / "cache.safetensors")
    assert torch.equal(files.samples, shards.samples)
    again = load_corpus(tmp_path, config.model, workers=1, cache=tmp_path / "cache.safetensors")
    assert torch.equal(again.samples, shards.samples)
    assert torch.equal(again.gains, shards.gains)


def test_crops_are_level_normalised_and_stay_inside_recordings(config: Config, tmp_path: Path) -> None:
    rate = config.model.sample_rate
    for name, level, seconds in (("loud", 0.5, 2.0), ("quiet", 0.02, 2.0), ("short", 0.1, 0.2)):
        t = np.arange(round(seconds * rate)) / rate
        soundfile.write(tmp_path / f"{name}.wav", level * np.sin(2 * np.pi * 300 * t), rate, subtype="FLOAT")
    corpus = load_corpus(tmp_path, config.model, workers=1)
    crops = corpus.crops(200, rate // 2, torch.Generator().manual_seed(0))
    rms = crops.square().mean(1).sqrt()
    full = rms[crops[:, -100:].abs().amax(1) > 0]
    assert len(full) > 100
    assert torch.allclose(20 * full.log10(), torch.tensor(-20.0), atol=0.3)
    short = crops[crops[:, -100:].abs().amax(1) == 0]
    assert len(short) > 0
    assert (short[:, rate // 5 + 1 :] == 0).all()


def test_narrow_recordings_are_drawn_less(config: Config) -> None:
    lengths = torch.tensor([1000, 1000])
    samples = torch.cat((torch.full((1000,), 8192), torch.full((1000,), 16384))).to(torch.int16)
    corpus = Corpus(samples, torch.tensor([0, 1000]), lengths, torch.zeros(2), torch.tensor([5000.0, 20000.0]), 44100)
    drawn = corpus.crops(4000, 10, torch.Generator().manual_seed(0), narrow_weight=0.25)[:, 0]
    assert float((drawn < 0.4).float().mean()) == pytest.approx(0.2, abs=0.03)


def test_schedule_warms_up_and_decays() -> None:
    assert schedule(0.0, 0, 100) == pytest.approx(0.01)
    assert schedule(0.0, 99, 100) == pytest.approx(1.0)
    assert schedule(0.5, 500, 100) == pytest.approx(0.515)
    assert schedule(1.0, 999, 100) == pytest.approx(0.03)
    # a stage that holds its rate for 80 % falls over the rest
    assert [schedule(f, 999, 100, hold=0.8) for f in (0.1, 0.8)] == [pytest.approx(1.0)] * 2
    assert schedule(0.9, 999, 100, hold=0.8) == pytest.approx(0.515)
    assert schedule(1.0, 999, 100, hold=1.0) == pytest.approx(1.0)


def test_a_held_run_can_be_ended_early_where_it_is(config: Config, corpus: Corpus, tmp_path: Path) -> None:
    def drawn_out(steps: int, hold: float) -> Config:
        stage = dataclasses.replace(config.training.stages[0], steps=steps, hold=hold, warmup=1)
        return dataclasses.replace(config, training=dataclasses.replace(config.training, stages=(stage,)))

    run = trainer(drawn_out(100, 1.0), corpus)
    for _ in range(4):
        run.train_step(corpus)
    save_checkpoint(run, tmp_path / "last")
    ending = Trainer(drawn_out(6, 4 / 6), torch.device("cpu"), seed=0)
    load_checkpoint(ending, tmp_path / "last")
    rates = []
    while ending.fraction < 1:
        ending.train_step(corpus)
        rates.append(ending.optimizers["optimizer"].param_groups[-1]["lr"] / ending.stage.settings.learning_rate)
    assert rates == [pytest.approx(1.0), pytest.approx(0.515)]


def test_limits_scale_stages_in_proportion(config: Config) -> None:
    assert [s.steps for s in scaled(config, None, 90).training.stages] == [60, 30]
    assert [s.minutes for s in scaled(config, 3.0, None).training.stages] == [2.0, 1.0]


def test_runs_without_an_end_are_refused(config: Config) -> None:
    with pytest.raises(InputError, match="above 0"):
        scaled(config, 0.0, None)
    endless = dataclasses.replace(config.training.stages[0], steps=0)
    with pytest.raises(InputError, match="minutes or steps"):
        scaled(
            dataclasses.replace(config, training=dataclasses.replace(config.training, stages=(endless,))), None, None
        )


def test_validation_reads_tar_shards_and_a_cache_knows_its_data(
    config: Config, audio_folder: Path, tmp_path: Path
) -> None:
    import tarfile

    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        for path in sorted(audio_folder.glob("*.wav")):
            tar.add(path, f"speech/{path.name}")
    assert torch.equal(load_validation(tmp_path, config.model).audio, load_validation(audio_folder, config.model).audio)
    cache = tmp_path / "cache" / "corpus.safetensors"
    load_corpus(tmp_path, config.model, workers=1, cache=cache)
    with pytest.raises(InputError, match="other recordings or settings"):
        load_corpus(tmp_path, dataclasses.replace(config.model, sample_rate=8000), workers=1, cache=cache)


def test_resume_needs_the_same_config_and_keeps_the_best_score(config: Config, corpus: Corpus, tmp_path: Path) -> None:
    run = trainer(config, corpus)
    run.best = 5.0
    save_checkpoint(run, tmp_path / "last")
    again = Trainer(config, torch.device("cpu"), seed=0)
    load_checkpoint(again, tmp_path / "last")
    assert again.best == 5.0
    backbone = dataclasses.replace(config.model.backbone, dim=48)
    wider = dataclasses.replace(config, model=dataclasses.replace(config.model, backbone=backbone))
    with pytest.raises(ModelError, match="does not fit this config"):
        load_checkpoint(Trainer(wider, torch.device("cpu"), seed=0), tmp_path / "last")


def test_a_gradient_that_is_not_finite_stops_the_run(config: Config, corpus: Corpus) -> None:
    run = trainer(config, corpus)
    with torch.no_grad():
        run.model.decoder.project.bias[0] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        run.train_step(corpus)


def test_unusable_folders_and_checkpoints(config: Config, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a folder"):
        train(config, tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(InputError, match="no audio"):
        train(config, tmp_path, tmp_path / "out")
    (tmp_path / "bad.wav").write_text("not audio")
    with pytest.raises(InputError, match="could be read"):
        train(config, tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="`out` needs one"):
        train(config, tmp_path, tmp_path / "bad.wav")
    with pytest.raises(ModelError, match="not a checkpoint"):
        train(config, tmp_path, tmp_path / "out", resume=tmp_path)
    with pytest.raises(InputError, match="`resume` continues a run and `init` starts one"):
        train(config, tmp_path, tmp_path / "out", resume=tmp_path, init=tmp_path)


def test_an_interrupted_run_says_how_to_go_on(config: Config, audio_folder: Path, tmp_path: Path) -> None:
    lines: list[str] = []

    def interrupt(progress: Progress) -> None:
        lines.append(progress.text)
        if "step 12:" in progress.text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, audio_folder, tmp_path, report=interrupt)
    assert lines[-1] == f"interrupted; continue with `resume` {tmp_path / 'last'}"
    assert train(config, audio_folder, tmp_path, resume=tmp_path / "last") == tmp_path / "weights.safetensors"
    steps = [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert steps == [12, 18]


def test_damaged_weights_are_refused(config: Config, tmp_path: Path) -> None:
    model, path = CodecModel(config.model), tmp_path / "weights.safetensors"
    state = model.state_dict()
    save_weights(path, {k: v for k, v in state.items() if k != "encoder.power"})
    with pytest.raises(ModelError, match=r"encoder\.power"):
        load_weights(model, path)
    save_weights(path, {**state, "encoder.power": torch.tensor(float("nan"))})
    with pytest.raises(ModelError, match="not finite"):
        load_weights(model, path)
    path.write_bytes(b"rubbish")
    with pytest.raises(ModelError, match="cannot read"):
        load_weights(model, path)


@pytest.mark.parametrize("workers", [1, 2])
def test_recordings_that_cannot_be_read_are_named_once(
    config: Config, audio_folder: Path, tmp_path: Path, workers: int
) -> None:
    import tarfile

    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(5 * workers):  # enough for a pool to start
        for path in audio_folder.glob("*.wav"):
            (folder / f"{number}{path.name}").symlink_to(path)
    (folder / "bad\udce9.wav").write_bytes(b"no audio")
    (folder / "empty.mp3").touch()
    (folder / "gone.flac").symlink_to("nowhere.flac")
    soundfile.write(folder / "nan.wav", np.full(8000, np.nan), 16000, subtype="FLOAT")
    soundfile.write(folder / "none.wav", np.zeros((0, 1)), 16000)
    with tarfile.open(folder / "shard.tar", "w") as tar:
        tar.add(audio_folder / "1.wav", "inside.wav")
        tar.add(folder / "bad\udce9.wav", "worse.wav")
    failed: list[str] = []
    corpus = load_corpus(folder, config.model, workers=workers, failed=failed.append)
    assert len(corpus.lengths) == 40 * workers + 1
    names = ("bad\udce9.wav", "empty.mp3", "gone.flac", "nan.wav", "none.wav", f"worse.wav in {folder / 'shard.tar'}")
    assert [name in message for name, message in zip(names, failed, strict=True)] == [True] * 6
    assert not any("/tmp" in message.replace(str(folder), "") for message in failed)


def test_a_run_says_what_it_left_out(config: Config, two_clips: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for path in two_clips.glob("*.wav"):
        (tmp_path / "data" / path.name).symlink_to(path)
    (tmp_path / "data" / "bad.wav").write_bytes(b"no audio")
    lines: list[Progress] = []
    folder = tmp_path / "data"
    train(config, folder, tmp_path / "out", val=folder, max_steps=2, report=lines.append)
    warnings = [line.text for line in lines if line.warning]
    assert len(warnings) == 2  # once of the clips to validate on, once of the corpus
    assert all(warning.startswith(f"left out: {folder / 'bad.wav'} ") for warning in warnings)
    assert any(line.text.endswith(" h; 1 could not be read") for line in lines)


def test_the_exit_code_says_that_something_was_left_out(tiny_config: Path, audio_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for path in audio_folder.glob("*.wav"):
        (tmp_path / "data" / path.name).symlink_to(path)
    command = ["train", tiny_config, "--data", tmp_path / "data", "--out", tmp_path / "out", "--max-steps", "1"]
    whole = CliRunner().invoke(app, list(map(str, command)))
    assert whole.exit_code == 0, whole.stderr
    (tmp_path / "data" / "bad.wav").write_bytes(b"no audio")
    result = CliRunner().invoke(app, list(map(str, command)))
    assert result.exit_code == 1
    assert result.stdout == whole.stdout
    assert result.stderr.endswith("swc: error: 1 recording could not be read; they are named above\n")
