"""Chunks are worked on side by side, in order, and each by one thread."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import torch

from swc import Codec
from swc.bitstream import Chunk, Stream
from swc.errors import ChecksumError
from swc.nn.threads import ahead as threads
from tests.tiny import tones

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def threads_of_torch(_: object = None) -> int:
    return torch.get_num_threads()


def test_results_come_in_order_from_threads_that_share_nothing() -> None:
    with threads(CPU) as ahead:
        assert list(ahead.map(lambda n: (n, threads_of_torch()), range(20))) == [(n, 1) for n in range(20)]


def test_the_caller_and_later_threads_keep_their_number() -> None:
    found = []
    with threads(CPU):
        thread = Thread(target=lambda: found.append(threads_of_torch()))
        thread.start()
        thread.join()
        assert (threads_of_torch(), found) == (3, [3])


@pytest.mark.parametrize(("items", "asked"), [(1, 4), (0, 1)])
def test_it_asks_ahead_only_where_nothing_is_to_come(items: int, asked: int) -> None:
    source = iter(range(100))
    with threads(CPU, items) as ahead:
        assert next(ahead.map(abs, source)) == 0
    assert next(source) == asked


def test_a_fault_comes_after_what_was_sound() -> None:
    def faulty() -> Iterator[int]:
        yield from (1, 2)
        raise ChecksumError("chunk 2", 0)

    got = list[int]()
    with threads(CPU) as ahead, pytest.raises(ChecksumError, match="chunk 2"):
        got.extend(ahead.map(abs, ahead.map(abs, faulty())))
    assert got == [1, 2]


def test_results_need_no_gradients() -> None:
    weight = torch.ones(1, requires_grad=True)
    with threads(CPU) as ahead:
        (result,) = ahead.map(lambda x: x * weight, [torch.ones(1)])
    assert not result.requires_grad


def test_decoding_keeps_no_chunk_that_it_has_passed(tiny_bundle: Path) -> None:
    codec = Codec.load(tiny_bundle)
    stream = codec.encode(tones(10.0, 16000), 16000)
    alive = weakref.WeakValueDictionary[int, Chunk]()

    class Watched(Chunk):
        """One that can be referred to weakly."""

    class Passing(Stream):
        def chunks_from(self, index: int) -> Iterator[Chunk]:
            for number, chunk in enumerate(super().chunks_from(index), index):
                alive[number] = copy = Watched(chunk.latents, chunk.windows, chunk.couplings)
                yield copy
                del copy

    most = 0
    for _ in codec.decode_blocks(Passing(stream.header, stream.chunks, stream.total_samples)):
        most = max(most, len(alive))
    assert most < len(stream.chunks) / 2, len(stream.chunks)
