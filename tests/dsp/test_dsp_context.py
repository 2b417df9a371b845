"""Cutting a signal into segments with context."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from swc.dsp.context import Context, segments


@given(
    total=st.integers(0, 60),
    step=st.integers(1, 20),
    context=st.builds(Context, st.integers(0, 15), st.integers(0, 15)),
    cut=st.integers(1, 30),
)
def test_segments_cover_the_signal_with_context_around_them(total: int, step: int, context: Context, cut: int) -> None:
    signal = torch.arange(total)[None]
    covered = []
    for part, before, length in segments(iter(signal.split(cut, 1)), step, context):
        start = len(covered)
        assert before == min(context.before, start)
        assert part[0].tolist() == list(range(start - before, min(total, start + length + context.after)))
        covered += part[0, before : before + length].tolist()
    assert covered == list(range(total))
