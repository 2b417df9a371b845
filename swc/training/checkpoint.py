"""Checkpoints, written whole or not at all.

A checkpoint is a folder: safetensors shards (model, moving average, optimizer) and `state.json`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

from swc.errors import ModelError

SHARD_BYTES = 15 * 2**20


def save_checkpoint(folder: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write a checkpoint folder, replacing an older one only when the new one is complete."""
    new, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for number, shard in enumerate(_shards(tensors)):
        save_file(shard, new / f"shard-{number:03d}.safetensors")
    (new / "state.json").write_text(json.dumps(state, indent=1), encoding="utf-8")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint folder.

    Raises:
        ModelError: it is not one, or is damaged.
    """
    tensors: dict[str, Tensor] = {}
    new = folder.with_name(folder.name + ".new")
    if not folder.exists() and (new / "state.json").exists():  # stopped between the two renames
        folder = new
    try:
        state: dict[str, Any] = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        for shard in sorted(folder.glob("shard-*.safetensors")):
            tensors.update(load_file(shard))
    except (OSError, ValueError, SafetensorError) as e:
        raise ModelError(f"{folder} is not a checkpoint that --resume can continue: {e}") from None
    return tensors, state


def optimizer_tensors(optimizer: Optimizer, prefix: str) -> dict[str, Tensor]:
    """An optimizer's state as named tensors."""
    state = optimizer.state_dict()["state"]
    return {f"{prefix}.{i}.{key}": value for i, values in state.items() for key, value in values.items()}


def restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor], prefix: str) -> None:
    """Put what `optimizer_tensors` gave back into an optimizer of the same parameters."""
    saved = optimizer.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(f"{prefix}."):
            _, index, key = name.split(".")
            state.setdefault(int(index), {})[key] = value
    saved["state"] = state
    optimizer.load_state_dict(saved)


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
