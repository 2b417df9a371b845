"""Threads share the chunks that are searched at once, and the bytes are those of one thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import get_ident

import pytest
import torch
from tiny import tones

from swc import Codec, native
from swc.codec.search import PART, _shares
from swc.nn.quantizers.revq import Revq

RATE = 16000
CHUNK = 40 * 256  # samples of a chunk


@pytest.fixture(scope="module")
def codec(tiny_bundle: Path) -> Codec:
    return Codec.load(tiny_bundle)


@pytest.fixture(autouse=True)
def restored_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("effort", [0, 1])
def test_bytes_are_the_same_for_any_number_of_threads(codec: Codec, effort: int) -> None:
    recordings = [tones(0.5, RATE, 1), tones((9 * CHUNK + 77) / RATE, RATE, 2), tones(2.5 * CHUNK / RATE, RATE, 3)]
    found = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        singles = [codec.encode(x, RATE, 7.5, effort=effort) for x in recordings]
        assert codec.encode_batch(recordings, RATE, 7.5, effort=effort) == singles
        found.append(singles)
    assert found == [found[0]] * 3


@pytest.mark.parametrize("tensors", [True, False])
def test_each_thread_searches_parts_of_a_recording(
    codec: Codec, monkeypatch: pytest.MonkeyPatch, tensors: bool
) -> None:
    if not tensors and native.compiled() is None:
        pytest.skip("swc.native has not been compiled: python hatch_build.py")
    monkeypatch.setattr(native, "serves", lambda z: not tensors)
    seen: list[tuple[int, list[int]]] = []
    plain = Revq.choose

    def spy(self: Revq, runs: list[torch.Tensor], *rest: object) -> object:
        seen.append((get_ident(), [len(group) for group in runs]))
        assert torch.get_num_threads() == 1
        return plain(self, runs, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Revq, "choose", spy)
    torch.set_num_threads(2)
    codec.encode(tones(9 * CHUNK / RATE, RATE, 4), RATE, 7.5)
    assert sorted(groups for _, groups in seen) == ([[PART], [PART, 1]] if tensors else [[1]] * 9)
    assert get_ident() not in dict(seen)
    seen.clear()
    codec.encode(tones(0.3, RATE, 4), RATE, 7.5)
    assert seen == [(get_ident(), [1])]
    assert torch.get_num_threads() == 2


def test_shares_are_even() -> None:
    assert _shares([4, 4, 4, 2, 1], 2) == [[0, 2], [1, 3, 4]]
    assert _shares([1, 9, 4, 4], 3) == [[1], [2, 0], [3]]
    assert _shares([5], 4) == [[0]]
