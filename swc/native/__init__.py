"""What C does faster than arrays, for CPUs: the search for codes (`search.c`), the integration of phases (`phase.c`).

They give what `swc.nn.quantizers` and `swc.dsp.phase` give with arrays, but for rounding, and other threads of Python
go on meanwhile. A wheel has them compiled if there was a C compiler when it was built (`hatch_build.py`); where they
are missing, arrays serve.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

LIBRARY = Path(__file__).with_name("_native.so")
INTERFACE = 2  # as in search.c


@cache
def compiled() -> ctypes.CDLL | None:
    """The compiled functions; None where they have not been built for this machine, or from earlier sources."""
    try:
        library = ctypes.CDLL(str(LIBRARY))
        return library if library.swc_interface() == INTERFACE else None
    except (OSError, AttributeError):
        return None


def serves(x: Any) -> bool:
    """Whether an array of numpy or torch can be worked on here: float32, on the CPU, without gradients.

    Subclasses of tensors may have no numbers, such as those of a compiler that looks at shapes alone.
    """
    if isinstance(x, np.ndarray):
        return x.dtype == np.float32 and compiled() is not None
    torch = sys.modules["torch"]
    plain = type(x) is torch.Tensor and x.dtype == torch.float32 and x.device.type == "cpu" and not x.requires_grad
    return plain and compiled() is not None


def whole(x: Any) -> Any:
    """The array or tensor, contiguous."""
    return np.ascontiguousarray(x) if isinstance(x, np.ndarray) else x.contiguous()


def pointer(x: Any) -> c_void_p:
    """Where the numbers of a contiguous array or tensor are; of None, NULL."""
    if x is None:
        return c_void_p(None)
    return c_void_p(x.ctypes.data if isinstance(x, np.ndarray) else x.data_ptr())


def call(name: str, *arguments: object) -> None:
    """Call a function of the library, without the lock of Python."""
    if getattr(compiled(), name)(*arguments):
        raise MemoryError(f"not enough memory for {name}")
