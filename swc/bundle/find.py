"""Finds bundles. Does not import torch."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from swc.bundle.fingerprint import count_parameters, fingerprint
from swc.config import Config, ModelConfig
from swc.errors import ModelError, SwcError

FOLDER_VARIABLE = "SWC_MODELS"
"""Environment variable that names a folder of bundles to use in place of the one that comes with swc."""
CONFIG, WEIGHTS, MEASURED = "config.toml", "weights.safetensors", "measured.json"


@dataclass(frozen=True)
class Bundle:
    """A model on disk.

    Attributes:
        path: its folder.
        config: of the model, from `config.toml`.
    """

    path: Path
    config: ModelConfig

    @classmethod
    def open(cls, path: Path) -> Bundle:
        """The bundle in a folder; raises InputError as `Config.from_toml`."""
        return cls(path, Config.from_toml(path / CONFIG).model)

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def weights(self) -> Path:
        return self.path / WEIGHTS

    @cached_property
    def base(self) -> Bundle | None:
        """The bundle that gives what this one's weights lack, if it needs one.

        Raises:
            ModelError: it is not installed.
        """
        return base_of(self.config)

    @cached_property
    def measured(self) -> dict[str, Any]:
        """Work and speed from `benchmarks/measured.py`, scores from `docs/score_tables.py`; empty without these."""
        path = self.path / MEASURED
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    @cached_property
    def fingerprint(self) -> bytes:
        """8 bytes that identify the meaning of its codes; raises ModelError without readable weights."""
        return fingerprint(self.config, self.weights)

    @cached_property
    def parameters(self) -> int:
        """The number of parameters in the weights file, without a base's; raises ModelError as `fingerprint`."""
        return count_parameters(self.weights)


def base_of(config: ModelConfig) -> Bundle | None:
    """`Bundle.base` of a config."""
    if not config.base:
        return None
    found, known = _search(bytes.fromhex(config.base))
    if found is None:
        raise ModelError(
            f"model {config.name!r} needs the encoder and decoder of one with fingerprint {config.base}; "
            f"installed: {known}. Reinstall swc, or put that model beside this one"
        )
    return found


def models_folder() -> Path:
    """The folder of bundles: SWC_MODELS if set, else in the installed package or beside that of a source checkout."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen)
    package = Path(__file__).resolve().parents[1]
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"


def list_bundles() -> list[Bundle]:
    """The bundles that come with swc and have weights, by name."""
    folders = sorted(path.parent for path in models_folder().glob(f"*/{CONFIG}"))
    return [bundle for bundle in map(Bundle.open, folders) if bundle.weights.exists()]


def find_bundle(model: str | Path) -> Bundle:
    """A bundle by name, or by the path of its folder.

    Raises:
        ModelError: no such bundle, or one without weights.
    """
    shipped = models_folder() / str(model)
    folder = shipped if (shipped / CONFIG).exists() else Path(model)
    if not (folder / CONFIG).exists():
        names = ", ".join(b.name for b in list_bundles()) or "none"
        raise ModelError(f"no model {str(model)!r}; installed: {names} (or give the path of a bundle's folder)")
    bundle = Bundle.open(folder)
    if not bundle.weights.exists():
        raise ModelError(f"model {bundle.name!r} has no weights in {folder}; reinstall swc, or train it")
    return bundle


def bundle_for(fingerprint: bytes) -> Bundle:
    """The installed bundle that decodes streams with this fingerprint.

    Raises:
        ModelError: none does.
    """
    found, known = _search(fingerprint)
    if found is None:
        raise ModelError(
            f"this stream was made with a model of fingerprint {fingerprint.hex()}; installed: {known}. "
            "Install the swc version that made it, or pass the folder of that model as `model`"
        )
    return found


def _search(fingerprint: bytes) -> tuple[Bundle | None, str]:
    """The installed bundle with this fingerprint, if there is one, and which others were looked at on the way."""
    known = []
    for bundle in list_bundles():
        try:
            if bundle.fingerprint == fingerprint:
                return bundle, ""
            known.append(f"{bundle.name} ({bundle.fingerprint.hex()})")
        except ModelError as e:  # a damaged bundle must not keep another from decoding
            known.append(f"{bundle.name} (damaged: {e})")
    return None, ", ".join(known) or "none"


def name_of(fingerprint: bytes) -> str | None:
    """The name of the installed bundle that decodes streams with this fingerprint, or None."""
    try:
        return bundle_for(fingerprint).name
    except SwcError:
        return None
