"""swc encode --live and decode --live: in pipes, with files, and what they refuse."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import tones
from typer.testing import CliRunner

from swc import Stream
from swc.audio import AudioReader, RawFormat
from swc.cli import app

RATE, CHUNK = 16000, 512
RAW = ("--raw", "--rate", str(RATE), "--channels", "1")
Run = Callable[..., bytes]


@pytest.fixture
def run(live_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SWC_MODELS", str(live_bundle.parent))
    monkeypatch.chdir(tmp_path)

    def run(*args: str, given: bytes = b"", code: int = 0) -> bytes:
        done = CliRunner().invoke(app, list(args), input=given)
        assert done.exit_code == code, done.output
        run.said = done.stderr  # type: ignore[attr-defined]
        return done.stdout_bytes

    return run


def pcm(seconds: float) -> bytes:
    return (tones(seconds, RATE)[:, 0] * 2**15).astype("<i2").tobytes()


def test_pipes_give_what_files_give(run: Run) -> None:
    sound = pcm(1.0)
    stream = run("encode", "--live", *RAW, "-", "-", given=sound)
    soundfile.write("in.wav", np.frombuffer(sound, "<i2"), RATE, "PCM_16")
    run("encode", "--live", "in.wav", "a.swc", "-q")
    assert Path("a.swc").read_bytes() == stream
    assert run("encode", "--live", "-", "-", given=Path("in.wav").read_bytes()) == stream
    header = Stream.from_bytes(stream).header
    assert (header.window, header.windows_per_chunk, header.total_samples) == (2, 1, None)
    live = run("decode", "--live", "--raw", "-", "-", given=stream)
    assert len(live) == len(sound)
    assert live == run("decode", "--raw", "-", "-", given=stream)
    run("decode", "--live", "a.swc", "out.wav", "-q")
    assert soundfile.info("out.wav").frames == RATE


def test_a_damaged_stream_is_concealed_and_said_so(run: Run) -> None:
    stream = bytearray(run("encode", "--live", *RAW, "-", "-", given=pcm(1.0)))
    stream[len(stream) // 2] ^= 1
    sound = run("decode", "--live", "--raw", "-", "-", given=bytes(stream))
    assert len(sound) == 2 * RATE
    assert "lost: 0.4" in run.said  # type: ignore[attr-defined]
    Path("bad.swc").write_bytes(stream)
    facts = json.loads(run("decode", "--live", "bad.swc", "out.wav", "--json"))
    assert [loss["chunks"] for loss in facts["damage"]["lost"]] == [1]
    run("decode", "--live", "-", "-", given=bytes(stream[:300]))
    assert "cut off after 0.45 s" in run.said  # type: ignore[attr-defined]


def test_options_that_do_not_go_together(run: Run) -> None:
    soundfile.write("in.wav", tones(0.5, RATE), RATE)
    for options in (("--lookahead", "1"), ("--stereo", "coupled"), ("--kbps", "1")):
        run("encode", "--live", "in.wav", "a.swc", *options, code=1)
    run("encode", "--live", "in.wav", "a.swc", "-q")
    for options in (("--start", "0.1"), ("--rate", "8000"), ("--salvage",), ("-o", "folder")):
        run("decode", "--live", "a.swc", *options, code=2)
    run("decode", "--live", "-", "-", given=b"RIFF" + bytes(99), code=3)


def test_models_state_the_latency_and_others_are_refused(run: Run, tiny_bundle: Path) -> None:
    (row,) = json.loads(run("models", "--json"))
    assert row["live_latency_seconds"] * RATE == CHUNK + 512 - 128
    assert "; 56 ms with --live, at 16000 Hz" in run("models").decode()
    soundfile.write("in.wav", tones(0.5, RATE), RATE)
    run("encode", "--live", "in.wav", "a.swc", "--model", str(tiny_bundle), code=1)
    assert "choose --model tiny-live" in run.said  # type: ignore[attr-defined]


def test_files_of_the_same_model_meet_their_rate(run: Run) -> None:
    soundfile.write("in.wav", tones(8.0, RATE), RATE)
    run("encode", "in.wav", "a.swc", "--model", "swc-24k-live", "--kbps", "1.2", "--effort", "0", "-q")
    stream = Stream.load("a.swc")
    assert 1.1 < stream.kbps <= 1.2
    assert (stream.header.window, stream.header.windows_per_chunk) == (12, 2)


@pytest.mark.parametrize("raw", [True, False])
def test_a_reader_takes_what_there_is(raw: bool, tmp_path: Path) -> None:
    pipe, sound = tmp_path / "pipe", pcm(0.1)
    os.mkfifo(pipe)
    writing = os.open(pipe, os.O_RDWR)  # opens without waiting for a reader
    head = io.BytesIO()
    soundfile.write(head, np.zeros(0, "<i2"), RATE, "PCM_16", format="WAV")
    start = b"" if raw else head.getvalue()[:40] + b"\xff" * 4
    try:
        os.write(writing, start + sound[:201])
        with AudioReader(pipe, RawFormat("16", RATE, 1) if raw else None) as reader:
            blocks = reader.blocks(live=True)
            assert len(next(blocks)) == 100
            os.write(writing, sound[201:300])
            assert np.array_equal(next(blocks)[:, 0] * 2**15, np.frombuffer(sound, "<i2")[100:150])
    finally:
        os.close(writing)
