"""swc inspect on made-up streams: what it prints, and how it refuses bytes that are no stream."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_streams import RATE, ROUTED, make_stream
from typer.testing import CliRunner

from swc.cli import app


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner(env={"COLUMNS": "80"})


def save(folder: Path, data: bytes) -> str:
    (folder / "a.swc").write_bytes(data)
    return str(folder / "a.swc")


def test_json_agrees_with_the_stream(tmp_path: Path, runner: CliRunner) -> None:
    stream = make_stream(10, channels=2, choose=lambda w: (3,) if w < 5 else (3, 4))
    result = runner.invoke(app, ["inspect", "--json", save(tmp_path, stream.to_bytes())])
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    assert facts["bits"] == stream.breakdown()
    assert facts["bytes"] == len(stream.to_bytes()) == sum(facts["bits"].values()) / 8
    assert facts["kbps"] == pytest.approx(stream.kbps)
    assert sum(facts["kbps_by_kind"].values()) == pytest.approx(stream.kbps)
    assert facts["seconds"] == pytest.approx(stream.total_samples / RATE)
    assert (facts["channels"], facts["windows"], facts["chunks"]) == (2, 20, 3)
    assert facts["experts_per_window"] == 1.5
    assert facts["expert_usage"] == [0, 0, 0, 1, 0.5] + [0] * 12
    assert (facts["gain_db"], facts["fingerprint"]) == (-2.5, "0001020304050607")


def test_text_shows_rates_and_a_row_an_expert(tmp_path: Path, runner: CliRunner) -> None:
    stream = make_stream(8, choose=lambda w: (2,) if w < 4 else (2, 9))
    lines = runner.invoke(app, ["inspect", save(tmp_path, stream.to_bytes())]).stdout.splitlines()
    assert "all CRCs correct" in lines[0]
    assert f"{stream.kbps:.3f} kbit/s" in lines[0]
    kinds = [line.split()[0] for line in lines if line.endswith("%")]
    assert kinds == ["bits", *stream.breakdown(), "total"][1:]
    rows = {int(line.split()[1]): line for line in lines if line.startswith("  expert")}
    assert sorted(rows) == list(range(ROUTED))
    assert rows[2].split("|")[1] == "█" * 8
    assert rows[9].split("|")[1] == " " * 4 + "█" * 4
    assert " 50% █████ " in rows[9]
    assert rows[0].split("|")[1] == " " * 8


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_heat_map_fits_the_terminal(tmp_path: Path, columns: int) -> None:
    stream = make_stream(1000, choose=lambda w: (w % ROUTED,))
    runner = CliRunner(env={"COLUMNS": str(columns)})
    lines = runner.invoke(app, ["inspect", save(tmp_path, stream.to_bytes())]).stdout.splitlines()
    rows = [line for line in lines if line.startswith("  expert")]
    assert {len(row) for row in rows} == {columns}
    assert set("".join(row.split("|")[1] for row in rows)) <= set(" ░▒▓")


def test_terminal_without_block_characters(tmp_path: Path) -> None:
    path = save(tmp_path, make_stream(8).to_bytes())
    result = subprocess.run(
        [sys.executable, "-m", "swc", "inspect", path], capture_output=True, env={"PYTHONIOENCODING": "ascii"}
    )
    assert result.returncode == 0
    assert b"##########" in result.stdout


def test_stream_without_audio(tmp_path: Path, runner: CliRunner) -> None:
    path = save(tmp_path, make_stream(0).to_bytes())
    result = runner.invoke(app, ["inspect", path])
    assert result.exit_code == 0
    assert "no audio" in result.stdout
    facts = json.loads(runner.invoke(app, ["inspect", "--json", path]).stdout)
    assert (facts["kbps"], facts["expert_usage"], facts["seconds"]) == (None, None, 0)


def test_stdin(runner: CliRunner) -> None:
    result = runner.invoke(app, ["inspect", "-"], input=make_stream(3).to_bytes())
    assert result.exit_code == 0
    assert "3 of 43 latents" in result.stdout


def test_no_map(tmp_path: Path, runner: CliRunner) -> None:
    path = save(tmp_path, make_stream(8, choose=lambda w: (2,)).to_bytes())
    lines = runner.invoke(app, ["inspect", path, "--no-map"]).stdout.splitlines()
    assert lines[-1] == "  routing      1.00 experts a window"
    assert not any("expert " in line for line in lines)


VALID = make_stream(9).to_bytes()


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"just some text\n" * 10, "swc"),
        (b"# neuron\n1 1 0.0 0.0 0.0 1.0 -1\n2 3 0.0 1.0 0.0 1.0 1\n", "neuron"),
        (b"PK\x03\x04" + bytes(60), "zip"),
        (b"RIFF\x24\0\0\0WAVEfmt " + bytes(40), "swc encode"),
        (VALID[:4], "header"),
        (VALID[:30], "header"),
        (VALID[:200], "complete copy"),
        (VALID[:-1], "complete copy"),
        (VALID + b"\0", "after the end"),
    ],
)
def test_what_is_no_stream_gets_one_line_and_exit_code_3(
    tmp_path: Path, runner: CliRunner, data: bytes, word: str
) -> None:
    result = runner.invoke(app, ["inspect", save(tmp_path, data)])
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.startswith("swc: error: ")
    assert result.stderr.count("\n") == 1
    assert word.lower() in result.stderr.lower()


@pytest.mark.parametrize("at", [*range(8, 48), 60, 100, 300, len(VALID) - 1, len(VALID) - 15])
def test_any_flipped_bit_is_noticed(tmp_path: Path, runner: CliRunner, at: int) -> None:
    damaged = bytearray(VALID)
    damaged[at] ^= 1 << at % 8
    result = runner.invoke(app, ["inspect", "--json", save(tmp_path, bytes(damaged))])
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.count("\n") == 1
