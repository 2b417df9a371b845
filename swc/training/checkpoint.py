"""Checkpoints, written whole or not at all.

A checkpoint is a folder: safetensors shards (model, moving averages, optimizers) and `state.json`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from swc.errors import InputError, ModelError
from swc.training.optimization import optimizer_tensors, restore_optimizer, with_prefix
from swc.training.trainer import Trainer

SHARD_BYTES = 15 * 2**20
COUNTERS = ("stage_index", "stage_step", "stage_seconds", "step", "audio_seconds", "seconds", "seed", "best")


def save_checkpoint(run: Trainer, folder: Path) -> None:
    """Write a checkpoint that `load_checkpoint` continues from, replacing an older one only when it is complete."""
    new, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for number, shard in enumerate(_shards(_tensors(run))):
        save_file(shard, new / f"shard-{number:03d}.safetensors")
    state = {name: getattr(run, name) for name in COUNTERS}
    (new / "state.json").write_text(json.dumps(state, indent=1), encoding="utf-8")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(run: Trainer, folder: Path) -> None:
    """Let a run continue from a checkpoint.

    Raises:
        ModelError: it is not a checkpoint, is damaged, or belongs to another config.
        InputError: its run is finished.
    """
    tensors, state = _read(folder)
    try:
        _restore(run, tensors, state)
    except (KeyError, RuntimeError) as e:
        raise ModelError(f"{folder} does not fit this config: {' '.join(str(e).split())[:200]}") from None
    if run.finished:
        raise InputError(f"{folder} is of a finished run; start another from its weights with `init`")


def _tensors(run: Trainer) -> dict[str, Tensor]:
    tensors = {f"model.{n}": v for n, v in run.model.state_dict().items()}
    tensors |= {f"average.{n}": v for n, v in run.average.items()}
    tensors |= run.learner.tensors()
    for name, optimizer in run.optimizers.items():
        tensors |= optimizer_tensors(optimizer, name)
    return tensors | run.stage.state()


def _restore(run: Trainer, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    for name in COUNTERS:
        setattr(run, name, state[name])
    run.model.load_state_dict(with_prefix(tensors, "model."))
    run.average = {n: v.to(run.device) for n, v in with_prefix(tensors, "average.").items()}
    run.learner.restart_averages()
    for name, tensor in run.learner.tensors().items():
        tensor.copy_(tensors[name])
    if run.finished:
        return
    run.prepare_stage()
    for name, optimizer in run.optimizers.items():
        restore_optimizer(optimizer, tensors, name)
    run.stage.restore(tensors)


def _read(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors: dict[str, Tensor] = {}
    new = folder.with_name(folder.name + ".new")
    if not folder.exists() and (new / "state.json").exists():  # stopped between the two renames
        folder = new
    try:
        state: dict[str, Any] = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        for shard in sorted(folder.glob("shard-*.safetensors")):
            tensors.update(load_file(shard))
    except (OSError, ValueError, SafetensorError) as e:
        raise ModelError(f"{folder} is not a checkpoint that `resume` can continue: {e}") from None
    return tensors, state


def _shards(tensors: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in tensors.items():
        flat = tensor.detach().cpu().contiguous()
        if size + flat.nbytes > SHARD_BYTES and shards[-1]:
            shards.append({})
            size = 0
        shards[-1][name] = flat.clone()
        size += flat.nbytes
    return shards
