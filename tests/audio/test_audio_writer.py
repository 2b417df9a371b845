"""Writing: exact samples, clipping, pipes, and no half files."""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from swc.audio import AudioReader, AudioWriter, Bits
from swc.audio.formats import SUFFIXES
from swc.bitstream import Tags
from swc.errors import InputError
from swc.files import replacing


def noise(samples: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, (samples, channels)).astype(np.float32)


def write(path: Path | str, audio: np.ndarray, bits: Bits = "16", total: int | None = None, tags: Tags = ()) -> None:
    with AudioWriter(path, 16000, audio.shape[1], bits=bits, total_samples=total, tags=tags) as writer:
        for start in range(0, len(audio), 777):
            writer.write(audio[start : start + 777])


@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize(
    ("name", "samples"),
    [
        ("a.wav", 0),
        ("a.wav", 1),
        ("a.wav", 5000),
        ("a.flac", 1),
        ("a.flac", 5000),
        ("a.aif", 0),
        ("a.WAV", 9),
    ],
)
def test_16_bit_is_lossless_for_16_bit_input(tmp_path: Path, name: str, samples: int, channels: int) -> None:
    audio = np.float32(np.rint(noise(samples, channels) * 2**15) / 2**15).clip(-1, 1 - 2**-15)
    write(tmp_path / name, audio)
    back, rate = sf.read(tmp_path / name, dtype="float32", always_2d=True)
    assert rate == 16000
    np.testing.assert_array_equal(back, audio)
    assert os.listdir(tmp_path) == [name]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-(2**15), 2**15 - 1), max_size=50))
def test_16_bit_values_survive_a_round_trip(values: list[int]) -> None:
    audio = np.array(values, np.float32).reshape(-1, 1) / np.float32(2**15)
    sink = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", io.TextIOWrapper(sink, write_through=True))
        write("-", audio, total=len(audio))
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(sink.getvalue())))
        with AudioReader("-") as reader:
            back = [value for block in reader.blocks() for value in block[:, 0]]
    assert back == audio[:, 0].tolist()


@pytest.mark.parametrize(("bits", "subtype"), [("16", "PCM_16"), ("24", "PCM_24"), ("float", "FLOAT")])
@pytest.mark.parametrize("total", [None, 2000])
@pytest.mark.parametrize("channels", [1, 3])
def test_pipe_equals_file(
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    bits: Bits,
    subtype: str,
    total: int | None,
    channels: int,
) -> None:
    audio = noise(2000, channels) * 2
    write(tmp_path / "a.wav", audio, bits)
    write("-", audio, bits, total)
    data = capfdbinary.readouterr().out
    at = data.index(b"data") + 4
    sizes = struct.unpack_from("<I", data, 4) + struct.unpack_from("<I", data, at)
    assert sizes == ((0xFFFFFFFF, 0xFFFFFFFF) if total is None else (len(data) - 8, len(data) - at - 4))
    with sf.SoundFile(io.BytesIO(data)) as piped, sf.SoundFile(tmp_path / "a.wav") as filed:
        assert piped.subtype == filed.subtype == subtype
        np.testing.assert_array_equal(piped.read(dtype="float64"), filed.read(dtype="float64"))


@pytest.mark.parametrize("bits", ["16", "24"])
@pytest.mark.parametrize("samples", [1, 2, 3, 2001])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "tags",
    [
        (),
        (("TITLE", "odd"), ("ARTIST", "even"), ("ALBUM", "\u00e9\u96ea\U0001f3b5"), ("TRACKNUMBER", "7")),
        (("LICENSE", "no name in WAV"),),
        (("X-OTHER", "no name in libsndfile"), ("COMMENT", ""), ("DATE", "2001")),
        (("ARTIST", "one"), ("TITLE", "t"), ("ARTIST", "two"), ("COMMENT", "nul\0inside")),
        (("COMMENT", "x" * 8192), ("COPYRIGHT", "y" * 4001), ("GENRE", "z")),
    ],
)
def test_pipe_equals_file_byte_for_byte(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], bits: Bits, samples: int, channels: int, tags: Tags
) -> None:
    audio = noise(samples, channels)
    write(tmp_path / "a.wav", audio, bits, samples, tags)
    write("-", audio, bits, samples, tags)
    assert capfdbinary.readouterr().out == (tmp_path / "a.wav").read_bytes()


def test_odd_data_is_padded(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write("-", noise(3), "24", total=3)
    data = capfdbinary.readouterr().out
    assert len(data) == 44 + 10
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    assert struct.unpack_from("<I", data, 40)[0] == 9


def test_wrong_announcement_is_noticed(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with pytest.raises(ValueError, match="announced 5 samples, wrote 4"):
        write("-", noise(4), total=5)


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
@pytest.mark.parametrize(("bits", "step"), [("16", 2**-15), ("24", 2**-23)])
def test_integers_are_clipped_and_rounded(tmp_path: Path, name: str, bits: Bits, step: float) -> None:
    audio = np.float32([[-3], [-1], [0.49 * step], [0.51 * step], [1], [3]])
    write(tmp_path / name, audio, bits)
    back, _ = sf.read(tmp_path / name)
    assert back.tolist() == [-1, -1, 0, step, 1 - step, 1 - step]


def test_level_and_clipped_samples_are_counted(tmp_path: Path) -> None:
    audio = np.float32([[-3, 1], [0.5, 1.5], [-1, 0]])
    counts: list[tuple[float, int]] = []
    for bits in ("16", "24", "float"):
        with AudioWriter(tmp_path / "a.wav", 16000, 2, bits=bits) as writer:
            writer.write(audio[:1])
            writer.write(audio[1:])
        counts.append((writer.peak, writer.clipped))
    assert counts == [(3, 2), (3, 2), (3, 0)]


def test_float_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", np.float32([[-3], [0.1], [3]]), "float")
    assert sf.read(tmp_path / "a.wav", dtype="float32")[0].tolist() == np.float32([-3, 0.1, 3]).tolist()


@pytest.mark.parametrize(("name", "subtype"), [("a.ogg", "VORBIS"), ("a.opus", "OPUS"), ("a.mp3", "MPEG_LAYER_III")])
def test_lossy_formats(tmp_path: Path, name: str, subtype: str) -> None:
    write(tmp_path / name, noise(70000) / 2)
    with sf.SoundFile(tmp_path / name) as file:
        assert (file.subtype, file.frames) == (subtype, 70000)


@pytest.mark.parametrize(
    ("name", "bits", "message"),
    [
        ("a.xyz", "16", "'.xyz' is not the suffix of an audio format"),
        ("a", "16", "'' is not the suffix of an audio format"),
        ("a.raw", "16", "'.raw' is not the suffix"),
        ("a.flac", "float", "FLAC cannot hold float bits"),
        ("a.ogg", "24", "OGG cannot hold 24 bits"),
        ("a.wav", "12", "choose one of 16, 24, float"),
        ("none/a.wav", "16", "does not exist"),
        ("b.wav", "16", "is a folder"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, name: str, bits: Bits, message: str) -> None:
    (tmp_path / "b.wav").mkdir()
    with pytest.raises(InputError, match=message):
        write(tmp_path / name, noise(10), bits)
    assert os.listdir(tmp_path) == ["b.wav"]


def test_rate_that_the_format_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a.mp3: MP3 cannot hold 96000 Hz; add `rate` 48000, or name"):
        AudioWriter(tmp_path / "a.mp3", 96000, 1)
    with pytest.raises(InputError, match=r"a.opus: Opus cannot hold 44100 Hz; add `rate` 48000, or name"):
        AudioWriter(tmp_path / "a.opus", 44100, 1)
    with pytest.raises(InputError, match=r"a.mp3: MP3 cannot hold 6 x 44100 Hz; name a .wav"):
        AudioWriter(tmp_path / "a.mp3", 44100, 6)
    for name, rate, channels in (("a.mp3", 44100, 6), ("a.opus", 44100, 1), ("a.mp3", 96000, 1), ("a.voc", 44100, 8)):
        with pytest.raises(InputError) as caught:
            AudioWriter(tmp_path / name, rate, channels)
        assert ".part" not in str(caught.value)
    with pytest.raises(InputError, match="0 samples"):
        write(tmp_path / "a.flac", noise(0))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_interrupted_write_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "a.wav").write_bytes(b"old")

    def interrupted() -> None:
        with AudioWriter(tmp_path / "a.wav", 16000, 1) as writer:
            writer.write(noise(5000))
            assert len(os.listdir(tmp_path)) == 2
            raise error

    with pytest.raises(error):
        interrupted()
    assert os.listdir(tmp_path) == ["a.wav"]
    assert (tmp_path / "a.wav").read_bytes() == b"old"


def test_file_is_whole_before_it_has_its_name(tmp_path: Path) -> None:
    with AudioWriter(tmp_path / "a.wav", 16000, 1) as writer:
        writer.write(noise(5000))
        assert not (tmp_path / "a.wav").exists()
    assert sf.info(tmp_path / "a.wav").frames == 5000


def test_block_of_another_shape(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="expected shape"),
        AudioWriter(tmp_path / "a.wav", 16000, 2) as writer,
    ):
        writer.write(noise(10, 1))


def test_replacing_writes_through_a_link_and_keeps_default_permissions(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("folder/real")
    with replacing(tmp_path / "link") as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "real").read_bytes() == b"new"
    (tmp_path / "plain").touch()
    assert stat.S_IMODE((tmp_path / "link").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.opus", "a.mp3", "a.raw"])
def test_last_samples_that_find_no_room_are_noticed(tmp_path: Path, name: str) -> None:
    """Encoders keep so few samples back until the file is closed, and libsndfile tells nobody of an error then."""
    script = (
        "import resource, sys\n"
        "import numpy as np\n"
        "from swc.audio import AudioWriter\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n"
        "with AudioWriter(sys.argv[1], 16000, 1, raw=sys.argv[1].endswith('raw')) as writer:\n"
        "    writer.write(np.random.default_rng(0).uniform(-1, 1, (3000, 1)).astype(np.float32))\n"
    )
    result = subprocess.run([sys.executable, "-c", script, tmp_path / name], capture_output=True, text=True)
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert "File too large" in last
    assert name in last
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="no /dev/null here")
def test_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to("/dev/null")
    write(tmp_path / "null", noise(10))
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert (tmp_path / "null").is_symlink()


@pytest.mark.parametrize("rate", [8000, 44100, 96000])
@pytest.mark.parametrize("suffix", [*SUFFIXES, ".sd2", ".xi", ".svx", ".sds", ".htk", ".mpc2k"])
def test_every_suffix_keeps_the_rate_or_names_one_that_it_can_hold(tmp_path: Path, suffix: str, rate: int) -> None:
    path, message = tmp_path / f"a{suffix}", ""

    def attempt() -> None:
        with AudioWriter(path, rate, 1) as writer:
            writer.write(noise(5000))

    try:
        attempt()
    except InputError as error:
        message = str(error)
    if message:
        assert message.startswith(f"{path}: ")
        assert ".part" not in message
        assert os.listdir(tmp_path) == []
        if suffix == ".sd2":
            return
        (rate,) = map(int, re.findall(r"add `rate` (\d+)", message))
        attempt()
    with sf.SoundFile(path) as file:
        assert (file.samplerate, file.frames) == (rate, 5000)
