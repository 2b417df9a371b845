"""Where the networks run."""

from __future__ import annotations

import torch

from swc.errors import InputError


def find_device(name: str) -> torch.device:
    """The device of a name such as cpu, cuda, cuda:1 or mps; auto is cuda where there is one, else cpu.

    Raises:
        InputError: no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise InputError(f"no device {name!r}; use auto, cpu, cuda or mps") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"no CUDA device {name!r} here ({torch.cuda.device_count()} found); use cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("no MPS device is available; use cpu")
    if device.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"device {name!r} is not supported; use auto, cpu, cuda or mps")
    return device
