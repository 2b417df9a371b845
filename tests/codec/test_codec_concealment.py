"""Lost chunks: made up of their neighbours, and faded."""

from __future__ import annotations

import torch

from swc.codec.concealment import Concealment

ONES = torch.ones(1, 10)


def latents(*values: float | None) -> list[torch.Tensor | None]:
    """Chunks of four equal latents; None where one is lost."""
    return [None if v is None else torch.full((1, 4, 1), v) for v in values]


def made_up(*values: float | None) -> list[list[float]]:
    chunks = Concealment(4, 2).extended(latents(*values), torch.zeros(1, 1, 1))
    return [chunk.flatten().tolist() for chunk in chunks]


def test_a_lost_chunk_is_half_what_came_before_and_half_what_follows() -> None:
    assert made_up(1, None, 3) == [[1] * 4, [1, 1, 3, 3], [3] * 4]
    assert made_up(None, 3) == [[0, 0, 3, 3], [3] * 4]
    assert made_up(1, None) == [[1] * 4, [1] * 4]
    assert made_up(1, None, None, 3) == [[1] * 4, [1] * 4, [1, 1, 3, 3], [3] * 4]
    assert made_up() == []


def faded(*values: float | None) -> list[torch.Tensor]:
    conceal = Concealment(4, 2)
    known = list(conceal.extended(latents(*values), torch.zeros(1, 1, 1)))
    return list(conceal.faded(ONES for _ in known))


def test_a_lost_chunk_fades_out_and_in_with_silence_between() -> None:
    before, lost, after = (block[0].tolist() for block in faded(1, None, 3))
    assert before == after == [1.0] * 10
    assert lost[0] == lost[-1] == 1.0
    assert lost[2:-2] == [0.0] * 6


def test_what_has_no_neighbour_does_not_fade() -> None:
    first, _, last = (block[0].tolist() for block in faded(None, 2, None))
    assert first[:8] == [0.0] * 8  # nothing came before it
    assert first[-1] == 1.0
    assert last[0] == 1.0
    assert last[2:] == [0.0] * 8
