"""No command destroys a file that was there before: what is refused, with --force too, and what is advised instead."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_commands import command_line
from cli_forks import ONE_THREAD
from cli_streams import make_stream
from typer.testing import CliRunner, Result

from swc.bitstream import Stream
from swc.cli import app
from swc.cli.files import choose_output, output_name
from swc.errors import InputError
from swc.files import descriptor, open_output, replacing

STREAM = make_stream(9).to_bytes()
SOUND = b"RIFF\x24\0\0\0WAVEfmt precious"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with two recordings and two streams."""
    for name, data in {"a.wav": SOUND, "b.wav": SOUND, "a.swc": STREAM, "c.swc": STREAM}.items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner().invoke(app, args)


@pytest.mark.parametrize("force", [(), ("-f",)])
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("encode", "a.wav", "b.wav"), "is not a .swc stream, and encode never overwrites such a file"),
        (("cut", "a.swc", "b.wav"), "is not a .swc stream, and cut never overwrites such a file"),
        (("cat", "a.swc", "b.wav"), "is not a .swc stream, and cat never overwrites such a file"),
        (("decode", "a.swc", "c.swc"), "is a .swc stream, and decode never overwrites one"),
        (("decode", "a.swc", "c.swc", "--raw"), "is a .swc stream, and decode never overwrites one"),
        (("decode", "a.swc"), "such as: swc decode a.swc a.decoded.wav"),
        (("decode", "a.swc", "."), "such as: swc decode a.swc ./a.decoded.wav"),
        (("encode", "a.wav", "link.swc"), "is not a .swc stream"),
        (("encode", "a.wav", "hard.swc"), "both input and output"),
        (("encode", "nowhere.wav", "a.wav"), "is not a .swc stream"),
        (("encode", "a.wav", "b.wav", "a.swc"), "name a folder for the outputs: swc encode *.wav -o DIR"),
        (("decode", "a.swc", "c.swc", "b.wav"), "name a folder for the outputs: swc decode *.swc -o DIR"),
        (("encode", "."), "Is a directory; name a folder for the outputs: swc encode . -o DIR"),
        (("decode", "."), "Is a directory; name a folder for the outputs: swc decode . -o DIR"),
        (("cut", ".", "x.swc"), "Is a directory; name a file in it"),
        (("encode", ""), "the name of a file is empty"),
        (("decode", "a.swc", ""), "the name of a file is empty"),
        (("cut", "a.swc", "a.wav/x.swc"), "a.wav is not a folder; name another output"),
        (("demo", "--out", "."), "name another folder"),
        (("eval", ".", "--csv", "a.wav"), "named as a recording"),
        (("eval", ".", "--json", "c.swc"), "named as a recording"),
        (("eval", ".", "--csv", "none/a.csv"), "does not exist; create it first"),
        (("eval", ".", "--html", "none/a.html"), "does not exist; create it first"),
        (("eval", ".", "--html", "a.wav"), "named as a recording"),
        (("eval", ".", "--plot", "a.wav"), "ends in .png"),
    ],
)
def test_no_file_of_another_kind_is_lost(
    folder: Path, args: tuple[str, ...], force: tuple[str, ...], message: str
) -> None:
    Path("link.swc").symlink_to("b.wav")
    os.link("a.wav", "hard.swc")
    Path("original.wav").write_bytes(SOUND)  # as the demo calls it
    before = {path: path.read_bytes() for path in folder.iterdir()}
    result = run(*args, *(force if args[0] not in ("demo", "eval") else ()))
    assert result.exit_code in (1, 2)
    said = " ".join(result.stderr.split())
    assert message in said
    assert "--force" not in said
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_name_that_is_free_is_proposed(folder: Path) -> None:
    Path("a.decoded.wav").write_bytes(SOUND)
    assert "swc decode a.swc a.decoded-2.wav" in run("decode", "a.swc").stderr
    Path("-it's\n.swc").write_bytes(STREAM)
    Path("-it's\n.wav").write_bytes(SOUND)
    said = run("decode", "--", "-it's\n.swc").stderr
    command = said.split("such as: ")[1].strip()
    words = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, text=True).stdout
    assert words.split("\0") == ["swc", "decode", "./-it's\n.swc", "./-it's\n.decoded.wav", ""]


@pytest.mark.parametrize(
    ("command", "name"),
    [("encode", "new.WAV"), ("encode", "new.m4a"), ("cut", "new.flac"), ("decode", "new.swc")],
)
def test_a_name_that_looks_like_an_input_needs_force(folder: Path, command: str, name: str) -> None:
    source = "a.wav" if command == "encode" else "a.swc"
    for target in (name, "dangling"):
        Path("dangling").unlink(missing_ok=True)
        Path("dangling").symlink_to(f"far-{name}")
        with pytest.raises(InputError, match=f"{command} writes .*--force"):
            choose_output(command, source, target, ".swc", force=False)
        assert choose_output(command, source, target, ".swc", force=True) == target


def test_what_may_be_overwritten_with_force(folder: Path) -> None:
    Path("empty.bin").touch()
    damaged = bytearray(STREAM)
    damaged[3] ^= 1
    Path("damaged.swc").write_bytes(damaged)
    for command, source, target in (
        ("encode", "a.wav", "a.swc"),
        ("encode", "a.wav", "empty.bin"),
        ("encode", "a.wav", "damaged.swc"),
        ("cut", "a.swc", "c.swc"),
        ("decode", "a.swc", "b.wav"),
    ):
        with pytest.raises(InputError, match="name another output, or add --force"):
            choose_output(command, source, target, ".swc", force=False)
        assert choose_output(command, source, target, ".swc", force=True) == target


@pytest.mark.parametrize(
    ("source", "suffix", "name"),
    [
        ("02. Mr. X (feat. Y)", ".swc", "02. Mr. X (feat. Y).swc"),
        ("02. Mr. X (feat. Y).FLAC", ".swc", "02. Mr. X (feat. Y).swc"),
        ("v1.2/take", ".swc", "v1.2/take.swc"),
        (".wav", ".swc", ".wav.swc"),
        ("a.raw", ".swc", "a.swc"),
        ("-x.wav", ".swc", "-x.swc"),
        ("a.M4A", ".swc", "a.swc"),
        ("caf\udce9.wav", ".swc", "caf\udce9.swc"),
        ("a\nb.mp3", ".swc", "a\nb.swc"),
        ("02. Mr. X.SWC", ".wav", "02. Mr. X.wav"),
        ("Vol. 1", ".wav", "Vol. 1.wav"),
        ("song.wav.swc", ".raw", "song.wav.raw"),
    ],
)
def test_only_real_suffixes_are_replaced(tmp_path: Path, source: str, suffix: str, name: str) -> None:
    assert output_name(source, None, suffix) == name
    assert output_name(source, f"{tmp_path}/", suffix) == f"{tmp_path}/{os.path.basename(name)}"


def test_folders_as_outputs(folder: Path) -> None:
    Path("out").mkdir()
    assert run("cut", "a.swc", "out").exit_code == 0
    assert Path("out/a.swc").read_bytes() == STREAM
    assert "exists already" in run("cut", "a.swc", "out/").stderr
    for args in (
        ("encode", "-", "out"),
        ("decode", "-", "out"),
        ("encode", "/dev/null"),
        ("encode", "/dev/fd/0", "out"),
    ):
        assert "name an output file" in run(*args).stderr
    assert "the folder none/ does not exist" in run("encode", "a.wav", "none/").stderr
    assert os.listdir("out") == ["a.swc"]


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
def test_names_of_stdout_append_to_what_it_is(folder: Path, name: str) -> None:
    Path("link").symlink_to("/dev/stdout")
    for args in (("cut", "a.swc", name), ("cat", "a.swc", name), ("cut", "-f", "a.swc", name)):
        Path("log").write_bytes(b"first\n")
        with open("log", "ab") as log:
            done = subprocess.run(command_line(*args), stdout=log, stderr=subprocess.PIPE, env=environment())
        assert done.returncode == 0, done.stderr
        assert Path("log").read_bytes() == b"first\n" + STREAM
        assert done.stderr.startswith(b"standard output: ")


def test_other_open_files_are_not_opened_anew(folder: Path) -> None:
    Path("log").write_bytes(b"first\n")
    with open("log", "ab") as log:
        name = f"/dev/fd/{log.fileno()}"
        with open_output(name) as output:
            output.write(b"second")
        assert descriptor(name) == log.fileno()
    assert Path("log").read_bytes() == b"first\nsecond"
    assert descriptor("log") is None
    Path("loop").symlink_to("loop")
    assert descriptor("loop") is None
    with pytest.raises(OSError, match="Bad file descriptor") as caught, open_output("/dev/fd/987"):
        pass
    assert caught.value.filename == "/dev/fd/987"


def test_folders_of_outputs_hold_nothing_back_from_the_rules(folder: Path) -> None:
    Path("out").mkdir()
    for command, name, target, message in (
        ("encode", "a.wav", "a.wav", "out/a.swc is both input and output"),
        ("encode", "a.wav", "b.wav", "out/a.swc exists and is not a .swc stream"),
        ("decode", "c.swc", "a.swc", "out/c.wav is a .swc stream, and decode never overwrites one"),
        ("encode", "a.wav", "fifo", "out/a.swc is a device or pipe"),
    ):
        output = Path("out") / Path(name).with_suffix(".swc" if command == "encode" else ".wav")
        for place in (os.symlink, os.link) if target != "fifo" else (lambda source, link: os.mkfifo(link),):
            place(os.path.relpath(target, "out") if place is os.symlink else target, output)
            before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
            for options in ((), ("--force",), ("--skip-existing",)):
                result = run(command, name, "-o", "out", *options)
                assert result.exit_code == 1
                assert message in result.stderr
            assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
            output.unlink()


def test_standard_streams_that_are_the_input(folder: Path) -> None:
    with open("a.swc", "rb") as source, open("a.swc", "ab") as target:
        done = subprocess.run(
            command_line("cut", "a.swc", "-"), stdout=target, stderr=subprocess.PIPE, env=environment()
        )
        assert b"both input and output" in done.stderr
        done = subprocess.run(
            command_line("cut", "-", "a.swc", "-f"), stdin=source, stderr=subprocess.PIPE, env=environment()
        )
        assert b"both input and output" in done.stderr
    assert Path("a.swc").read_bytes() == STREAM


def test_links_are_written_through(folder: Path) -> None:
    Path("new.swc").symlink_to("far.swc")
    assert run("cut", "a.swc", "new.swc").exit_code == 0
    assert Path("new.swc").is_symlink()
    assert Path("far.swc").read_bytes() == STREAM
    Path("lost.swc").symlink_to("none/far.swc")
    assert "does not exist; create it first" in run("cut", "a.swc", "lost.swc").stderr
    Path("loop.swc").symlink_to("loop.swc")
    assert "loop.swc: Too many levels of symbolic links" in run("cut", "a.swc", "loop.swc").stderr
    assert Path("loop.swc").is_symlink()


def test_a_named_pipe_is_written_to(folder: Path) -> None:
    os.mkfifo("pipe")
    with subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE) as reader:
        assert run("cut", "a.swc", "pipe").exit_code == 0
        assert reader.communicate(timeout=20)[0] == STREAM


def refuse(error: OSError) -> Callable[..., int]:
    def call(*args: object) -> int:
        raise OSError(error.errno, error.strerror, args[0])

    return call


def test_no_temporary_names_in_errors(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError) as caught, replacing("new.swc") as temporary:
        raise InputError(f"cannot open {temporary}, or {temporary.name!r}")
    assert str(caught.value) == "cannot open new.swc, or 'new.swc'"
    with pytest.raises(PermissionError) as denied, replacing("new.swc") as temporary:
        refuse(PermissionError(13, "Permission denied"))(temporary)
    assert str(denied.value) == "[Errno 13] Permission denied: 'new.swc'"
    monkeypatch.setattr(os, "open", refuse(PermissionError(13, "Permission denied")))  # as in a read-only folder
    assert run("cut", "a.swc", "new.swc").stderr == "swc: error: new.swc: Permission denied\n"
    monkeypatch.undo()
    monkeypatch.setattr(Path, "replace", lambda one, other: refuse(PermissionError(1, "Not permitted"))(one, other))
    with pytest.raises(PermissionError) as denied, replacing("new.swc"):
        pass
    assert str(denied.value) == "[Errno 1] Not permitted: 'new.swc'"
    assert not [name for name in os.listdir() if ".part" in name or "new" in name]


def test_long_names(folder: Path) -> None:
    longest = "n" * 251 + ".swc"
    assert run("cut", "a.swc", longest).exit_code == 0
    assert Stream.load(longest).to_bytes() == STREAM
    Path("n" * 251 + ".wav").write_bytes(SOUND)
    assert re.search(r"swc decode n+\.swc audio\.decoded\.wav$", run("decode", longest).stderr)
    result = run("cut", "a.swc", "n" + longest)
    assert "the name is too long for this file system; choose a shorter one" in result.stderr


def environment() -> dict[str, str]:
    return {**ONE_THREAD, "PYTHONPATH": str(Path(__file__).parents[2])}
