"""Several processes that train one model (local SGD, Stich 2019, arXiv 1805.09767).

Each works on its own crops, and every few steps all take the mean of what they have learned. Two processes of one
thread process half as much again as one of two threads. Started with
`torchrun --nproc-per-node N -m swc train ...`; a process by itself is the only worker.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

TIMEOUT = timedelta(days=1)  # others wait while the main process validates, or solves for the codebooks


class Workers:
    """The processes of a run, as torchrun has started them.

    Attributes:
        rank: this one's number. Number 0, the main one, keeps time, logs, validates and writes.
        size: how many there are.
    """

    def __init__(self, device: torch.device) -> None:
        if "TORCHELASTIC_RUN_ID" in os.environ and not dist.is_initialized():
            if device.type == "cuda":
                torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
        joined = dist.is_available() and dist.is_initialized()
        self.rank, self.size = (dist.get_rank(), dist.get_world_size()) if joined else (0, 1)

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    @torch.no_grad()
    def average(self, tensors: Iterable[Tensor]) -> None:
        """Put the mean over all workers into floating-point tensors; all must call this with the same shapes."""
        self._exchange(tensors, lambda flat: dist.all_reduce(flat.div_(self.size)))

    @torch.no_grad()
    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Put the main process's values into floating-point tensors; all must call this with the same shapes."""
        self._exchange(tensors, lambda flat: dist.broadcast(flat, 0))

    def _exchange(self, tensors: Iterable[Tensor], collective: Callable[[Tensor], object]) -> None:
        """Change tensors by one collective operation on all their numbers."""
        tensors = [t for t in tensors if t.is_floating_point()]
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([t.detach().flatten() for t in tensors])
        collective(flat)
        for tensor, part in zip(tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.reshape(tensor.shape))

    def barrier(self) -> None:
        """Wait until all workers are here."""
        if self.size > 1:
            dist.barrier()

    def close(self) -> None:
        """Leave when all are done; a worker that leaves earlier may break the others' connections."""
        self.barrier()
        if self.size > 1:
            dist.destroy_process_group()
