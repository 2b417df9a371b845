"""What the encoder tells a rate control of each chunk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import tones

from swc.audio import CheckedBlocks
from swc.bitstream import StreamBuilder
from swc.codec.codec import Codec
from swc.codec.control import Uncoded
from swc.codec.encoder import StreamEncoder
from swc.codec.jobs import Job, run

RATE, CHUNK, WINDOW = 16000, 40 * 256, 20 * 256


class Heard:
    """A RateControl that takes notes, and gives the least sizes."""

    def __init__(self) -> None:
        self.chunks: list[Uncoded] = []
        self.packed: list[int] = []

    def grants(self, chunks: Sequence[Uncoded]) -> list[torch.Tensor]:
        self.chunks += chunks
        return [torch.zeros(chunk.rms.shape, dtype=torch.long) for chunk in chunks]

    def settle(self, packed: int) -> None:
        self.packed.append(packed)


def heard(codec: Codec, audio: np.ndarray, known: bool) -> Heard:
    header = codec.header(RATE, audio.shape[1], total_samples=len(audio) if known else None)
    control, blocks = Heard(), CheckedBlocks(np.array_split(audio, 9), audio.shape[1])
    encoder = StreamEncoder(codec.model, header, control, 0)
    run([Job(encoder, blocks, StreamBuilder().open(header), None, "")])
    return control


@pytest.fixture(scope="module")
def codec(tiny_bundle: Path) -> Codec:
    return Codec.load(tiny_bundle)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("samples", [CHUNK, 3 * CHUNK - 1, 3 * CHUNK, 3 * CHUNK + 1])
def test_the_last_chunk_is_known_as_such(codec: Codec, samples: int, known: bool) -> None:
    control = heard(codec, tones(4 * CHUNK / RATE, RATE)[:samples], known)
    count = -(-samples // CHUNK)
    assert [chunk.last for chunk in control.chunks] == [False] * (count - 1) + [True]
    assert [chunk.seconds for chunk in control.chunks[:-1]] == [n * CHUNK / RATE for n in range(1, count)]
    assert control.chunks[-1].seconds == samples / RATE
    assert len(control.packed) == count


def test_levels_are_those_of_windows_and_channels(codec: Codec) -> None:
    audio = np.full((CHUNK + WINDOW, 2), 0.1, np.float32)
    audio[:WINDOW, 1] = 0.0
    audio[CHUNK:, 0] = 0.001
    first, last = heard(codec, audio, True).chunks
    assert first.rms.numpy() == pytest.approx(np.array([[0.1, 0.1], [0.0, 0.1]]), abs=1e-6)
    assert last.rms.numpy() == pytest.approx(np.array([[0.001], [0.1]]), abs=1e-6)
