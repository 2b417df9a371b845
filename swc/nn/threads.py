"""Threads that share none of torch's operations with others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from swc.dsp.ahead import Ahead

A = TypeVar("A")
B = TypeVar("B")


def ahead(device: torch.device, items: int = 1) -> Ahead:
    """As many threads as torch has, for work without gradients.

    Args:
        device: where the tensors are; anything but a CPU works in the calling thread.
        items: as `Ahead` takes them.
    """
    if device.type != "cpu":
        return Ahead(0, items, alone=_inferred)
    chosen = torch.get_num_threads()
    threads = Ahead(chosen, items, _begin, _alone)
    torch.set_num_threads(chosen)  # what a thread chooses also goes for those that start later
    return threads


def _alone(function: Callable[[A], B], item: A) -> B:
    """Call a function with no thread but this one."""
    chosen = torch.get_num_threads()
    if chosen == 1:
        return _inferred(function, item)
    torch.set_num_threads(1)
    try:
        return _inferred(function, item)
    finally:
        torch.set_num_threads(chosen)


def _inferred(function: Callable[[A], B], item: A) -> B:
    with torch.inference_mode():
        return function(item)


def _begin() -> None:
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    torch.get_num_threads()  # a thread takes over what was last chosen anywhere when it first asks
