"""A stream drawn on one page: what is measured while its blocks pass by, and the files that come out."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from swc.bitstream import Chunk, Header, RevqLayout, Stream, Window, latents_for, window_lengths
from swc.errors import InputError
from swc.evaluation import overview
from swc.evaluation.overview import stream_overview

HOP, WINDOW, CHUNK = 1024, 43, 172


def make_stream(seconds: float, rate: int = 44100, channels: int = 1, routed: int = 17) -> Stream:
    total = round(seconds * rate)
    header = Header(44100, rate, channels, HOP, 0, WINDOW, 4, RevqLayout(1, routed, 10), bytes(8), total)
    latents, chunks, number = latents_for(total, rate, 44100, HOP), [], 0
    while latents:
        size = min(CHUNK, latents)
        windows = []
        for length in window_lengths(size, WINDOW):
            experts = (number % routed,) if routed else ()
            windows.append((Window(experts, np.zeros((1 + len(experts), length), np.uint16)),) * channels)
            number += 1
        chunks.append(Chunk(size, tuple(windows)))
        latents -= size
    return Stream(header, tuple(chunks), total)


def sweep(stream: Stream, block: int = 60000) -> Iterator[np.ndarray]:
    """A tone that rises from nothing to 4 kHz, in all channels, with 1 s of silence at the end."""
    rate, channels = stream.header.source_rate, stream.header.channels
    for start in range(0, stream.total_samples, block):
        t = np.arange(start, min(start + block, stream.total_samples)) / rate
        tone = 0.5 * np.sin(np.pi * 4000 / stream.duration * t**2) * (t < stream.duration - 1)
        yield np.repeat(tone[:, None], channels, 1).astype(np.float32)


def png_size(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def taken(stream: Stream, block: int = 60000) -> overview._Sound:
    sound = overview._Sound(stream)
    for samples in sweep(stream, block):
        sound.add(samples)
    return sound


@pytest.mark.parametrize("seconds", [4.0, 100.0])
def test_loudness_and_pitch_are_where_they_belong(seconds: float) -> None:
    sound = taken(make_stream(seconds, 16000))
    power = sound.power
    moments = len(power)
    assert moments <= 1200
    for place in (0.25, 0.5, 0.7):
        hertz = power[round(place * moments)].argmax() * 8000 / (power.shape[1] - 1)
        assert hertz == pytest.approx(4000 * place, abs=60)
    assert power[int((1 - 0.4 / seconds) * moments) :].max() < 1e-9
    middle = slice(len(sound.high) // 4, len(sound.high) // 2)
    assert sound.high[middle].mean() == pytest.approx(0.5, abs=0.05)
    assert sound.low[middle].mean() == pytest.approx(-0.5, abs=0.05)
    assert np.abs(sound.high[-2:]).max() == 0


@pytest.mark.parametrize("samples", [1, 7, 5000, 60001])
def test_blocks_do_not_matter(samples: int) -> None:
    stream = make_stream(samples / 8000, 8000, channels=2)
    whole, pieces = taken(stream), taken(stream, 333)
    np.testing.assert_array_equal(whole.low, pieces.low)
    np.testing.assert_array_equal(whole.high, pieces.high)
    np.testing.assert_allclose(whole.power, pieces.power, atol=1e-12)
    assert np.isfinite(whole.high).all()


def test_channels_that_cancel_each_other_are_heard() -> None:
    stream = make_stream(2.0, 8000, channels=2)
    sound = overview._Sound(stream)
    for block in sweep(stream):
        sound.add(block * np.float32([0.5, -1]))
    mono = taken(make_stream(2.0, 8000)).power
    np.testing.assert_allclose(sound.power, mono * (0.25 + 1) / 2, atol=1e-9)


@pytest.mark.parametrize(("seconds", "channels", "routed"), [(3.0, 1, 17), (3.0, 2, 17), (0.0001, 8, 3), (3.0, 1, 0)])
def test_pages(tmp_path: Path, seconds: float, channels: int, routed: int) -> None:
    stream = make_stream(seconds, channels=channels, routed=routed)
    done: list[int] = []
    stream_overview(tmp_path / "a.png", stream, sweep(stream), "a $name$ of \udcff", done.append)
    width, height = png_size(tmp_path / "a.png")
    assert width > 1000
    assert (height < 1200) == (routed == 0)  # one panel less
    assert done[-1] == stream.total_samples
    assert "matplotlib.pyplot" not in sys.modules
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_long_one_takes_no_more_memory(tmp_path: Path) -> None:
    stream = make_stream(600.0, 8000)
    stream_overview(tmp_path / "warm.png", make_stream(3.0), sweep(make_stream(3.0)), "")
    tracemalloc.start()
    sound = taken(stream)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(sound.power) == len(sound.low) == 1200
    assert peak < 4 * stream.total_samples  # less than the samples alone would take


def test_nothing_to_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="without audio"):
        stream_overview(tmp_path / "a.png", make_stream(0.0), [], "")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match=r"swc-codec\[eval\]"):
        stream_overview(tmp_path / "a.png", make_stream(1.0), sweep(make_stream(1.0)), "")
    assert list(tmp_path.iterdir()) == []
