"""PCM without a header, in and out."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from swc.audio import AudioReader, AudioWriter, Bits, RawFormat
from swc.errors import InputError

Pipe = Callable[[bytes], None]

WIDTHS: dict[Bits, int] = {"16": 2, "24": 3, "float": 4}


def sound(samples: int, channels: int) -> np.ndarray:
    steps = np.random.default_rng(0).integers(-(2**15), 2**15, (samples, channels))
    return np.float32(steps / 2**15)


def write(path: Path | str, audio: np.ndarray, bits: Bits) -> None:
    with AudioWriter(path, 16000, audio.shape[1], bits=bits, tags=[("TITLE", "nowhere to go")], raw=True) as writer:
        writer.write(audio)


def read(path: Path | str, bits: Bits, channels: int) -> tuple[np.ndarray, int | None]:
    with AudioReader(path, RawFormat(bits, 16000, channels)) as reader:
        return np.concatenate([np.zeros((0, channels), np.float32), *reader.blocks()]), reader.total_samples


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_there_and_back(tmp_path: Path, pipe: Pipe, bits: Bits, channels: int) -> None:
    audio = sound(5000, channels)
    write(tmp_path / "a.flac", audio, bits)  # the suffix does not matter
    data = (tmp_path / "a.flac").read_bytes()
    assert len(data) == 5000 * channels * WIDTHS[bits]
    back, total = read(tmp_path / "a.flac", bits, channels)
    np.testing.assert_array_equal(back, audio)
    assert total == 5000
    pipe(data)
    back, total = read("-", bits, channels)
    np.testing.assert_array_equal(back, audio)
    assert total is None
    assert os.listdir(tmp_path) == ["a.flac"]


def test_bytes_are_little_endian_and_interleaved(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    audio = np.float32([[1 / 2**15, -1], [0.5, 2]])
    write("-", audio, "16")
    assert capfdbinary.readouterr().out == b"\x01\x00\x00\x80\x00\x40\xff\x7f"
    write("-", audio, "24")
    assert capfdbinary.readouterr().out == b"\x00\x01\x00\x00\x00\x80\x00\x00\x40\xff\xff\x7f"
    write("-", audio, "float")
    assert capfdbinary.readouterr().out == audio.astype("<f4").tobytes()


def test_part_of_a_sample_at_the_end(tmp_path: Path, pipe: Pipe) -> None:
    (tmp_path / "a").write_bytes(bytes(4 * 100 + 3))
    with pytest.raises(InputError, match=r"403 bytes are not a whole number of samples of 4 bytes .*`channels`"):
        read(tmp_path / "a", "16", 2)
    pipe(bytes(4 * 100 + 3))
    assert len(read("-", "16", 2)[0]) == 100


def test_input_that_cannot_be_used(tmp_path: Path, pipe: Pipe) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(InputError, match="is empty"):
        read(tmp_path / "a", "16", 2)
    pipe(b"")
    with pytest.raises(InputError, match="standard input is empty"):
        read("-", "16", 2)
    pipe(np.float32([0, np.inf]).tobytes())
    with pytest.raises(InputError, match="infinite samples"):
        read("-", "float", 1)
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "none", "16", 2)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_named_pipe(tmp_path: Path) -> None:
    audio = sound(3000, 1)
    os.mkfifo(tmp_path / "pipe")
    feeder = threading.Thread(target=write, args=(tmp_path / "pipe", audio, "16"))
    feeder.start()
    back, total = read(tmp_path / "pipe", "16", 1)
    feeder.join()
    np.testing.assert_array_equal(back, audio)
    assert total is None


def test_blocks_of_a_pipe_are_short(pipe: Pipe) -> None:
    pipe(bytes(2 * 16000))
    with AudioReader("-", RawFormat("16", 16000, 1)) as reader:
        assert [len(block) for block in reader.blocks()] == [4000] * 4
