"""Facts about a weights file, without torch: the fingerprint of its codes' meaning, and its number of parameters.

The fingerprint covers the config's code semantics and the tensors that its quantizer declares, so a decoder may be
improved without invalidating a single file.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from swc.config import ModelConfig
from swc.errors import ModelError

SIZE = 8
"""Size of a fingerprint in bytes."""


def fingerprint(config: ModelConfig, weights: Path) -> bytes:
    """First 8 bytes of SHA-256 over the config's code semantics and the semantic tensors as stored.

    Raises:
        ModelError: no readable weights, or none of the tensors that the quantizer declares.
    """
    digest = hashlib.sha256(config.code_semantics())
    with _opened(weights) as file:
        names = sorted(file.keys())
        semantic = set()
        for prefix in (f"quantizer.{prefix}" for prefix in config.quantizer.semantic_tensors):
            matching = [name for name in names if name.startswith(prefix)]
            if not matching:
                raise ModelError(f"{weights} has no tensors {prefix}*, which define its codes; reinstall swc")
            semantic.update(matching)
        for name in sorted(semantic):
            stored = file.get_slice(name)
            digest.update(f"{name} {stored.get_dtype()} {stored.get_shape()}\n".encode())
            digest.update(file.get_tensor(name))
    return digest.digest()[:SIZE]


def count_parameters(weights: Path) -> int:
    """The number of parameters in a weights file.

    Raises:
        ModelError: no readable weights.
    """
    with _opened(weights) as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    return sum(map(math.prod, shapes))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, "np") as file:
            yield file
    except OSError as e:
        raise ModelError(f"cannot read {path}: {e.strerror or e}; reinstall swc, or train the model") from None
    except SafetensorError as e:
        raise ModelError(f"{path} is not a safetensors file ({e}); reinstall swc") from None
