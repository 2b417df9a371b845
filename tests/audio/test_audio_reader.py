"""Reading: files of several formats, WAV on a pipe, and inputs that are no audio."""

from __future__ import annotations

import io
import os
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from swc.audio import AudioReader
from swc.errors import InputError

Pipe = Callable[[bytes], None]


def noise(samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-(2**15), 2**15, (samples, channels)).astype(np.int16)


def wav(pcm: np.ndarray, rate: int = 16000, subtype: str = "PCM_16", container: str = "WAV") -> bytes:
    buffer = io.BytesIO()
    sf.write(buffer, pcm, rate, subtype=subtype, format=container)
    return buffer.getvalue()


def with_lengths(data: bytes, riff: int, size: int) -> bytes:
    at = data.index(b"data")
    return data[:4] + struct.pack("<I", riff) + data[8 : at + 4] + struct.pack("<I", size) + data[at + 8 :]


def read_all(path: str | Path, block: int = 999) -> tuple[np.ndarray, AudioReader]:
    with AudioReader(path) as reader:
        blocks = list(reader.blocks(block))
    assert all(len(b) == block for b in blocks[:-1])
    assert all(b.dtype == np.float32 for b in blocks)
    return np.concatenate([np.zeros((0, reader.channels), np.float32), *blocks]), reader


@pytest.mark.parametrize("samples", [0, 1, 998, 999, 1000, 5000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_file_is_read_whole_in_blocks(tmp_path: Path, samples: int, channels: int) -> None:
    pcm = noise(samples, channels)
    sf.write(tmp_path / "a.wav", pcm, 22050)
    audio, reader = read_all(tmp_path / "a.wav")
    assert (reader.sample_rate, reader.channels, reader.total_samples) == (22050, channels, samples)
    np.testing.assert_array_equal(audio, pcm / np.float32(2**15))


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3", "a.aiff"])
def test_other_formats_have_exact_lengths(tmp_path: Path, name: str) -> None:
    sf.write(tmp_path / name, noise(30001) // 4, 44100)
    audio, reader = read_all(tmp_path / name)
    assert len(audio) == reader.total_samples == 30001


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
def test_wav_on_a_pipe_equals_the_file(tmp_path: Path, pipe: Pipe, subtype: str, container: str) -> None:
    data = wav(noise(5000, 2), subtype=subtype, container=container)
    (tmp_path / "a.wav").write_bytes(data)
    expected, _ = read_all(tmp_path / "a.wav")
    pipe(data)
    audio, reader = read_all("-")
    assert (reader.sample_rate, reader.channels, reader.total_samples) == (16000, 2, 5000)
    np.testing.assert_array_equal(audio, expected)


@pytest.mark.parametrize(("riff", "size"), [(2**32 - 1, 2**32 - 1), (0, 0), (36, 0), (0x7FFFF024, 0x7FFFF000)])
def test_wav_on_a_pipe_with_unknown_length(pipe: Pipe, riff: int, size: int) -> None:
    pcm = noise(5000, 2)
    pipe(with_lengths(wav(pcm), riff, size) + b"\1")  # an odd byte at the end is no sample
    audio, reader = read_all("-")
    assert reader.total_samples is None
    np.testing.assert_array_equal(audio, pcm / np.float32(2**15))


def test_file_whose_length_was_never_set(tmp_path: Path) -> None:
    pcm = noise(5000)
    (tmp_path / "a.wav").write_bytes(with_lengths(wav(pcm), 36, 0))
    audio, reader = read_all(tmp_path / "a.wav")
    assert reader.total_samples == 5000
    np.testing.assert_array_equal(audio, pcm / np.float32(2**15))


def test_chunk_behind_the_samples_is_not_sound(pipe: Pipe) -> None:
    for pcm in (noise(0), noise(100)):
        data = wav(pcm) + b"LIST\4\0\0\0abcd"
        pipe(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
        audio, reader = read_all("-")
        assert len(audio) == reader.total_samples == len(pcm)


def test_chunk_ahead_of_the_samples_is_skipped(pipe: Pipe) -> None:
    pcm = noise(100)
    data = wav(pcm)
    pipe(data[:12] + b"JUNK\3\0\0\0abc\0" + data[12:])
    np.testing.assert_array_equal(read_all("-")[0], pcm / np.float32(2**15))


@pytest.mark.parametrize("container", ["FLAC", "AIFF", "OGG"])
def test_other_formats_on_a_pipe(pipe: Pipe, container: str) -> None:
    buffer = io.BytesIO()
    sf.write(buffer, noise(3000) // 4, 44100, format=container)
    pipe(buffer.getvalue())
    audio, reader = read_all("-")
    assert len(audio) == reader.total_samples == 3000


def test_compressed_wav_on_a_pipe_is_left_to_libsndfile(pipe: Pipe) -> None:
    pipe(wav(noise(3000), subtype="ULAW"))
    assert len(read_all("-")[0]) == 3000


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_named_pipe(tmp_path: Path) -> None:
    pcm = noise(3000)
    os.mkfifo(tmp_path / "pipe")
    feeder = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(wav(pcm),))
    feeder.start()
    audio, _ = read_all(tmp_path / "pipe")
    feeder.join()
    np.testing.assert_array_equal(audio, pcm / np.float32(2**15))


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=80), head=st.sampled_from([b"", b"RIFF\x24\0\0\0WAVE", wav(noise(0))[:36]]))
def test_any_bytes_on_a_pipe_are_audio_or_an_input_error(data: bytes, head: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(head + data)))
        with suppress(InputError):
            read_all("-")


def test_pipe_that_ends_early_is_refused(pipe: Pipe) -> None:
    pipe(wav(noise(5000))[:-2])
    with pytest.raises(InputError, match="ends after 4999 of the 5000 samples"):
        read_all("-")


def test_flac_that_ends_early_is_refused(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.flac", noise(50000), 44100)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="damaged"):
        read_all(tmp_path / "a.flac")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.wav", b"", "is empty"),
        ("a.txt", b"1 1 0.0 0.0 0.0 1.0 -1\n" * 9, "ffmpeg -i IN out.wav"),
        ("a.raw", bytes(1000), "no header.*ffmpeg -i IN out.wav"),
        ("a.wav", b"PK\3\4" + bytes(100), "not audio that swc can read"),
        ("a.mp3", bytes(1000), "not audio that swc can read .Format not recognised"),
        ("a.swc", b"\x89SWC\r\n\x1a\n" + bytes(100), "swc decode"),
        ("a.wav", wav(noise(10, 9)), "9 channels, swc takes 1 to 8"),
        pytest.param("a.wav", wav(np.float32([[np.nan]]), subtype="FLOAT"), "NaN", id="nan"),  # it holds the time
    ],
)
def test_input_that_cannot_be_used(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        read_all(tmp_path / name)
    assert name in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        AudioReader(tmp_path / "none.wav")
    with pytest.raises(InputError, match="cannot be read"):
        AudioReader(tmp_path)


def test_reader_closes_its_files(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", noise(100), 8000)
    reader = AudioReader(tmp_path / "a.wav")
    reader.close()
    with pytest.raises(ValueError, match="closed file"):
        next(reader.blocks())
