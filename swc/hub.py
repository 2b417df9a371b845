"""Model bundles: where they are, and the fingerprint of what their codes mean. Imports no torch.

A bundle is a folder with `config.toml` and `weights.safetensors` (and a model card). The fingerprint covers the
config's code semantics, the codebooks and the predictor, so a decoder may be improved without invalidating a single
file.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from swc.config import Config
from swc.errors import ModelError

SEMANTICS = ("quantizer.shared.", "quantizer.experts.", "quantizer.predictor.")  # weights that say what a code means
MAX_HEADER = 16 * 2**20


@dataclass(frozen=True)
class Bundle:
    """A model on disk.

    Attributes:
        path: its folder.
        config: what `config.toml` says.
    """

    path: Path
    config: Config

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def weights(self) -> Path:
        return self.path / "weights.safetensors"

    @cached_property
    def fingerprint(self) -> bytes:
        """First 8 bytes of SHA-256 over the config's code semantics, the codebooks and the predictor as stored.

        Raises:
            ModelError: no readable weights.
        """
        digest = hashlib.sha256(self.config.code_semantics())
        with _TensorFile(self.weights) as tensors:
            for name in sorted(tensors.table):
                if name.startswith(SEMANTICS):
                    entry = tensors.table[name]
                    digest.update(f"{name} {entry['dtype']} {entry['shape']}\n".encode())
                    digest.update(tensors.read(name))
        return digest.digest()[:8]

    @cached_property
    def parameters(self) -> int:
        """Numbers in the weights file."""
        with _TensorFile(self.weights) as tensors:
            return sum(_product(entry["shape"]) for entry in tensors.table.values())


class _TensorFile:
    """The table and raw bytes of a safetensors file (8-byte header length, JSON header, data)."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("rb")
        except OSError as e:
            raise ModelError(f"cannot read {path}: {e.strerror}; reinstall swc, or train the model") from None
        try:
            length = int.from_bytes(self._file.read(8), "little")
            if length > MAX_HEADER:
                raise ValueError("its header is too long")
            table: dict[str, Any] = json.loads(self._file.read(length))
            table.pop("__metadata__", None)
            self.table = {name: dict(entry) for name, entry in table.items()}
            for entry in self.table.values():
                begin, end = (int(n) for n in entry["data_offsets"])
                if not 0 <= begin <= end or not isinstance(entry["dtype"], str) or _product(entry["shape"]) < 0:
                    raise ValueError("its table is damaged")
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as e:
            self._file.close()
            raise ModelError(f"{path} is not a safetensors file ({e}); reinstall swc") from None
        self._start = 8 + length

    def read(self, name: str) -> bytes:
        begin, end = self.table[name]["data_offsets"]
        self._file.seek(self._start + begin)
        return self._file.read(end - begin)

    def __enter__(self) -> _TensorFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _product(shape: list[int]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total


def models_folder() -> Path:
    """Where the bundles that come with swc lie: inside the installed package, else beside a source checkout's."""
    here = Path(__file__).resolve().parent
    installed = here / "models"
    return installed if installed.is_dir() else here.parent / "models"


def list_bundles() -> list[Bundle]:
    """The bundles that come with swc and have weights, by name."""
    folders = sorted(p.parent for p in models_folder().glob("*/config.toml"))
    return [b for b in map(_open, folders) if b.weights.exists()]


def find_bundle(model: str | Path) -> Bundle:
    """A bundle by name, or by the path of its folder.

    Raises:
        ModelError: no such bundle, or one without weights.
    """
    shipped = models_folder() / str(model)
    folder = shipped if (shipped / "config.toml").exists() else Path(model)
    if not (folder / "config.toml").exists():
        names = ", ".join(b.name for b in list_bundles()) or "none"
        raise ModelError(f"no model {str(model)!r}; installed: {names} (or give the path of a bundle's folder)")
    bundle = _open(folder)
    if not bundle.weights.exists():
        raise ModelError(f"model {bundle.name!r} has no weights in {folder}; reinstall swc, or train it")
    return bundle


def bundle_for(fingerprint: bytes) -> Bundle:
    """The installed bundle that decodes streams with this fingerprint.

    Raises:
        ModelError: none does.
    """
    bundles = list_bundles()
    known = []
    for bundle in bundles:
        try:
            if bundle.fingerprint == fingerprint:
                return bundle
            known.append(f"{bundle.name} ({bundle.fingerprint.hex()})")
        except ModelError as e:  # a damaged neighbour must not keep a sound bundle from decoding
            known.append(f"{bundle.name} (damaged: {e})")
    installed = ", ".join(known) or "none"
    raise ModelError(
        f"this stream was made with a model of fingerprint {fingerprint.hex()}; installed: {installed}. "
        "Install the swc version that made it, or pass that model's folder with --model"
    )


def _open(folder: Path) -> Bundle:
    return Bundle(folder, Config.from_toml(folder / "config.toml"))
