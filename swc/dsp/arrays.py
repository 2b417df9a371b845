"""Operations with different names in numpy and torch, so that code can take the arrays of either.

Most operations need no help: operators, slices, methods and, in the module that `namespace` returns, functions with
the same name and order of arguments (numpy 2 and torch both have most of the Python array API standard).
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Array = Any
"""A numpy array or a torch tensor. Functions return the kind that they take, on the same device."""


def namespace(x: Array) -> Any:
    """The module whose functions take this array: numpy, or torch, which is imported wherever tensors are."""
    return np if isinstance(x, np.ndarray) else sys.modules["torch"]


def host(x: Array) -> np.ndarray:
    """A numpy array of any array."""
    values: np.ndarray = x if isinstance(x, np.ndarray) else x.cpu().numpy()
    return values


def constant(x: Array) -> Array:
    """The array, through which gradients do not flow."""
    return x if isinstance(x, np.ndarray) else x.detach()


def hann(size: int, like: Array) -> Array:
    """A periodic Hann window, float32."""
    if isinstance(like, np.ndarray):
        return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
    return namespace(like).hann_window(size, device=like.device)


def pad(x: Array, before: int, after: int, value: float = 0) -> Array:
    """x with so many more elements on either side of its last dimension."""
    if isinstance(x, np.ndarray):
        return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(before, after)], constant_values=value)
    return namespace(x).nn.functional.pad(x, (before, after), value=value)


def windows(x: Array, size: int, hop: int) -> Array:
    """Windows of the last dimension, one every `hop`: (..., n) -> (..., 1 + (n - size) // hop, size)."""
    return sliding_window_view(x, size, -1)[..., ::hop, :] if isinstance(x, np.ndarray) else x.unfold(-1, size, hop)


def take(x: Array, index: Array) -> Array:
    """Elements of the last dimension by their indices, which have x's other dimensions."""
    return np.take_along_axis(x, index, -1) if isinstance(x, np.ndarray) else x.gather(-1, index)


def running_max(x: Array) -> Array:
    """The greatest element so far, along the last dimension."""
    return np.maximum.accumulate(x, -1) if isinstance(x, np.ndarray) else x.cummax(-1).values


def unit(angle: Array) -> Array:
    """Complex numbers of length 1."""
    if not isinstance(angle, np.ndarray):
        return namespace(angle).polar(namespace(angle).ones_like(angle), angle)
    turned = np.empty(angle.shape, np.result_type(angle, np.complex64))
    turned.real, turned.imag = np.cos(angle), np.sin(angle)
    return turned
