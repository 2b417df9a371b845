"""Every input is read to its real end, whatever its header states or a library estimates."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from containers import encoded, flac_with_count, mp3_without_header, noise, ogg_pages, wav_with_sizes

from swc.audio import AudioReader
from swc.errors import InputError

Pipe = Callable[[bytes], None]
Read = Callable[..., tuple[np.ndarray, AudioReader]]

FRAME = 1152  # samples of an MP3 frame
WAV = encoded(noise(5000), "WAV")
FLAC = encoded(noise(50000), "FLAC")


def voice(samples: int) -> np.ndarray:
    """Noise in bursts, of which frames of variable rate differ much."""
    level = np.repeat(np.random.default_rng(1).uniform(0, 1, samples // 5000 + 1) ** 4, 5000)[:samples, None]
    return np.float32(noise(samples) / 2**15 * level)


@pytest.fixture(params=["file", "pipe"])
def read(request: pytest.FixtureRequest, tmp_path: Path, pipe: Pipe) -> Read:
    """Reads bytes to the end, from a file or from standard input."""

    def from_bytes(data: bytes, salvage: bool = False) -> tuple[np.ndarray, AudioReader]:
        path = "-"
        if request.param == "file":
            path = str(tmp_path / "input")
            Path(path).write_bytes(data)
        else:
            pipe(data)
        with AudioReader(path, salvage=salvage) as reader:
            blocks = list(reader.blocks(3000))
        assert all(len(block) == 3000 for block in blocks[:-1])
        return np.concatenate([np.zeros((0, reader.channels), np.float32), *blocks]), reader

    return from_bytes


def decoded(data: bytes, folder: Path) -> np.ndarray:
    """By libsndfile, which is right about headers that are."""
    (folder / "whole").write_bytes(data)
    return sf.read(folder / "whole", dtype="float32", always_2d=True)[0]


@pytest.mark.parametrize("rate", [44100, 22050, 8000])
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_mp3_without_a_count(read: Read, rate: int, mode: str) -> None:
    sound = np.concatenate([voice(10 * rate // 4), np.zeros((5 * rate, 1), np.float32)])
    data = mp3_without_header(sound, rate, bitrate_mode=mode, compression_level=0.4)
    audio, reader = read(data)
    frame = FRAME if rate == 44100 else FRAME // 2
    assert len(audio) == reader.total_samples
    assert len(sound) < len(audio) <= len(sound) + 4 * frame
    assert len(audio) % frame == 0
    assert reader.notes == []


def test_mp3_keeps_its_exact_length_where_it_states_it(read: Read, tmp_path: Path) -> None:
    data = encoded(voice(60000), "MP3")
    for whole in (data, b"ID3\3\0\0\0\0\0\x0a" + bytes(10) + data + b"TAG" + bytes(125)):
        audio, reader = read(whole)
        assert len(audio) == reader.total_samples == 60000
        np.testing.assert_array_equal(audio, decoded(data, tmp_path))


def test_joined_mp3(read: Read, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    one, two = (encoded(voice(samples), "MP3") for samples in (60000, 44000))
    audio, reader = read(one + b"TAG" + bytes(125) + two)
    np.testing.assert_array_equal(audio, np.concatenate([decoded(one, tmp_path), decoded(two, tmp_path)]))
    assert reader.total_samples == 104000
    assert "holds 2 MP3 streams one after the other; all are read" in reader.notes[0]
    assert capfd.readouterr().err == ""


def test_mp3_that_goes_on_without_a_header(read: Read) -> None:
    audio, reader = read(encoded(voice(60000), "MP3") + mp3_without_header(voice(44000)))
    assert len(audio) == reader.total_samples
    assert 104000 <= len(audio) <= 104000 + 5 * FRAME
    assert "all are read" in reader.notes[0]


def test_mp3_with_rubbish_between_its_frames(read: Read) -> None:
    data = mp3_without_header(voice(60000))
    audio, reader = read(data[:208] + data[208:])
    whole = len(audio)
    middle = data.index(data[:2], len(data) // 2)
    audio, reader = read(data[:middle] + b"\0" * 3000 + data[middle:])
    assert abs(len(audio) - whole) <= 2 * FRAME
    assert "bytes outside of complete MP3 frames" in " ".join(reader.notes)


def test_streams_of_different_kinds_are_refused(read: Read) -> None:
    for container in ("MP3", "OGG", "FLAC", "WAV"):
        for other in (encoded(noise(9000), container, 22050), encoded(noise(9000, 2), container)):
            with pytest.raises(InputError, match=r"different kinds|another WAV file"):
                read(encoded(noise(9000), container) + other)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_chained_ogg(read: Read, tmp_path: Path, subtype: str) -> None:
    parts = [encoded(voice(samples), "OGG", 48000, subtype=subtype) for samples in (30000, 50000, 20000)]
    audio, reader = read(b"".join(parts))
    np.testing.assert_array_equal(audio, np.concatenate([decoded(part, tmp_path) for part in parts]))
    assert len(audio) == 100000
    assert reader.total_samples is None
    assert "holds 3 Ogg streams one after the other; all are read" in reader.notes[0]


def test_ogg_that_is_cut_off(read: Read) -> None:
    data = encoded(voice(400000), "OGG")
    pages = list(ogg_pages(data))
    with pytest.raises(InputError, match=r"in the middle of an Ogg page.*`salvage_input`"):
        read(data[: pages[-1][1] - 5])
    audio, reader = read(data[: pages[-1][1] - 5], salvage=True)
    assert 100000 < len(audio) < 400000
    assert "in the middle of an Ogg page" in reader.notes[0]
    audio, reader = read(data[: pages[-1][0]])
    assert "has no end marker" in reader.notes[0]


@pytest.mark.parametrize("stated", [0, 20000])
def test_flac_of_another_length(read: Read, tmp_path: Path, stated: int) -> None:
    audio, reader = read(flac_with_count(FLAC, stated))
    np.testing.assert_array_equal(audio, decoded(FLAC, tmp_path))
    assert reader.total_samples == 50000


def test_flac_with_something_ahead_of_it_or_after_it(read: Read, tmp_path: Path) -> None:
    for data in (b"ID3\3\0\0\0\0\0\x0a" + bytes(10) + FLAC, FLAC + b"TAG" + bytes(125), FLAC + b"rubbish" * 100):
        audio, reader = read(data)
        np.testing.assert_array_equal(audio, decoded(FLAC, tmp_path))
        assert reader.total_samples == 50000
        assert reader.notes == []
    with pytest.raises(InputError, match="fetch it again"):
        read(FLAC[:-1])
    for stated in (0, 50000):
        with pytest.raises(InputError, match="fetch it again"):
            read(flac_with_count(FLAC[:60], stated))


def test_flac_that_is_cut_off(read: Read, tmp_path: Path) -> None:
    half = FLAC[: len(FLAC) // 2]
    with pytest.raises(
        InputError, match=r"ends after \d+ of the 50000 samples that its header states.*`salvage_input`"
    ):
        read(half)
    with pytest.raises(InputError, match="in the middle of a FLAC frame"):
        read(flac_with_count(half, 0))
    for data in (half, flac_with_count(half, 0)):
        audio, reader = read(data, salvage=True)
        assert 20000 < len(audio) == reader.total_samples < 25000
        np.testing.assert_array_equal(audio, decoded(FLAC, tmp_path)[: len(audio)])
        assert len(reader.notes) == 1


def test_joined_flac(read: Read, tmp_path: Path) -> None:
    other = encoded(noise(30000, seed=1), "FLAC")
    audio, reader = read(FLAC + flac_with_count(other, 0))
    np.testing.assert_array_equal(audio, np.concatenate([decoded(FLAC, tmp_path), decoded(other, tmp_path)]))
    assert reader.total_samples == 80000


@pytest.mark.parametrize(
    ("riff", "size"), [(len(WAV) - 8, 0), (36, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFF024, 0x7FFFF000)]
)
def test_wav_that_does_not_know_its_length(read: Read, riff: int, size: int) -> None:
    audio, _ = read(wav_with_sizes(WAV, riff, size))
    np.testing.assert_array_equal(audio, noise(5000) / np.float32(2**15))


def test_wav_that_is_cut_off(read: Read) -> None:
    with pytest.raises(
        InputError, match=r"ends after 2000 of the 5000 samples that its header states.*`salvage_input`"
    ):
        read(WAV[: 44 + 4001])
    audio, reader = read(WAV[: 44 + 4001], salvage=True)
    np.testing.assert_array_equal(audio, noise(5000)[:2000] / np.float32(2**15))
    assert "ends after 2000 of the 5000 samples" in reader.notes[0]


def test_wav_longer_than_its_header_says(tmp_path: Path, pipe: Pipe) -> None:
    grown = wav_with_sizes(WAV, 36 + 4000, 4000)
    (tmp_path / "a.wav").write_bytes(grown)
    with AudioReader(tmp_path / "a.wav") as reader:
        assert reader.total_samples == sum(map(len, reader.blocks())) == 5000
    assert "holds 5000 samples, not 2000 as its header states" in reader.notes[0]
    pipe(grown)
    with AudioReader("-") as reader, pytest.raises(InputError, match="continues after the 2000 samples"):
        list(reader.blocks())
    pipe(grown)
    with AudioReader("-", salvage=True) as reader:
        assert reader.total_samples is None
        assert sum(map(len, reader.blocks())) == 5000


def test_joined_wav(tmp_path: Path, pipe: Pipe) -> None:
    other = encoded(noise(301, seed=1), "WAV", subtype="PCM_24")
    joined = WAV[:4] + struct.pack("<I", len(WAV) + 4) + WAV[8:] + b"LIST\4\0\0\0INFO" + other
    (tmp_path / "a.wav").write_bytes(joined)
    with AudioReader(tmp_path / "a.wav") as reader:
        audio = np.concatenate(list(reader.blocks()))
    np.testing.assert_array_equal(audio[:, 0], np.concatenate([noise(5000), noise(301, seed=1)])[:, 0] / 2**15)
    assert reader.total_samples is None
    assert "several WAV files" in reader.notes[0]
    pipe(joined)
    with AudioReader("-") as reader, pytest.raises(InputError, match="continues with another WAV file"):
        list(reader.blocks())
    pipe(joined)
    with AudioReader("-", salvage=True) as reader:
        assert sum(map(len, reader.blocks())) == 5301


@pytest.mark.parametrize("container", ["AIFF", "AU", "W64", "CAF", "RF64", "SVX"])
def test_other_formats_that_are_cut_off(read: Read, container: str) -> None:
    data = encoded(noise(9000), container)
    assert len(read(data)[0]) == 9000
    with pytest.raises(InputError, match=r"ends after \d+ of the \d+ (bytes|samples).*`salvage_input`"):
        read(data[: len(data) // 2])


def test_joined_files_that_cannot_be_read_are_refused(read: Read) -> None:
    one = encoded(noise(9001), "AIFF")
    with pytest.raises(InputError, match=r"continues with another file at byte \d+.*`salvage_input`"):
        read(one + one)
    audio, reader = read(one + one, salvage=True)
    assert len(audio) == 9001
    assert "continues with another file" in reader.notes[0]
    assert read(one)[1].notes == []


def test_sizes_beyond_any_file_are_input_errors(read: Read) -> None:
    """Found by fuzzing: their sum was no position that a file can be sought to."""
    huge = struct.pack(">Q", 2**62)
    boxes = b"\0\0\0\x14ftypqt  " + bytes(8) + b"\0\0\0\1free" + struct.pack(">Q", 2**63 - 8)
    for data in (boxes, boxes + huge, b"caff\0\1\0\0free" + struct.pack(">Q", 2**63 - 1) + bytes(99)):
        with pytest.raises(InputError, match="not audio that swc can read"):
            read(data)


def test_half_read_stream_is_let_go(tmp_path: Path) -> None:
    """The thread that feeds libsndfile ends with the reader, and so does the process."""
    (tmp_path / "a.mp3").write_bytes(mp3_without_header(voice(3000000)))
    script = (
        "import sys, threading\n"
        "from swc.audio import AudioReader\n"
        "with AudioReader(sys.argv[1]) as reader:\n"
        "    next(reader.blocks(100))\n"
        "assert threading.active_count() == 1\n"
        "next(AudioReader(sys.argv[1]).blocks(100))\n"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path / "a.mp3"], check=True, timeout=60)


def test_memory_stays_flat(tmp_path: Path) -> None:
    """Ten times as long takes no more memory."""
    script = (
        "import resource, sys\n"
        "from swc.audio import AudioReader\n"
        "for path in sys.argv[1:]:\n"
        "    with AudioReader(path) as reader:\n"
        "        samples = sum(map(len, reader.blocks()))\n"
        "    print(samples, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    piece = mp3_without_header(voice(400000))
    paths = [tmp_path / "short.mp3", tmp_path / "long.mp3"]
    paths[0].write_bytes(piece)
    paths[1].write_bytes(piece * 40)
    result = subprocess.run([sys.executable, "-c", script, *paths], check=True, capture_output=True, text=True)
    (few, before), (many, after) = (map(int, line.split()) for line in result.stdout.splitlines())
    assert many == 40 * few
    assert after - before < 20000  # KiB, of 60 MiB of sound
