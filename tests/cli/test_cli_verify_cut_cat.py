"""swc verify, cut and cat: streams are checked and taken apart without a model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_streams import make_stream
from typer.testing import CliRunner

from swc.bitstream import Stream
from swc.cli import app
from swc.cli.times import parse_time
from swc.codec.options import samples_of

CHUNK = 4 * 43 * 1024 / 44100  # seconds


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A whole stream of 10 chunks, one with damage in chunks 2 and 7, one cut off, and one that is no stream."""
    data = make_stream(38).to_bytes()
    size = len(make_stream(8).to_bytes()) - len(make_stream(4).to_bytes())
    damaged = bytearray(data)
    for chunk in (2, 7):
        damaged[48 + chunk * size + 100] ^= 1
    contents = {"whole": data, "damaged": bytes(damaged), "short": data[: 48 + 3 * size + 50], "text": b"hello\n"}
    for name, content in contents.items():
        (tmp_path / f"{name}.swc").write_bytes(content)
    return {name: tmp_path / f"{name}.swc" for name in contents}


def test_verify_tells_what_is_wrong_and_where(files: dict[str, Path], runner: CliRunner) -> None:
    result = runner.invoke(app, ["verify", *map(str, files.values()), "missing.swc"])
    assert result.exit_code == 3
    assert result.stdout == f"{files['whole']}: whole, 36.94 s, 10 chunks\n"
    lines = result.stderr.splitlines()
    assert "CRC of chunk 2 does not match" in lines[0]
    assert lines[1].startswith(f"  lost: {2 * CHUNK:.2f} s to {3 * CHUNK:.2f} s (")
    assert lines[2].startswith(f"  lost: {7 * CHUNK:.2f} s to {8 * CHUNK:.2f} s (")
    assert "the stream ends within a chunk" in lines[3]
    assert lines[4].startswith(f"  lost: {3 * CHUNK:.2f} s to 36.94 s (50 bytes at byte ")
    assert lines[4].endswith("where the stream is cut off)")
    assert "this is text" in lines[5]
    assert lines[6] == "missing.swc: no such file; check the path"
    assert len(lines) == 7


def test_verify_as_json_and_quiet(files: dict[str, Path], runner: CliRunner) -> None:
    result = runner.invoke(app, ["verify", str(files["whole"]), str(files["damaged"]), "--json"])
    whole, damaged = map(json.loads, result.stdout.splitlines())
    assert (whole["error"], whole["chunks"], whole["damage"]) == (None, 10, None)
    lost = damaged["damage"]["lost"]
    assert [loss["chunks"] for loss in lost] == [1, 1]
    assert lost[0]["start"] == pytest.approx(2 * CHUNK)
    assert not damaged["damage"]["cut_off"]
    result = runner.invoke(app, ["verify", "-q", str(files["whole"])])
    assert (result.exit_code, result.output) == (0, "")


def test_verify_reads_stdin(files: dict[str, Path], runner: CliRunner) -> None:
    assert runner.invoke(app, ["verify", "-"], input=files["whole"].read_bytes()).exit_code == 0
    assert runner.invoke(app, ["verify", "-"], input=files["damaged"].read_bytes()).exit_code == 3


def test_cut_and_cat(files: dict[str, Path], tmp_path: Path, runner: CliRunner) -> None:
    one, two, both = (str(tmp_path / name) for name in ("one.swc", "two.swc", "both.swc"))
    result = runner.invoke(app, ["cut", str(files["whole"]), one, "--duration", str(CHUNK * 3 - 0.01)])
    assert result.exit_code == 0
    assert result.stderr == f"{one}: 2.7 KB, from 0.00 s to {3 * CHUNK:.2f} s, 3 chunks\n"
    result = runner.invoke(app, ["cut", str(files["whole"]), two, "--start", "0:13", "--json"])
    assert json.loads(result.stdout)["start"] == pytest.approx(3 * CHUNK, abs=1e-4)
    result = runner.invoke(app, ["cat", one, two, both])
    assert result.exit_code == 0
    assert Path(both).read_bytes() == files["whole"].read_bytes()
    assert "36.94 s, 2 pieces" in result.stderr
    result = runner.invoke(app, ["cat", two, one, both, "--force"])
    assert result.exit_code == 1
    assert f"{two} ends within a chunk" in result.stderr
    assert Path(both).read_bytes() == files["whole"].read_bytes()


def test_cut_from_pipe_to_pipe(files: dict[str, Path], runner: CliRunner) -> None:
    data = files["whole"].read_bytes()
    result = runner.invoke(app, ["cut", "-", "-", "--start", "20", "--duration", "1"], input=data)
    assert Stream.from_bytes(result.stdout_bytes) == Stream.from_bytes(data)[20:21]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["cut", "whole.swc", "out.swc", "--start", "40"], 1, "nothing to cut: the stream ends after 36.94 s"),
        (["cut", "whole.swc", "out.swc", "--start", "-1"], 2, "not a valid time"),
        (["cut", "whole.swc", "out.swc", "--start", "1:2:3:4"], 2, "not a valid time"),
        (["cut", "whole.swc", "out.swc", "--duration", "soon"], 2, "not a valid time"),
        (["cut", "whole.swc", "out.swc", "--duration", "nan"], 2, "not a valid time"),
        (["cut", "whole.swc", "out.swc", "--duration", "0"], 2, "above 0"),
        (["decode", "whole.swc", "out.wav", "--duration", "0:00"], 2, "above 0"),
        (["cut", "whole.swc", "whole.swc"], 1, "both input and output"),
        (["cut", "whole.swc", "short.swc"], 1, "exists already"),
        (["cut", "damaged.swc", "out.swc"], 3, "CRC of chunk 2"),
        (["cat", "whole.swc"], 2, "at least one input"),
        (["cat", "-", "-", "out.swc"], 2, "only once"),
        (["cat", "whole.swc", "text.swc", "out.swc"], 3, "text.swc: this is text"),
        (["cat", "damaged.swc", "out.swc"], 3, "damaged.swc: the CRC of chunk 2"),
        (["cat", "short.swc", "out.swc"], 3, "short.swc: the stream ends within"),
        (["verify"], 2, "Missing argument"),
    ],
)
def test_what_cannot_be_done(
    files: dict[str, Path], runner: CliRunner, monkeypatch: pytest.MonkeyPatch, args: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(files["whole"].parent)
    before = {path: path.read_bytes() for path in Path().iterdir()}
    result = runner.invoke(app, args)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.replace("│", "").split())
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_a_part_that_is_whole_can_be_cut_from_a_damaged_stream(
    files: dict[str, Path], tmp_path: Path, runner: CliRunner
) -> None:
    args = ["cut", str(files["damaged"]), str(tmp_path / "good.swc"), "--start", str(3 * CHUNK), "--duration", "8"]
    assert runner.invoke(app, args).exit_code == 0
    assert runner.invoke(app, ["verify", str(tmp_path / "good.swc")]).exit_code == 0


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("90", 90), ("1:30.5", 90.5), ("1:02:03", 3723), (".5", 0.5), ("0:90", 90)]
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


def test_times_as_samples() -> None:
    assert samples_of(1.5, None, 8000) == (12000, None)
    assert samples_of(1.5, 0.25, 8000) == (12000, 14000)
    assert samples_of(1.5, 0.0, 8000) == (12000, 12001)


@pytest.mark.parametrize("command", ["verify", "cut", "cat"])
def test_they_import_nothing_heavy(files: dict[str, Path], tmp_path: Path, command: str) -> None:
    args = {
        "verify": [str(files["whole"])],
        "cut": [str(files["whole"]), str(tmp_path / "o.swc")],
        "cat": [str(files["whole"]), str(tmp_path / "o.swc")],
    }[command]
    code = (
        "import sys; from swc.cli import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert not {'torch', 'soundfile', 'soxr', 'matplotlib'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code, command, *args], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
