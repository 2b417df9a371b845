"""swc encode and decode in pipelines: what comes out, how soon, and in how much memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from cli_commands import CHUNK, RATE, RAW, chunk_ends, command_line, pcm, piped, running
from cli_forks import ONE_THREAD
from typer.testing import CliRunner

from swc.bitstream import Stream, header_size
from swc.cli import app

pytestmark = pytest.mark.slow


def test_chunks_come_out_as_the_audio_comes_in(model: Path, minute: Stream) -> None:
    """The encoder holds back less than two chunks (8 s), the decoder three; the level took 2 s."""
    sound, head, fed, written = pcm(60), header_size(minute.header), 0, 0
    with (
        running("encode", "-", "-", *RAW, "--lookahead", "2", "--model", model) as encoder,
        running("decode", "-", "-", "--raw", "--model", model) as decoder,
    ):
        for second in range(1, 61):
            encoder.feed(sound[(second - 1) * 2 * RATE : second * 2 * RATE])
            whole = second * RATE // CHUNK
            encoder.wait_for(lambda due=whole - 1: len(chunk_ends(encoder.output, head)) - 1 >= due)
            ends = chunk_ends(encoder.output, head)
            decoder.feed(encoder.output[fed : ends[-1]])
            fed, chunks = ends[-1], len(ends) - 1
            decoder.wait_for(lambda due=chunks - 3: len(decoder.output) >= due * CHUNK * 2)
            written = len(decoder.output)
        assert chunks >= 13
        assert written >= 10 * CHUNK * 2
        assert "kbit/s" in encoder.finish()
        assert encoder.output == minute.to_bytes()
        decoder.feed(encoder.output[fed:])
        decoder.finish()
        assert len(decoder.output) == 60 * RATE * 2


def test_lookahead_is_what_the_level_comes_from(tmp_path: Path, model: Path) -> None:
    quiet_then_loud = np.concatenate([np.full(3 * RATE, 0.01), np.full(3 * RATE, 0.9)]) * np.tile([1, -1], 3 * RATE)
    sf.write(tmp_path / "a.wav", quiet_then_loud, RATE)
    gains = []
    for number, seconds in enumerate(["2", "6", "0"]):
        target = tmp_path / f"{number}.swc"
        args = ("encode", tmp_path / "a.wav", target, "--lookahead", seconds, "--effort", "0", "--model", model)
        assert piped(b"", *args).returncode == 0
        gains.append(Stream.load(target).header.gain_db)
    assert gains[0] > gains[1] + 20
    assert gains[2] == 0


@pytest.mark.parametrize("seconds", ["-1", "much", "nan", "inf"])
def test_lookahead_that_is_no_duration(tmp_path: Path, model: Path, seconds: str) -> None:
    sf.write(tmp_path / "a.wav", np.zeros(100), RATE)
    result = piped(b"", "encode", tmp_path / "a.wav", "--lookahead", seconds, "--model", model)
    assert result.returncode in (1, 2)  # typer refuses more or fewer of them itself, by its version
    assert b"lookahead" in result.stderr
    assert os.listdir(tmp_path) == ["a.wav"]


def test_pipeline_equals_files(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sf.SoundFile(tmp_path / "a.wav", "w", 16000, 1, "PCM_24") as file:
        file.title, file.artist, file.date = "odd", "J\u00e9r\u00f4me \u96ea", "2001"
        file.write(np.frombuffer(pcm(6.1), "<i2")[:269001])
    monkeypatch.chdir(tmp_path)
    for args in (("encode", "a.wav", "a.swc"), ("decode", "a.swc", "a.out.wav", "--bits", "24")):
        done = CliRunner().invoke(app, [*args, "--model", str(model)])
        assert done.exit_code == 0, done.stderr
    encode, decode = (" ".join(command_line(name, "-", "-", "--model", model)) for name in ("encode", "decode"))
    script = f"cat a.wav | {encode} | tee b.swc | {decode} --bits 24 > b.out.wav"
    piped = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=environment(), capture_output=True)
    assert piped.returncode == 0, piped.stderr
    assert (tmp_path / "b.swc").read_bytes() == (tmp_path / "a.swc").read_bytes()
    assert (tmp_path / "b.out.wav").read_bytes() == (tmp_path / "a.out.wav").read_bytes()
    with sf.SoundFile(tmp_path / "b.out.wav") as file:
        assert (file.title, file.artist, file.date) == ("odd", "J\u00e9r\u00f4me \u96ea", "2001")


def environment() -> dict[str, str]:
    """Of a process in another folder, from which the package can be imported all the same."""
    import swc as package

    return {**ONE_THREAD, "PYTHONPATH": str(Path(next(iter(package.__path__))).parent)}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="tells memory nowhere else")
def test_memory_does_not_grow_with_the_recording(tmp_path: Path, model: Path) -> None:
    script = (
        "import re, sys\n"
        "from swc.cli import main\n"
        "try: main()\n"
        "finally: print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr)\n"
    )

    def peak(source: Path, target: Path, *args: str | Path) -> int:
        """KiB that a command takes at most, from stdin to stdout."""
        with source.open("rb") as stdin, target.open("wb") as stdout:
            result = subprocess.run(
                [sys.executable, "-c", script, *map(str, args), "-", "-", "-q", "--model", str(model)],
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.PIPE,
                env=ONE_THREAD,
            )
        assert result.returncode == 0, result.stderr
        return int(result.stderr.split()[-1])

    encoding, decoding = [], []
    for minutes in (0.5, 3):
        (tmp_path / "raw").write_bytes(pcm(15) * round(4 * minutes))
        encoding.append(peak(tmp_path / "raw", tmp_path / "swc", "encode", *RAW, "--lookahead", "2"))
        decoding.append(peak(tmp_path / "swc", tmp_path / "wav", "decode"))
        assert sf.info(tmp_path / "wav").frames == minutes * 60 * RATE
    rest = 2.5 * 60 * RATE * 4 / 1024  # KiB; the allocator alone makes a third of it more or less
    assert encoding[1] - encoding[0] < rest / 2
    assert decoding[1] - decoding[0] < rest / 2
