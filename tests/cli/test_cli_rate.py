"""swc decode --rate: exact lengths, parts as in the whole, and formats that cannot hold every rate."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from cli_commands import pcm, piped
from typer.testing import CliRunner

from swc.audio import resample
from swc.bitstream import Stream
from swc.cli import app
from swc.codec.codec import Codec

pytestmark = pytest.mark.slow

SECONDS = 13.0  # four chunks


@pytest.fixture(scope="module", params=[44100, 22050])
def stream(request: pytest.FixtureRequest, model: Path) -> Stream:
    rate: int = request.param
    audio = np.frombuffer(pcm(SECONDS), "<i2")[:: 44100 // rate]
    return Codec.load(model).encode(np.stack([audio, audio // 2], 1), rate, effort=0)


@pytest.fixture
def swc_file(stream: Stream, tmp_path: Path) -> Path:
    stream.save(tmp_path / "a.swc")
    return tmp_path / "a.swc"


def decode(*args: str | Path, model: Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["decode", *map(str, args), "--model", str(model)])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.stderr


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 44101])
def test_length_is_exact_and_a_part_equals_the_whole(swc_file: Path, stream: Stream, model: Path, rate: int) -> None:
    folder, source_rate = swc_file.parent, stream.header.source_rate
    facts = json.loads(decode(swc_file, folder / "whole.wav", "--rate", str(rate), "--json", model=model))
    whole, written = sf.read(folder / "whole.wav")
    assert written == facts["sample_rate"] == rate
    assert len(whole) == facts["samples"] == round(stream.total_samples * rate / source_rate)
    decode(swc_file, folder / "own.wav", "--bits", "float", model=model)
    own, _ = sf.read(folder / "own.wav", dtype="float32")
    np.testing.assert_allclose(whole, resample(own, source_rate, rate)[: len(whole)].clip(-1, 1), atol=1e-3)
    for start, duration in ((0.0, 1.0), (3.21, 5.0), (12.5, 99.0)):
        options = ("--start", str(start), "--duration", str(duration), "--rate", str(rate))
        decode(swc_file, folder / "part.wav", *options, "-f", model=model)
        part, _ = sf.read(folder / "part.wav")
        np.testing.assert_array_equal(part, whole[round(start * rate) : round((start + duration) * rate)])


def test_its_own_rate_changes_nothing(swc_file: Path, stream: Stream, model: Path) -> None:
    decode(swc_file, swc_file.with_name("a.wav"), model=model)
    decode(swc_file, swc_file.with_name("b.wav"), "--rate", str(stream.header.source_rate), model=model)
    assert swc_file.with_name("a.wav").read_bytes() == swc_file.with_name("b.wav").read_bytes()


def test_a_pipe_states_the_length_at_that_rate(swc_file: Path, model: Path) -> None:
    decode(swc_file, swc_file.with_name("a.wav"), "--rate", "16000", model=model)
    done = piped(swc_file.read_bytes(), "decode", "-", "-", "--rate", "16000", "--model", model)
    assert done.stdout == swc_file.with_name("a.wav").read_bytes()


def test_a_stream_of_unstated_length(minute: Stream, model: Path) -> None:
    assert minute.header.total_samples is None
    raw = ("--raw", "--rate", "24000", "--start", "50", "--model", model)
    done = piped(minute.to_bytes(), "decode", "-", "-", *raw)
    assert len(done.stdout) == 2 * 10 * 24000
    done = piped(minute.to_bytes(), "decode", "-", "-", "--raw", "--rate", "24000", "--start", "60", "--model", model)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"ends after 60.00 s" in done.stderr


def test_salvage_keeps_its_place(swc_file: Path, stream: Stream, model: Path) -> None:
    damaged = bytearray(swc_file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    swc_file.write_bytes(damaged)
    decode(swc_file, swc_file.with_name("a.wav"), "--rate", "8000", "--salvage", model=model)
    assert sf.info(swc_file.with_name("a.wav")).frames == SECONDS * 8000


def test_what_is_past_the_end_leaves_nothing(swc_file: Path, model: Path) -> None:
    for extra in ((), ("--salvage",)):
        said = decode(swc_file, "-", "--rate", "8000", "--start", "13", *extra, model=model, code=1)
        assert "ends after 13.00 s" in said
    assert os.listdir(swc_file.parent) == ["a.swc"]


def test_no_audio_stays_none(tmp_path: Path, model: Path) -> None:
    Codec.load(model).encode(np.zeros(0, np.float32), 8000).save(tmp_path / "a.swc")
    decode(tmp_path / "a.swc", "--rate", "48000", model=model)
    assert sf.info(tmp_path / "a.wav").frames == 0


@pytest.mark.parametrize("suffix", [".opus", ".mp3", ".wve"])
def test_a_format_with_few_rates_says_which_one_to_ask_for(swc_file: Path, model: Path, suffix: str) -> None:
    target = swc_file.with_suffix(suffix)
    mono = swc_file.with_name("mono.swc")
    stream = Codec.load(model).encode(np.zeros(96000, np.float32), 96000, effort=0)
    stream.save(mono)
    said = decode(mono, target, model=model, code=1)
    assert said.startswith(f"swc: error: {target}: ")
    option, rate = said.split("; add ")[1].split(",")[0].split()
    assert option == "--rate"
    assert not target.exists()
    decode(mono, target, option, rate, model=model)
    assert sf.info(target).samplerate == int(rate)


@pytest.mark.parametrize("rate", ["0", "-1", "fast", "400000"])
def test_a_rate_that_is_not_one(swc_file: Path, model: Path, rate: str) -> None:
    said = decode(swc_file, "-", "--rate", rate, model=model, code=1 if rate == "400000" else 2)
    assert "rate" in said
