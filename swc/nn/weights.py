"""A model's weights on disk: one float16 safetensors file."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from swc.errors import ModelError


def save_weights(path: Path, state: dict[str, Tensor]) -> None:
    """Write a model's state as float16 to one safetensors file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    save_file({k: v.detach().half().cpu().contiguous() for k, v in state.items()}, temporary)
    os.replace(temporary, path)


def load_weights(model: nn.Module, path: Path) -> None:
    """Load what `save_weights` wrote into a model, as float32.

    Raises:
        ModelError: the file is missing or damaged, lacks a tensor, or holds a value that is not finite.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as e:
        raise ModelError(f"cannot read the weights {path}: {e}; reinstall swc or fetch the file again") from None
    expected = model.state_dict()
    wrong = sorted(
        name
        for name in expected.keys() | tensors.keys()
        if name not in tensors or name not in expected or tensors[name].shape != expected[name].shape
    )
    if wrong:
        raise ModelError(f"{path} does not fit its config.toml: {wrong[0]} (and {len(wrong) - 1} more)")
    if not all(bool(torch.isfinite(t).all()) for t in tensors.values()):
        raise ModelError(f"{path} holds numbers that are not finite; fetch the file again")
    model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
