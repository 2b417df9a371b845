"""Threads that share none of torch's operations with others."""

from __future__ import annotations

import torch

from swc.dsp.ahead import Ahead


def ahead(device: torch.device, items: int = 1) -> Ahead:
    """As many threads as torch has, for work without gradients.

    Args:
        device: where the tensors are; anything but a CPU works in the calling thread.
        items: as `Ahead` takes them.
    """
    if device.type != "cpu":
        return Ahead(0, items)
    chosen = torch.get_num_threads()
    threads = Ahead(chosen, items, _alone)
    torch.set_num_threads(chosen)  # what a thread chooses also goes for those that start later
    return threads


def _alone() -> None:
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    torch.get_num_threads()  # a thread takes over what was last chosen anywhere when it first asks
