"""Two processes train one model: other crops, the same weights after each synchronisation, twice the audio."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from swc.bundle.weights import load_weights
from swc.config import Config
from swc.nn.model import CodecModel
from swc.training.distributed import Workers

pytestmark = pytest.mark.slow

WORKER = """
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from swc.config import Config
from swc.training.data.batches import draw_batch
from swc.training.data.corpus import load_corpus
from swc.training.distributed import Workers
from swc.training.trainer import SYNCHRONISE_EVERY, Trainer

config, audio, out = map(Path, sys.argv[1:])
torch.manual_seed(0)
config = Config.from_toml(config)
corpus = load_corpus(audio, config.model, workers=1)
run = Trainer(config, torch.device("cpu"), 0, Workers(torch.device("cpu")))
run.start(corpus)
crops = draw_batch(config, corpus, run.stage.settings.batch, run.generator()).audio
for _ in range(SYNCHRONISE_EVERY - 1):
    run.train_step(corpus)
apart = {"apart." + n: t.clone() for n, t in run.averaged_state().items()}
run.train_step(corpus)
together = {"together." + n: t.clone() for n, t in run.averaged_state().items()}
clock = torch.tensor([run.seconds, run.audio_seconds], dtype=torch.float64)
save_file(apart | together | {"crops": crops, "clock": clock}, out / f"{run.workers.rank}.safetensors")
run.workers.close()
"""


def torchrun(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments]
    return subprocess.run(
        [str(a) for a in command],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_workers_learn_apart_and_synchronise(tiny_config: Path, audio_folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    done = torchrun(script, tiny_config, audio_folder, tmp_path)
    assert done.returncode == 0, done.stderr
    one, other = (load_file(tmp_path / f"{rank}.safetensors") for rank in range(2))
    assert not torch.equal(one["crops"], other["crops"])
    moving = ("encoder.project.weight", "decoder.project.weight", "quantizer.shared.0.code", "quantizer.experts.1.code")
    for name in moving:
        assert not torch.equal(one[f"apart.{name}"], other[f"apart.{name}"])
    for name in one:
        if name.startswith("together."):
            assert torch.equal(one[name], other[name]), name
    assert torch.equal(one["clock"], other["clock"])
    crop_seconds = one["crops"].numel() / Config.from_toml(tiny_config).model.sample_rate
    assert float(one["clock"][1]) == pytest.approx(10 * 2 * crop_seconds)


def test_train_under_torchrun_writes_once(
    tiny_config: Path, audio_folder: Path, two_clips: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = torchrun(
        *("-m", "swc", "train", tiny_config, "--data", audio_folder, "--val", two_clips),
        *("--cache", tmp_path / "corpus", "--out", out, "--max-steps", "12"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(out / "weights.safetensors")]
    load_weights(CodecModel(Config.from_toml(tiny_config).model), out / "weights.safetensors")
    entries = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert sum("scores" in e for e in entries) == 2  # one a stage
    assert entries[-1]["step"] == 12


def test_a_model_without_floating_point_buffers_has_nothing_to_exchange() -> None:
    workers = Workers(torch.device("cpu"))
    workers.size = 2  # there is no other one, which a collective operation would need
    workers.broadcast([torch.tensor([1])])
    workers.average(())
