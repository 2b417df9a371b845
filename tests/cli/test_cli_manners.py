"""Help, exit codes, refusals and start-up: what holds for every command before a codec is loaded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from cli_streams import make_stream
from typer.testing import CliRunner

from swc.cli import app
from swc.cli.files import output_name
from swc.cli.guard import guarded
from swc.cli.options import size_text, time_text
from swc.errors import ChecksumError, InputError

COMMANDS = [
    *("encode", "decode", "inspect", "tag", "verify", "cut", "cat", "tokens"),
    *("compare", "eval", "train", "demo", "batch", "models"),
]
HEAVY = ["torch", "soundfile", "matplotlib", "scipy", "soxr"]


STREAM_COMMANDS = [
    *(["decode", "IN", "out.wav"], ["decode", "--salvage", "IN", "out.wav"], ["inspect", "IN"], ["verify", "IN"]),
    *(["cut", "IN", "out.swc"], ["cat", "IN", "out.swc"], ["tokens", "IN", "out.jsonl"], ["tag", "IN"]),
]


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    sf.write(tmp_path / "a.wav", np.zeros(1000, np.int16), 8000)
    return tmp_path / "a.wav"


def swc(*args: str | Path, **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "swc", *map(str, args)], capture_output=True, **options)  # type: ignore[call-overload, no-any-return]


def test_help_lists_every_command(runner: CliRunner) -> None:
    result = runner.invoke(app, ["--help"])
    assert result.exit_code == 0
    listed = result.stdout.split("Commands:")[1].split("Exit codes")[0]
    assert [line.split()[0] for line in listed.strip().splitlines()] == COMMANDS
    assert "..." not in listed  # summaries short enough not to be cut


@pytest.mark.parametrize("command", STREAM_COMMANDS, ids=" ".join)
def test_a_file_that_is_not_a_stream_is_named(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("IN").write_bytes(bytes(range(256)))
    result = runner.invoke(app, command)
    assert result.exit_code == 3
    assert result.output.removeprefix("swc: error: ").startswith("IN: ")
    assert result.output.count("IN") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["IN"]


def test_the_demo_needs_a_folder(runner: CliRunner, wav: Path) -> None:
    result = runner.invoke(app, ["demo", "--out", str(wav)])
    assert result.exit_code == 1
    assert "is not a folder; name one with --out" in result.output


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_of_every_command(runner: CliRunner, command: str, flag: str) -> None:
    result = runner.invoke(app, [command, flag])
    assert result.exit_code == 0
    assert f"Usage: root {command}" in result.stdout or f"Usage: swc {command}" in result.stdout


def test_version(runner: CliRunner) -> None:
    from swc import __version__

    assert runner.invoke(app, ["--version"]).stdout == f"swc {__version__}\n"


@pytest.mark.parametrize(
    "args",
    [
        ["bogus"],
        ["--bogus"],
        ["encode"],
        ["encode", "a", "b", "c"],
        ["encode", "a.wav", "--kbps", "much"],
        ["encode", "a.wav", "--kbps", "0"],
        ["encode", "a.wav", "--kbps", "-1"],
        ["decode", "a.swc", "--bits", "12"],
        ["inspect"],
        ["models", "extra"],
        ["eval"],
        ["eval", "folder", "--limit", "0"],
        ["train", "config.toml"],
        ["demo", "extra"],
    ],
)
def test_usage_errors_exit_with_2(runner: CliRunner, args: list[str]) -> None:
    result = runner.invoke(app, args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage:" in result.stderr


@pytest.mark.parametrize("command", ["encode", "decode", "inspect"])
def test_missing_file(tmp_path: Path, runner: CliRunner, command: str) -> None:
    result = runner.invoke(app, [command, str(tmp_path / "none")])
    assert result.exit_code == 1
    assert result.stderr == f"swc: error: {tmp_path / 'none'}: no such file; check the path\n"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_folder_as_file(tmp_path: Path, runner: CliRunner, command: str) -> None:
    result = runner.invoke(app, [command, str(tmp_path)])
    assert result.exit_code == 1
    assert "Is a directory" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("a.txt", b"words\n" * 50, "ffmpeg"),
        ("a.wav", b"", "empty"),
        ("a.zip", b"PK\3\4" + bytes(100), "ffmpeg"),
        ("a.swc", b"\xf5SWC\r\n\x1a\n" + bytes(100), "swc decode"),
    ],
)
def test_encode_refuses_what_is_no_audio(tmp_path: Path, runner: CliRunner, name: str, data: bytes, word: str) -> None:
    (tmp_path / name).write_bytes(data)
    result = runner.invoke(app, ["encode", str(tmp_path / name), str(tmp_path / "out.swc")])
    assert result.exit_code == 1
    assert word in result.stderr
    assert result.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize(
    ("data", "code"), [(b"", 3), (b"words\n" * 50, 3), (b"PK\3\4" + bytes(100), 3), (b"\xf5SWC\r\n", 3)]
)
def test_decode_refuses_what_is_no_stream(tmp_path: Path, runner: CliRunner, data: bytes, code: int) -> None:
    (tmp_path / "a.swc").write_bytes(data)
    result = runner.invoke(app, ["decode", str(tmp_path / "a.swc")])
    assert result.exit_code == code
    assert result.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == ["a.swc"]


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_existing_output_needs_force(tmp_path: Path, runner: CliRunner, wav: Path, command: str) -> None:
    (tmp_path / "out").write_bytes(b"precious" if command == "decode" else make_stream(1).to_bytes())
    before = (tmp_path / "out").read_bytes()
    result = runner.invoke(app, [command, str(wav), str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "--force" in result.stderr
    assert (tmp_path / "out").read_bytes() == before


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_output_must_not_be_the_input(tmp_path: Path, runner: CliRunner, wav: Path, command: str) -> None:
    before = wav.read_bytes()
    (tmp_path / "link").symlink_to(wav)
    for target in (wav, tmp_path / "link"):
        result = runner.invoke(app, [command, str(wav), str(target), "--force"])
        assert result.exit_code == 1
        assert "both input and output" in result.stderr
    assert wav.read_bytes() == before


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["encode", "a.wav", "-"], b"not writing binary data to a terminal"),
        (["decode", "a.wav", "-"], b"not writing binary data to a terminal"),
        (["decode", "a.wav", "-", "--raw"], b"not writing binary data to a terminal"),
        (["encode", "-", "out.swc"], b"standard input is a terminal"),
        (["encode", "-", "--raw", "--rate", "8000", "--channels", "1"], b"standard input is a terminal"),
    ],
)
def test_terminals_get_no_binary_data(wav: Path, args: list[str], message: bytes) -> None:
    leader, follower = os.openpty()
    result = subprocess.run(
        [sys.executable, "-m", "swc", *args],
        stdin=follower, stdout=follower, stderr=subprocess.PIPE, cwd=wav.parent, env=environment(),
    )  # fmt: skip
    os.close(leader)
    os.close(follower)
    assert result.returncode == 1
    assert message in result.stderr
    assert os.listdir(wav.parent) == ["a.wav"]


def environment(**extra: str) -> dict[str, str]:
    """This process's, with the package importable from any folder."""
    import swc as package

    return {**os.environ, "PYTHONPATH": str(Path(next(iter(package.__path__))).parent), **extra}


def test_names_that_may_be_left_out() -> None:
    assert output_name("b/a.wav", None, ".swc") == "b/a.swc"
    assert output_name("a.b.flac", None, ".swc") == "a.b.swc"
    assert output_name("-", None, ".swc") == "-"
    assert output_name("a.wav", "x", ".swc") == "x"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InputError("no\nsuch luck"), 1, "no\\nsuch luck"),
        (ChecksumError("bad", 7), 3, "bad (byte 7)"),
        (PermissionError(13, "Permission denied", "a.wav"), 1, "a.wav: Permission denied"),
        (ZeroDivisionError("oops\nagain"), 1, "unexpected ZeroDivisionError: oops again; swc --debug"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_errors_become_one_line_and_a_code(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, message: str
) -> None:
    import typer

    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as caught:
        guarded(command)()
    assert caught.value.exit_code == code
    printed = capsys.readouterr().err
    assert printed.startswith(f"swc: error: {message}")
    assert printed.count("\n") == 1


def test_debug_shows_the_traceback(wav: Path, tmp_path: Path) -> None:
    for result in (
        swc("--debug", "inspect", wav),
        swc("inspect", wav, env=environment(SWC_DEBUG="1")),
    ):
        assert b"Traceback" in result.stderr
        assert result.returncode == 1
    assert b"Traceback" not in swc("inspect", wav, env=environment(SWC_DEBUG="0")).stderr


@pytest.mark.parametrize("args", [["--help"], ["inspect", "a.swc"], ["inspect", "a.swc", "--json"]])
def test_closed_pipe_is_quiet(tmp_path: Path, args: list[str]) -> None:
    (tmp_path / "a.swc").write_bytes(make_stream(9).to_bytes())
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [sys.executable, "-m", "swc", *args],
        stdout=writer,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(),
    )
    os.close(writer)
    assert (result.returncode, result.stderr) == (1, b"")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_while_waiting_for_input(number: signal.Signals, code: int) -> None:
    data = make_stream(1000, channels=2).to_bytes()
    with subprocess.Popen(
        [sys.executable, "-m", "swc", "inspect", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.write(data[:-1000])  # more than a pipe holds: returns when the command has begun to read
        process.stdin.flush()
        process.send_signal(number)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == code
    assert b"Traceback" not in stderr


@pytest.mark.parametrize("args", [["--help"], ["encode", "--help"], ["inspect", "none.swc"]])
def test_light_commands_import_nothing_heavy(args: list[str]) -> None:
    script = (
        "import sys\n"
        "from swc.cli import app\n"
        "try: app(sys.argv[1:], prog_name='swc')\n"
        "except SystemExit: pass\n"
        f"print('heavy:', *(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)\n"
    )
    result = subprocess.run([sys.executable, "-c", script, *args], capture_output=True, text=True)
    assert result.stderr.splitlines()[-1] == "heavy:"


def test_inspect_imports_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "a.swc").write_bytes(make_stream(9).to_bytes())
    script = (
        "import sys\n"
        "from swc.cli import app\n"
        "try: app(['inspect', sys.argv[1]], prog_name='swc')\n"
        "except SystemExit as done: assert not done.code\n"
        f"print('heavy:', *(name for name in {HEAVY} if name in sys.modules))\n"
    )
    result = subprocess.run([sys.executable, "-c", script, tmp_path / "a.swc"], capture_output=True, text=True)
    assert "all CRCs correct" in result.stdout
    assert result.stdout.splitlines()[-1] == "heavy:"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (20100, "20.1 KB"), (3.4e6, "3.4 MB"), (5e9, "5.0 GB")],
)
def test_sizes(count: float, text: str) -> None:
    assert size_text(int(count)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.00 s"), (7.25, "7.25 s"), (187.46, "3:07.5"), (3723, "1:02:03.0"), (119.99, "2:00.0")],
)
def test_times(seconds: float, text: str) -> None:
    assert time_text(seconds) == text
