"""Runs of latents of several lengths, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from swc.bitstream import window_lengths


class Windows(NamedTuple):
    """All windows of one length.

    Attributes:
        run, number: the run of each, and its index in the run (n,).
        latents: the places of its latents: indices of runs (n, 1) and of latents in them (n, T).
    """

    run: Tensor
    number: Tensor
    latents: tuple[Tensor, Tensor]


class Runs:
    """Groups of runs of latents in one tensor, the longest first: unfinished runs come before ended ones.

    Args:
        runs: of each group (B_i, L_i, D).
        grants: of the windows of each group (B_i, W_i).

    Attributes:
        z: latents (B, L, D) of all, followed by zeros.
        grants: (B, W), followed by zeros.
        lengths: of all B, falling.
        group: of all B, counted from 0 and rising; None where there is only one.
    """

    def __init__(self, runs: Sequence[Tensor], grants: Sequence[Tensor]) -> None:
        self._order = sorted(range(len(runs)), key=lambda i: -runs[i].shape[1])
        self._counts = [len(runs[i]) for i in self._order]
        self.z, self.grants = self.padded(runs), self.padded(grants)
        self.lengths = [runs[i].shape[1] for i in self._order for _ in runs[i]]
        counts = torch.tensor(self._counts, device=self.z.device)
        self.group = torch.arange(len(runs), device=self.z.device).repeat_interleave(counts) if len(runs) > 1 else None

    def padded(self, groups: Sequence[Tensor]) -> Tensor:
        """Something of each run, such as (B_i, L_i, D) for each group, as (B, L, D), followed by zeros."""
        return pad_sequence([one for i in self._order for one in groups[i]], batch_first=True)

    def groups(self, run: Tensor) -> Tensor | None:
        """The groups of some runs (n,); None where there is only one."""
        return None if self.group is None else self.group[run]

    def windows(self, window: int) -> Iterator[Windows]:
        """Their windows of `window` latents, then the shorter ones at their ends, of one length at a time."""
        found: dict[int, list[tuple[int, int]]] = {}
        for run, latents in enumerate(self.lengths):
            for number, length in enumerate(window_lengths(latents, window)):
                found.setdefault(length, []).append((run, number))
        for length in sorted(found, reverse=True):
            run, number = torch.tensor(found[length], device=self.z.device).t()
            at = number[:, None] * window + torch.arange(length, device=self.z.device)
            yield Windows(run, number, (run[:, None], at))

    def split(self, codes: Tensor) -> list[Tensor]:
        """Codes (B, stages, L) as (B_i, stages, L_i), in the order of the arguments."""
        parts, at = {}, 0
        for i, count in zip(self._order, self._counts, strict=True):
            parts[i] = codes[at : at + count, :, : self.lengths[at]]
            at += count
        return [parts[i] for i in range(len(parts))]
