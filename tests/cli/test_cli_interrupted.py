"""swc encode and decode cut short: by signals, by readers that go away, by full disks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE

import pytest
from cli_commands import RAW, chunk_ends, command_line, pcm, piped, running
from cli_forks import ONE_THREAD, Forked
from cli_streams import make_stream

from swc.bitstream import Stream, header_size

pytestmark = pytest.mark.slow


SIGNALS = [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGQUIT, 131), (signal.SIGTERM, 143)]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_interrupted_encoder_has_written_whole_chunks(
    model: Path, minute: Stream, number: signal.Signals, code: int
) -> None:
    whole, head = minute.to_bytes(), header_size(minute.header)
    with running("encode", "-", "-", *RAW, "--lookahead", "2", "--model", model) as encoder:
        encoder.feed(pcm(20))
        encoder.wait_for(lambda: len(chunk_ends(encoder.output, head)) > 2)
        encoder.process.send_signal(number)
        errors = encoder.finish()
    assert encoder.process.returncode == code
    assert errors in ("swc: error: interrupted\n", "")  # SIGTERM says nothing
    assert whole.startswith(encoder.output)
    assert chunk_ends(encoder.output, head)[-1] == len(encoder.output)


@pytest.mark.parametrize("target", ["-", "out.flac"])
def test_interrupted_decoder_leaves_nothing(tmp_path: Path, model: Path, minute: Stream, target: str) -> None:
    options = ["--raw"] if target == "-" else []
    name = target if target == "-" else tmp_path / target
    with running("decode", "-", name, *options, "--model", model) as decoder:
        decoder.feed(minute.to_bytes()[:-100])
        decoder.wait_for(lambda: len(decoder.output) > 100_000 if target == "-" else written(tmp_path) > 50_000)
        decoder.process.send_signal(signal.SIGINT)
        errors = decoder.finish()
    assert decoder.process.returncode == 130
    assert errors == "swc: error: interrupted\n"
    assert os.listdir(tmp_path) == []


def written(folder: Path) -> int:
    """Bytes of the files in a folder, hidden ones too."""
    return sum(path.stat().st_size for path in folder.iterdir())


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_reader_that_goes_away(model: Path, minute: Stream, command: str) -> None:
    args = ("-", "-", *(RAW[:-2] if command == "encode" else ()), "--model", model)
    args += ("--lookahead", "2") if command == "encode" else ()
    with Forked(command, *args, stdin=PIPE, stdout=PIPE, stderr=PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        data = pcm(60) if command == "encode" else minute.to_bytes()
        poured = threading.Thread(target=pour_all, args=(process, data))
        poured.start()
        assert len(os.read(process.stdout.fileno(), 40)) == 40
        process.stdout.close()
        errors = process.stderr.read()
        process.wait(timeout=60)
        poured.join()
    assert (process.returncode, errors) == (1, b"")


def pour_all(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.write(data)
    with suppress(BrokenPipeError):
        process.stdin.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", ["encode", "decode"])
@pytest.mark.parametrize("redirected", [False, True])
def test_full_device(model: Path, minute: Stream, command: str, redirected: bool) -> None:
    data = pcm(6) if command == "encode" else minute.to_bytes()
    options = (*(RAW if command == "encode" else ()), "--model", model)
    with open("/dev/full", "wb") as full:
        result = piped(
            data,
            *(command, "-", "-" if redirected else "/dev/full", *options),
            stdout=full if redirected else DEVNULL,
        )
    name = "standard output" if redirected else "/dev/full"
    assert result.stderr.decode() == f"swc: error: {name}: No space left on device\n"
    assert result.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk_is_an_error_for_text_too(tmp_path: Path) -> None:
    (tmp_path / "a.swc").write_bytes(make_stream(9).to_bytes())
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            command_line("inspect", tmp_path / "a.swc"), stdout=full, stderr=subprocess.PIPE, env=ONE_THREAD
        )
    assert (result.returncode, result.stderr) == (1, b"swc: error: standard output: No space left on device\n")


@pytest.mark.parametrize("target", ["out.swc", "out.wav", "out.ogg", "out.raw"])
def test_full_disk(tmp_path: Path, model: Path, minute: Stream, target: str) -> None:
    """A limit on the size of files stands for the disk."""
    encode = target == "out.swc"
    command = ("encode" if encode else "decode", "-", tmp_path / target, "--model", model)
    options = RAW if encode else ("--raw",) if target == "out.raw" else ()
    data, limit = (pcm(10), 1000) if encode else (minute.to_bytes(), 20_000)
    result = piped(data, *command, *options, file_limit=limit)
    errors = result.stderr.decode()
    assert result.returncode == 1, errors
    assert re.fullmatch(rf"swc: error: \S*{target}: (cannot be written: )?File too large\n", errors)
    assert os.listdir(tmp_path) == []


def test_killed_encoder_leaves_nothing_under_the_name(tmp_path: Path, model: Path) -> None:
    with running("encode", "-", tmp_path / "out.swc", *RAW, "--lookahead", "2", "--model", model) as encoder:
        encoder.feed(pcm(20))
        encoder.wait_for(lambda: written(tmp_path) > 1000)
        encoder.process.kill()
        encoder.finish()
    assert encoder.process.returncode == -signal.SIGKILL
    assert not (tmp_path / "out.swc").exists()
