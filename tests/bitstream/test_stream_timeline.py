"""What a stream does over time: routing by moments, bits by windows."""

from __future__ import annotations

import numpy as np
import pytest

from swc.bitstream import CHUNK_OVERHEAD, END_SIZE, Chunk, Header, RevqLayout, Stream, Window, latents_for
from swc.bitstream.timeline import bits_by_window, routing_map, window_edges

EXPERTS = [(0,), (0, 2), (2,), (), (1, 2)]
WINDOW, HOP, RATE = 10, 100, 8000


@pytest.fixture
def stream() -> Stream:
    """Five windows in two chunks, the last of three latents; the second channel always chooses expert 3."""
    total = 43 * HOP
    header = Header(RATE, RATE, 2, HOP, 0, WINDOW, 3, RevqLayout(1, 4, 5), bytes(8), total)
    lengths = [10, 10, 10, 10, 3]

    def window(experts: tuple[int, ...], latents: int) -> Window:
        return Window(experts, np.zeros((1 + len(experts), latents), np.uint16))

    made = [(window(experts, n), window((3,), n)) for experts, n in zip(EXPERTS, lengths, strict=True)]
    assert latents_for(total, RATE, RATE, HOP) == sum(lengths)
    return Stream(header, (Chunk(30, tuple(made[:3])), Chunk(13, tuple(made[3:]))), total)


def test_a_column_a_window(stream: Stream) -> None:
    expected = [[0.5, 0.5, 0, 0, 0], [0, 0, 0, 0, 0.5], [0, 0.5, 0.5, 0, 0.5], [0.5] * 5]
    assert routing_map(stream, 5).tolist() == expected


def test_a_column_of_several_windows(stream: Stream) -> None:
    shares = routing_map(stream, 2)  # windows 0 to 2, and 3 to 4
    np.testing.assert_allclose(shares[:, 0], [2 / 6, 0, 2 / 6, 3 / 6])
    np.testing.assert_allclose(shares[:, 1], [0, 1 / 4, 1 / 4, 2 / 4])


def test_windows_lie_end_to_end(stream: Stream) -> None:
    np.testing.assert_allclose(window_edges(stream), np.array([0, 10, 20, 30, 40, 43]) * HOP / RATE)


def test_bits_of_windows_add_up_to_those_of_the_stream(stream: Stream) -> None:
    bits, breakdown = bits_by_window(stream), stream.breakdown()
    assert list(bits) == ["framing", "masks", "codes", "padding"]
    assert {len(numbers) for numbers in bits.values()} == {5}
    for kind in ("masks", "codes", "padding"):
        assert bits[kind].sum() == pytest.approx(breakdown[kind])
    assert bits["framing"].sum() == pytest.approx(breakdown["framing"] - 8 * END_SIZE) == 2 * 8 * CHUNK_OVERHEAD
    assert bits["codes"].tolist() == [200, 250, 200, 150, 75]
    assert bits["framing"][4] == pytest.approx(8 * CHUNK_OVERHEAD * 3 / 13)


def test_no_audio(stream: Stream) -> None:
    empty = Stream(stream.header, (), 0)
    assert window_edges(empty).tolist() == [0]
    assert {len(numbers) for numbers in bits_by_window(empty).values()} == {0}
