"""A model's weights on disk: one float16 safetensors file, with a SHA-256 of all tensors in its metadata."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from swc.errors import ModelError
from swc.files import replacing

DIGEST = "sha256"


def save_weights(path: Path, state: dict[str, Tensor]) -> None:
    """Write a model's state as float16 to one safetensors file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().half().cpu().contiguous() for k, v in state.items()}
    with replacing(path) as temporary:
        save_file(tensors, temporary, {DIGEST: _digest(tensors)})


def load_weights(model: nn.Module, path: Path, may_lack: tuple[str, ...] = (), base: Path | None = None) -> None:
    """Load what `save_weights` wrote into a model, as float32.

    Args:
        may_lack: prefixes of tensors that the file may lack as a whole; the model then keeps its own.
        base: weights that supply what the file lacks.

    Raises:
        ModelError: a file is missing or damaged, lacks a tensor, or holds a value that is not finite. A file without a
            digest is not checked for one.
    """
    expected = model.state_dict()
    tensors = _read(path)
    if base is not None:
        tensors = {name: tensor for name, tensor in _read(base).items() if name in expected} | tensors
    for prefix in may_lack:
        if not any(name.startswith(prefix) for name in tensors):
            tensors |= {name: tensor for name, tensor in expected.items() if name.startswith(prefix)}
    wrong = sorted(
        name
        for name in expected.keys() | tensors.keys()
        if name not in tensors or name not in expected or tensors[name].shape != expected[name].shape
    )
    if wrong:
        raise ModelError(f"{path} does not fit its config.toml: {wrong[0]} (and {len(wrong) - 1} more)")
    model.load_state_dict(tensors)


def load_base(model: nn.Module, path: Path) -> None:
    """Load those tensors of a file that a model has, too; its others stay as they are.

    Raises:
        ModelError: as `load_weights`.
    """
    state = model.state_dict()
    given = {name: tensor for name, tensor in _read(path).items() if name in state}
    if any(tensor.shape != state[name].shape for name, tensor in given.items()):
        raise ModelError(f"{path} does not fit a model that names it as its base; give both the same [backbone]")
    model.load_state_dict(given, strict=False)


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file as float32, checked."""
    try:
        tensors = load_file(path)
        with safe_open(path, "pt") as file:
            stated = (file.metadata() or {}).get(DIGEST)
    except (OSError, SafetensorError) as e:
        raise ModelError(f"cannot read the weights {path}: {e}; reinstall swc or fetch the file again") from None
    if stated is not None and stated != _digest(tensors):
        raise ModelError(
            f"the weights {path} are damaged: their SHA-256 is not the one stated in them; fetch the file again"
        )
    tensors = {name: tensor.float() for name, tensor in tensors.items()}
    if not all(math.isfinite(tensor.sum()) for tensor in tensors.values()):  # of float16, which cannot overflow
        raise ModelError(f"{path} holds numbers that are not finite; fetch the file again")
    return tensors


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
