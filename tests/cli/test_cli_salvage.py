"""swc decode --salvage, --start and --duration, on a minute of sound."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from cli_commands import CHUNK, RATE, chunk_ends
from typer.testing import CliRunner, Result

from swc.bitstream import Stream
from swc.cli import app

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def installed(models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SWC_MODELS", str(models))
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as small networks like it
    yield
    torch.set_num_threads(before)


@pytest.fixture
def data(minute: Stream) -> bytes:
    return minute.to_bytes()


def decoded(data: bytes, *args: str | Path, output: str = "-") -> Result:
    return CliRunner().invoke(app, ["decode", "-", output, *map(str, args)], input=data)


@pytest.fixture(scope="module")
def whole(minute: Stream, model: Path) -> np.ndarray:
    return np.frombuffer(decoded(minute.to_bytes(), "--raw", "--model", model).stdout_bytes, "<i2")


def damaged(data: bytes, *chunks: int) -> bytes:
    changed = bytearray(data)
    for chunk in chunks:
        changed[chunk_ends(data, 48)[chunk] + 20] ^= 4
    return bytes(changed)


def test_part_equals_the_whole(tmp_path: Path, data: bytes, whole: np.ndarray) -> None:
    for args, part in (
        (("--start", "30", "--duration", "2.5"), whole[30 * RATE : 30 * RATE + round(2.5 * RATE)]),
        (("--start", "0:55"), whole[55 * RATE :]),
        (("--duration", "0.001"), whole[:44]),
        (("--start", "59", "--duration", "10"), whole[59 * RATE :]),
    ):
        assert np.array_equal(np.frombuffer(decoded(data, "--raw", *args).stdout_bytes, "<i2"), part)
        assert decoded(data, *args, "-f", output=str(tmp_path / "a.wav")).exit_code == 0
        assert np.array_equal(sf.read(tmp_path / "a.wav", dtype="int16")[0], part)


def test_part_needs_no_more_than_its_surroundings(tmp_path: Path, data: bytes, whole: np.ndarray) -> None:
    (tmp_path / "a.swc").write_bytes(damaged(data, 0, 12))
    args = ["decode", str(tmp_path / "a.swc"), "-", "--raw", "--start", "20", "--duration", "1"]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0
    assert np.array_equal(np.frombuffer(result.stdout_bytes, "<i2"), whole[20 * RATE : 21 * RATE])


@pytest.mark.parametrize("known", [True, False])
def test_start_behind_the_end(tmp_path: Path, minute: Stream, known: bool) -> None:
    stream = minute[0:10] if known else minute
    result = decoded(stream.to_bytes(), "--start", "61", output=str(tmp_path / "a.wav"))
    assert result.exit_code == 1
    assert "the stream ends after" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_damage_is_refused_and_says_what_to_do(tmp_path: Path, data: bytes) -> None:
    result = decoded(damaged(data, 3), output=str(tmp_path / "a.wav"))
    assert result.exit_code == 3
    assert "CRC of chunk 3" in result.stderr
    assert "(byte " in result.stderr
    assert "--salvage" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_salvage_keeps_the_time_and_names_what_is_lost(tmp_path: Path, data: bytes, whole: np.ndarray) -> None:
    result = decoded(damaged(data, 3, 4, 9), "--salvage", output=str(tmp_path / "a.wav"))
    assert result.exit_code == 0
    step = CHUNK / RATE
    lines = result.stderr.splitlines()
    assert lines[1].startswith(f"  lost: {3 * step:.2f} s to {5 * step:.2f} s (")
    assert lines[2].startswith(f"  lost: {9 * step:.2f} s to {10 * step:.2f} s (")
    assert len(lines) == 3
    audio = sf.read(tmp_path / "a.wav", dtype="int16")[0]
    assert audio.shape == whole.shape
    equal = audio == whole
    assert equal[: 3 * CHUNK - RATE].all()
    assert equal[5 * CHUNK + 2 * RATE : 9 * CHUNK - RATE].all()
    assert equal[10 * CHUNK + 2 * RATE :].all()
    assert not audio[3 * CHUNK + RATE : 5 * CHUNK - RATE].any()


def test_salvage_as_json(data: bytes) -> None:
    result = decoded(damaged(data, 3)[:-30], "--salvage", "--json", "--raw")
    facts = json.loads(result.stderr)
    damage = facts["damage"]
    assert [loss["chunks"] for loss in damage["lost"]] == [1, 0]
    assert (damage["cut_off"], damage["end_mismatch"], damage["repaired_bit"]) == (True, False, None)
    assert facts["samples"] == len(result.stdout_bytes) // 2


def test_salvage_of_a_sound_stream_is_silent(data: bytes) -> None:
    result = decoded(data, "--salvage", "--raw", "-q")
    assert result.stderr == ""
    assert result.stdout_bytes == decoded(data, "--raw").stdout_bytes


def test_salvage_of_a_wrong_bit_in_the_header(data: bytes) -> None:
    changed = bytearray(data)
    changed[20] ^= 0x10
    assert decoded(bytes(changed), "--raw").exit_code == 3
    result = decoded(bytes(changed), "--salvage", "--raw")
    assert result.stdout_bytes == decoded(data, "--raw").stdout_bytes
    assert "corrected: bit 4 of byte 20" in result.stderr


def test_salvage_of_what_was_never_a_stream(tmp_path: Path) -> None:
    result = decoded(b"hello\n" * 100, "--salvage", output=str(tmp_path / "a.wav"))
    assert result.exit_code == 3
    assert "this is text" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("chunks", [0, 1, 5])
def test_an_encoder_that_was_killed_leaves_every_whole_chunk(data: bytes, whole: np.ndarray, chunks: int) -> None:
    ends = chunk_ends(data, 48)
    for cut in (ends[chunks], ends[chunks] + 9, ends[chunks + 1] - 1):
        result = decoded(data[:cut], "--salvage", "--raw")
        assert result.exit_code == 0
        audio = np.frombuffer(result.stdout_bytes, "<i2")
        assert len(audio) == chunks * CHUNK
        sure = max(0, len(audio) - RATE)
        assert np.array_equal(audio[:sure], whole[:sure])
        assert "cut off" in result.stderr or "end chunk is missing" in result.stderr
