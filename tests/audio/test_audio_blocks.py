"""What is odd about audio on its way to the encoder."""

from __future__ import annotations

import re

import numpy as np
import pytest

from swc.audio import CheckedBlocks


def notes(*columns: np.ndarray) -> list[str]:
    blocks = CheckedBlocks(np.array_split(np.stack(columns, 1), 3), len(columns))
    for _ in blocks:
        pass
    return blocks.notes()


SOUND = np.sin(np.arange(9000) * 0.1).astype(np.float32) * 0.5


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((SOUND, SOUND * 5), r"reach 2\.50 times full scale \(\+8\.0 dB\)"),
        ((SOUND, SOUND * 0), "channel 2 of the input: digital silence"),
        ((SOUND * 0, SOUND, SOUND * 0), "channel 1 and 3 of the input"),
        ((SOUND * 0, SOUND * 0), "all channels of the input"),
        ((SOUND, SOUND - 0.2), r"channel 2 has a DC offset of -0\.2"),
    ],
)
def test_what_is_odd_is_said(columns: tuple[np.ndarray, ...], message: str) -> None:
    (note,) = notes(*columns)
    assert re.search(message, note)


def test_nothing_is_said_of_ordinary_audio() -> None:
    assert notes(SOUND, -SOUND) == []
    assert CheckedBlocks([], 2).notes() == []
