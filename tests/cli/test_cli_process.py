"""How the command line ends: signals, standard streams that are full or closed, errors that explain themselves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import typer
from cli_commands import command_line
from cli_forks import ONE_THREAD
from cli_many import Swc
from cli_streams import make_stream
from typer.testing import CliRunner

from swc.bitstream import Stream
from swc.cli import app
from swc.cli.guard import describe, guarded

ENVIRONMENT = {**ONE_THREAD, "PYTHONPATH": str(Path(__file__).parents[2])}
SIGNALS = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM]


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    (tmp_path / "a.swc").write_bytes(make_stream(9).to_bytes())
    return tmp_path / "a.swc"


def cutting(folder: Path, data: bytes) -> subprocess.Popen[bytes]:
    """A process that has begun to write out.swc, and waits for more to come in."""
    process = subprocess.Popen(
        command_line("cut", "-", folder / "out.swc"), stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    )
    assert process.stdin is not None
    process.stdin.write(data)
    process.stdin.flush()
    deadline = time.monotonic() + 30
    while not os.listdir(folder):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with cutting(tmp_path, make_stream(40).to_bytes()[:-1000]) as process:
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert b"Traceback" not in errors
    assert os.listdir(tmp_path) == []


def test_many_signals_leave_nothing_either(tmp_path: Path) -> None:
    for _ in range(3):
        with cutting(tmp_path, make_stream(40).to_bytes()[:-1000]) as process:
            for number in SIGNALS * 3:
                process.send_signal(number)
            _, errors = process.communicate(timeout=20)
        assert process.returncode > 128
        assert b"Traceback" not in errors
        assert os.listdir(tmp_path) == []


def test_signals_that_are_ignored_stay_so(tmp_path: Path) -> None:
    data = make_stream(40).to_bytes()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        process = cutting(tmp_path, data[:-1000])
    finally:
        signal.signal(signal.SIGHUP, before)
    with process:
        process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        process.communicate(data[-1000:], timeout=20)
    assert process.returncode == 0
    assert Stream.load(tmp_path / "out.swc").to_bytes() == data


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "args",
    [
        ("--help",),
        ("--version",),
        ("cut", "--help"),
        ("inspect", "a.swc"),
        ("inspect", "a.swc", "--json"),
        ("verify", "a.swc"),
        ("cut", "a.swc", "b.swc", "--json"),
        ("cut", "a.swc", "-"),
        ("models",),
    ],
)
def test_stdout_that_is_full_or_closed(stream: Path, args: tuple[str, ...], unbuffered: str) -> None:
    environment = {**ENVIRONMENT, "PYTHONUNBUFFERED": unbuffered}
    for redirection, reason in ((">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")):
        (stream.parent / "b.swc").unlink(missing_ok=True)
        shell = ["bash", "-c", f'exec "$@" {redirection}', "bash", *command_line(*args)]
        done = subprocess.run(shell, stderr=subprocess.PIPE, cwd=stream.parent, env=environment, text=True)
        assert done.returncode == 1
        assert done.stderr == f"swc: error: standard output: {reason}\n"


def test_streams_that_are_closed_and_not_needed(stream: Path) -> None:
    command = command_line("cut", "a.swc", "b.swc")
    done = subprocess.run(
        ["bash", "-c", 'exec "$@" <&- >&- 2>&-', "bash", *command], cwd=stream.parent, env=ENVIRONMENT
    )
    assert done.returncode == 0
    assert (stream.parent / "b.swc").read_bytes() == stream.read_bytes()
    shell = ["bash", "-c", 'exec "$@" <&-', "bash", *command_line("cut", "-", "c.swc")]
    closed = subprocess.run(shell, cwd=stream.parent, env=ENVIRONMENT, capture_output=True, text=True)
    assert (closed.returncode, closed.stderr) == (1, "swc: error: Bad file descriptor\n")
    assert sorted(os.listdir(stream.parent)) == ["a.swc", "b.swc"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "not enough memory; close other programs"),
        (ValueError("array is too big; `arr.size * arr.dtype.itemsize` is larger"), "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "not enough memory"),
        (UnicodeEncodeError("utf-8", "\udce9", 0, 1, "surrogates not allowed"), "does not fit its encoding"),
        (sf.LibsndfileError(2, "Error opening 'a.wav': "), "convert it to WAV first"),
        (PermissionError(13, "Permission denied", b"caf\xe9.wav"), "caf\udce9.wav: Permission denied"),
        (OSError("cannot seek"), "cannot seek"),
        (OSError(), "the system refused"),
    ],
)
def test_what_users_meet_is_no_bug(capsys: pytest.CaptureFixture[str], error: Exception, words: str) -> None:
    assert words in describe(error)

    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as caught:
        guarded(command)()
    assert caught.value.exit_code == 1
    said = capsys.readouterr().err
    assert "report" not in said
    assert said.count("\n") == 1


def test_pieces_of_other_levels_say_what_helps(tmp_path: Path) -> None:
    from dataclasses import replace

    stream = make_stream(8)
    for name, gain in (("a", -640), ("b", 819)):
        replace(stream, header=replace(stream.header, gain_q8=gain)).save(tmp_path / f"{name}.swc")
    names = [str(tmp_path / f"{name}.swc") for name in "abo"]
    result = CliRunner().invoke(app, ["cat", *names])
    assert result.exit_code == 1
    assert "be encoded with the same gain: swc encode --gain -2.500\n" in result.stderr
    assert "gain_q8" not in result.stderr
    result = CliRunner().invoke(app, ["cat", names[1], names[0], names[2]])
    gain = float(result.stderr.split()[-1])
    assert round(gain * 256) == 819


def test_number_of_threads(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from swc.cli import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "print(os.environ['OMP_NUM_THREADS'], 'torch' in sys.modules)\n"
    )

    def threads(*args: str, **environment: str) -> str:
        command = [sys.executable, "-c", script, *args, "verify", "-q", str(tmp_path / "a.swc")]
        done = subprocess.run(command, capture_output=True, text=True, env={**ENVIRONMENT, **environment})
        return done.stdout or done.stderr

    (tmp_path / "a.swc").write_bytes(make_stream(4).to_bytes())
    assert threads("--threads", "3") == "3 False\n"
    assert threads(SWC_THREADS="5") == "5 False\n"
    assert threads("--threads", "2", SWC_THREADS="5") == "2 False\n"
    assert threads(SWC_THREADS="") == "1 False\n"
    assert CliRunner().invoke(app, ["--threads", "0", "models"]).exit_code == 2
    assert CliRunner(env={"SWC_THREADS": "many"}).invoke(app, ["models"]).exit_code == 2


@pytest.mark.slow
def test_eval_goes_on_without_bad_files(tmp_path: Path, swc: Swc) -> None:
    (tmp_path / "d").mkdir()
    for name in ("good", "other"):
        sf.write(tmp_path / "d" / f"{name}.wav", 0.2 * np.sin(np.arange(40000) * 0.05), 44100)
    (tmp_path / "d" / "bad\udce9.wav").write_bytes(b"no audio at all")
    for target in ("scores.csv", "-"):
        done = swc("eval", "d", "--kbps", "8", "--workers", "0", "--csv", target, "--json", "scores.json", "-q")
        assert done.exit_code == 1
        lines = done.stderr.splitlines()
        assert lines[0].startswith("left out: d/bad\\udce9.wav is not audio that swc can read")
        assert lines[-1] == "swc: error: 1 of 3 files could not be measured; they are named above"
        text = done.stdout if target == "-" else (tmp_path / target).read_text()
        assert [line.split(",")[0] for line in text.splitlines()] == ["file", "good.wav", "other.wav"]
    assert [failure["file"] for failure in json.loads((tmp_path / "scores.json").read_text())["failures"]]
