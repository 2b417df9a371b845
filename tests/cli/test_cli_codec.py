"""swc encode, decode and models: what lies on the disk and in the pipes afterwards.

The codec is a small one with random weights.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest
import soundfile as sf
import torch
from cli_commands import piped
from cli_forks import Forked
from typer.testing import CliRunner, Result

from swc.bitstream import Stream
from swc.cli import app

pytestmark = pytest.mark.slow

RATE, SAMPLES = 48000, 31001


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks are fastest on one thread, above all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def installed(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWC_MODELS", str(models))


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    time_axis = np.arange(SAMPLES) / RATE
    audio = 0.3 * np.sin(2 * np.pi * np.outer(time_axis, [440, 660]))
    sf.write(tmp_path / "a.wav", audio, RATE, subtype="PCM_16")
    return tmp_path / "a.wav"


@pytest.fixture
def swc_file(wav: Path, runner: CliRunner) -> Path:
    run(runner, "encode", wav, "-q")
    wav.unlink()
    return wav.with_suffix(".swc")


def run(runner: CliRunner, *args: str | Path, code: int = 0) -> Result:
    result = runner.invoke(app, [str(arg) for arg in args])
    assert result.exit_code == code, result.stderr
    return result


def test_there_and_back(tmp_path: Path, runner: CliRunner, wav: Path) -> None:
    result = run(runner, "encode", wav)
    stream = Stream.load(tmp_path / "a.swc")
    assert (stream.header.source_rate, stream.header.channels, stream.total_samples) == (RATE, 2, SAMPLES)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert f"{stream.kbps:.2f} kbit/s" in result.stderr
    wav.unlink()
    result = run(runner, "decode", tmp_path / "a.swc")
    info = sf.info(tmp_path / "a.wav")
    assert (info.samplerate, info.channels, info.frames, info.subtype) == (RATE, 2, SAMPLES, "PCM_16")
    assert result.stderr.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["a.swc", "a.wav"]


@pytest.mark.parametrize("samples", [0, 1])
def test_hardly_any_audio(tmp_path: Path, runner: CliRunner, samples: int) -> None:
    sf.write(tmp_path / "a.wav", np.zeros(samples), RATE)
    run(runner, "encode", tmp_path / "a.wav")
    run(runner, "decode", tmp_path / "a.swc", tmp_path / "b.wav")
    assert sf.info(tmp_path / "b.wav").frames == samples


def test_json_summaries(tmp_path: Path, runner: CliRunner, wav: Path) -> None:
    facts = json.loads(run(runner, "encode", wav, "--json", "--kbps", "8").stdout)
    stream = Stream.load(tmp_path / "a.swc")
    assert facts["bytes"] == (tmp_path / "a.swc").stat().st_size
    assert facts["kbps"] == pytest.approx(stream.kbps)
    assert (facts["samples"], facts["sample_rate"], facts["channels"]) == (SAMPLES, RATE, 2)
    assert facts["pcm_ratio"] == pytest.approx(SAMPLES * 4 / facts["bytes"])
    facts = json.loads(run(runner, "decode", tmp_path / "a.swc", tmp_path / "b.flac", "--json").stdout)
    assert (facts["samples"], facts["output"]) == (SAMPLES, str(tmp_path / "b.flac"))


def test_a_quality_in_place_of_a_rate(tmp_path: Path, runner: CliRunner, wav: Path) -> None:
    low, high = (
        json.loads(run(runner, "encode", wav, tmp_path / f"{q}.swc", "--quality", q, "--json").stdout)
        for q in ("0", "10")
    )
    assert (low["quality"], low["kbps_asked"], high["quality"]) == (0, None, 10)
    assert low["bytes"] < high["bytes"] == (tmp_path / "10.swc").stat().st_size
    facts = json.loads(run(runner, "encode", wav, "--json").stdout)
    assert (facts["quality"], facts["kbps_asked"]) == (None, 2.67)


@pytest.mark.parametrize("options", [("--kbps", "2.67", "--quality", "5"), ("--quality", "10.5"), ("--quality", "-1")])
def test_qualities_that_cannot_be(runner: CliRunner, wav: Path, options: tuple[str, ...]) -> None:
    result = run(runner, "encode", wav, *options, code=2)
    assert "--quality" in result.stderr
    assert sorted(os.listdir(wav.parent)) == ["a.wav"]


def test_quiet_says_nothing(tmp_path: Path, runner: CliRunner, wav: Path) -> None:
    for result in (
        run(runner, "encode", wav, "-q"),
        run(runner, "decode", tmp_path / "a.swc", wav, "-q", "--force"),
    ):
        assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.parametrize(("bits", "subtype"), [("24", "PCM_24"), ("float", "FLOAT")])
def test_depth_of_the_output(swc_file: Path, runner: CliRunner, bits: str, subtype: str) -> None:
    run(runner, "decode", swc_file, "--bits", bits)
    assert sf.info(swc_file.with_suffix(".wav")).subtype == subtype


def test_pipes_give_what_files_give(swc_file: Path, runner: CliRunner, tmp_path: Path, models: Path) -> None:
    run(runner, "decode", swc_file, tmp_path / "b.wav")
    decoded = piped(swc_file.read_bytes(), "decode", "-", "-", "--json", "--model", models / "swc-44k")
    assert decoded.returncode == 0
    assert json.loads(decoded.stderr)["output"] == "-"
    (tmp_path / "piped.wav").write_bytes(decoded.stdout)
    np.testing.assert_array_equal(sf.read(tmp_path / "piped.wav")[0], sf.read(tmp_path / "b.wav")[0])
    run(runner, "encode", tmp_path / "b.wav", tmp_path / "b.swc")
    encoded = piped((tmp_path / "b.wav").read_bytes(), "encode", "-", "-q", "--model", models / "swc-44k")
    assert encoded.stderr == b""
    assert encoded.stdout == (tmp_path / "b.swc").read_bytes()


def test_force_overwrites(tmp_path: Path, runner: CliRunner, wav: Path) -> None:
    run(runner, "encode", wav, "--effort", "0", "--kbps", "8")
    old = Stream.load(tmp_path / "a.swc")
    result = run(runner, "encode", wav, code=1)
    assert "add --force" in result.stderr
    assert Stream.load(tmp_path / "a.swc") == old
    run(runner, "encode", wav, "--force")
    new = Stream.load(tmp_path / "a.swc")
    assert new.total_samples == SAMPLES
    assert new != old


def test_streams_of_one_gain_can_be_joined(tmp_path: Path, runner: CliRunner) -> None:
    chunk = 172 * 1024
    for name, level in (("loud", 0.5), ("quiet", 0.01)):
        sf.write(tmp_path / f"{name}.wav", level * np.sin(np.arange(chunk) * 0.05), 44100)
        run(runner, "encode", tmp_path / f"{name}.wav", "--effort", "0")
    names = [tmp_path / f"{name}.swc" for name in ("loud", "quiet", "both")]
    result = run(runner, "cat", *names, code=1)
    gain = result.stderr.split()[-2:]
    assert gain[0] == "--gain"
    run(runner, "encode", tmp_path / "quiet.wav", "--effort", "0", "-f", *gain)
    run(runner, "cat", *names)
    both = Stream.load(names[2])
    assert both.total_samples == 2 * chunk
    assert f"{both.header.gain_db:.3f}" == gain[1]
    assert "--gain" in run(runner, "encode", tmp_path / "quiet.wav", "-f", "--gain", "1000", code=1).stderr


def test_an_input_that_is_cut_off_needs_a_word(tmp_path: Path, runner: CliRunner, wav: Path) -> None:
    wav.write_bytes(wav.read_bytes()[:-40000])
    assert "--salvage-input" in run(runner, "encode", wav, code=1).stderr
    assert os.listdir(tmp_path) == ["a.wav"]
    result = run(runner, "encode", wav, "--salvage-input")
    assert result.stderr.startswith(f"{wav} ends after 21001 of the 31001 samples")
    assert Stream.load(tmp_path / "a.swc").total_samples == 21001
    result = run(runner, "encode", wav, "--salvage-input", "--json", "-f", "-q")
    assert result.stderr == ""
    assert len(json.loads(result.stdout)["notes"]) == 1


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_damaged_stream_leaves_the_old_output(swc_file: Path, runner: CliRunner, damage: str) -> None:
    data = bytearray(swc_file.read_bytes())
    if damage == "cut":
        del data[-5:]
    else:
        data[len(data) // 2] ^= 16
    swc_file.write_bytes(data)
    old = swc_file.with_suffix(".wav")
    old.write_bytes(b"old")
    result = run(runner, "decode", swc_file, old, "--force", code=3)
    assert result.stderr.count("\n") == 1
    assert old.read_bytes() == b"old"
    assert sorted(os.listdir(swc_file.parent)) == ["a.swc", "a.wav"]


def test_input_that_breaks_off_leaves_nothing(tmp_path: Path, runner: CliRunner) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, RATE)
    sf.write(tmp_path / "a.flac", noise, RATE)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: len(data) // 2])
    result = run(runner, "encode", tmp_path / "a.flac", code=1)
    assert "damaged" in result.stderr
    assert os.listdir(tmp_path) == ["a.flac"]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
def test_interrupted_encoder_leaves_nothing(tmp_path: Path, wav: Path, models: Path, number: signal.Signals) -> None:
    command = ("encode", "-", tmp_path / "out.swc", "--model", models / "swc-44k")
    with Forked(*command, stdin=PIPE, stderr=PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(wav.read_bytes()[:60000])
        process.stdin.flush()
        while len(os.listdir(tmp_path)) < 2 and process.poll() is None:  # until the temporary file is there
            time.sleep(0.05)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert b"Traceback" not in stderr
    assert os.listdir(tmp_path) == ["a.wav"]


def test_stream_of_an_unknown_model(swc_file: Path, runner: CliRunner) -> None:
    from dataclasses import replace

    stream = Stream.load(swc_file)
    foreign = replace(stream, header=replace(stream.header, fingerprint=bytes(8)))
    swc_file.write_bytes(foreign.to_bytes())
    for extra in ([], ["--model", "swc-44k"]):
        result = run(runner, "decode", swc_file, *extra, code=1)
        assert result.stderr.count("\n") == 1
        assert "0000000000000000" in result.stderr or "fingerprint" in result.stderr
    assert os.listdir(swc_file.parent) == ["a.swc"]


@pytest.mark.parametrize("option", [["--model", "none-such"], ["--device", "none-such"]])
def test_model_or_device_that_is_not_there(tmp_path: Path, runner: CliRunner, wav: Path, option: list[str]) -> None:
    result = run(runner, "encode", wav, *option, code=1)
    assert "none-such" in result.stderr
    assert "unexpected" not in result.stderr
    assert result.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == ["a.wav"]


def test_models(runner: CliRunner) -> None:
    facts = {row["name"]: row for row in json.loads(run(runner, "models", "--json").stdout)}
    model = facts["swc-44k"]
    assert (model["sample_rate"], model["n_routed"]) == (44100, 17)
    assert model["kbps"] == pytest.approx([0.4477, 7.769], rel=1e-3)
    assert model["parameters"] > 18 * 1024 * 8
    assert model["bytes"] > 2 * model["parameters"]
    assert model["latency_seconds"] == 30.0  # the level is decided on so many seconds
    text = run(runner, "models").stdout
    assert "swc-44k" in text
    assert model["fingerprint"] in text
    assert f"{model['latency_seconds']:.2f} s" in text
    assert (model["macs"], model["speed"]) == (None, None)
    assert "multiply-accumulates" not in text


def test_models_tell_what_was_measured(
    tmp_path: Path, models: Path, runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = shutil.copytree(models / "swc-44k", tmp_path / "swc-44k")
    measured = {"macs": {"encode": 4.2e8, "decode": 5e8}, "speed": {"encode": 7, "decode": 32}, "processor": "Abacus 2"}
    (bundle / "measured.json").write_text(json.dumps(measured))
    monkeypatch.setenv("SWC_MODELS", str(tmp_path))
    assert measured.items() <= json.loads(run(runner, "models", "--json").stdout)[0].items()
    text = run(runner, "models").stdout
    assert "0.42 + 0.50 G multiply-accumulates a second of audio, encoder + decoder" in text
    assert "7.0 x real time encoding, 32.0 decoding, on a core of Abacus 2" in text


def test_an_implausible_level_names_the_file(tmp_path: Path, runner: CliRunner) -> None:
    sf.write(tmp_path / "loud.wav", np.full(RATE, 20000.0), RATE, subtype="FLOAT")
    result = run(runner, "encode", tmp_path / "loud.wav", code=1)
    assert f"{tmp_path / 'loud.wav'} reaches 20000 times full scale" in result.stderr
    assert not (tmp_path / "loud.swc").exists()
