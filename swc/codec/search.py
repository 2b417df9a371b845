"""The search for codes of several chunks at once, which threads share.

Chunks are independent, so threads take them in turn, in two steps each. With tensors a thread works on several at once;
how a few rows of a matrix product round can depend on how many there are, so a recording's chunks are divided the same
way for any number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from swc import native
from swc.codec.encoder import Request
from swc.nn.model import CodecModel

PART = 4  # chunks of a recording that stay together with tensors: several take less time than one after the other


def search(model: CodecModel, groups: Sequence[Sequence[Request]], window: int, effort: int) -> list[NDArray[np.int64]]:
    """Codes (chunks, channels, stages, L) of groups of chunks of equally many latents."""
    cpu = model.device.type == "cpu"
    in_turn = native.serves(groups[0][0].z)
    size = 1 if in_turn else PART if cpu else max(map(len, groups))
    parts = [group[at : at + size] for group in groups for at in range(0, len(group), size)]
    costs = [len(part) * part[0].z[..., 0].numel() for part in parts]
    shares = _shares(costs, len(parts) if in_turn else torch.get_num_threads() if cpu else 1)
    codes: dict[int, NDArray[np.int64]] = {}
    with model.ahead(int(len(shares) > 1)) as ahead:
        chosen = ahead.map(partial(_chosen, model, window, effort), ([parts[i] for i in share] for share in shares))
        found = ahead.map(partial(_codes, model, window, effort), chosen)
        for share, results in zip(shares, found, strict=True):
            codes.update(zip(share, results, strict=True))
    rest = iter(codes[i] for i in range(len(parts)))
    return [np.concatenate([next(rest) for _ in range(0, len(group), size)]) for group in groups]


def _shares(costs: Sequence[int], count: int) -> list[list[int]]:
    """The indices of parts in so many shares, at most, of about as much work each; the longest part comes first."""
    shares: list[list[int]] = [[] for _ in range(min(count, len(costs)))]
    for i in sorted(range(len(costs)), key=lambda i: -costs[i]):
        min(shares, key=lambda share: sum(costs[j] for j in share)).append(i)
    return shares


@torch.inference_mode()
def _chosen(model: CodecModel, window: int, effort: int, groups: Sequence[Sequence[Request]]) -> tuple[list[int], Any]:
    """How many chunks each group has, and what the quantizer chooses for them."""
    runs, grants = ([torch.cat([getattr(r, of) for r in group]) for group in groups] for of in ("z", "grants"))
    return list(map(len, groups)), model.quantizer.choose(runs, grants, window, effort)


@torch.inference_mode()
def _codes(model: CodecModel, window: int, effort: int, chosen: tuple[list[int], Any]) -> list[NDArray[np.int64]]:
    """Codes of each group of chunks."""
    counts, choice = chosen
    codes = model.quantizer.code(choice, window, effort)
    return [found.reshape(n, -1, *found.shape[1:]).cpu().numpy() for n, found in zip(counts, codes, strict=True)]
