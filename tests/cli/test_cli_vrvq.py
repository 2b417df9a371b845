"""The `vrvq` family on the command line: every command that takes streams takes its streams."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import tones
from typer.testing import CliRunner, Result

from swc.bitstream import Stream
from swc.cli import app

RATE = 16000


@pytest.fixture(autouse=True)
def models(vrvq_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWC_MODELS", str(vrvq_bundle.parent))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "in.wav", tones(6, RATE, 2), RATE)
    return tmp_path / "in.wav"


def swc(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def done(*arguments: object) -> str:
    result = swc(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_there_and_back_through_every_command(recording: Path, tmp_path: Path) -> None:
    stream = tmp_path / "a.swc"
    facts = json.loads(done("encode", recording, stream, "--model", "tiny-vrvq", "--level", "1.5", "--json"))
    assert (facts["level"], facts["kbps_asked"], facts["model"]) == (1.5, None, "tiny-vrvq")
    done("decode", stream, tmp_path / "back.wav")
    back, rate = soundfile.read(tmp_path / "back.wav")
    assert (len(back), rate) == (6 * RATE, RATE)
    assert "chunks" in done("verify", stream)
    shown = done("inspect", stream)
    assert "swc 1.3, vrvq, fingerprint" in shown
    assert "(tiny-vrvq)" in shown
    assert "1 to 6 for each latent, 6 bits a code" in shown
    mean = (Stream.load(stream).codes() >= 0).sum(1).mean()
    (depth,) = (line for line in shown.splitlines() if line.startswith("  depth "))
    assert float(depth.split()[1]) == pytest.approx(mean, abs=0.05)
    assert "codebooks a latent; each codebook's share, and its use over time" in depth
    assert sum(line.startswith("  codebook ") for line in shown.splitlines()) == 5
    facts = json.loads(done("inspect", stream, "--json"))
    assert list(facts["bits"]) == ["header", "tags", "framing", "depths", "codes", "padding"]
    done("inspect", stream, "--plot", tmp_path / "a.png", "--no-map")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    done("cut", stream, tmp_path / "b.swc", "--duration", "2")
    done("cut", stream, tmp_path / "c.swc", "--start", "2.1")
    for kind in ("npz", "jsonl"):
        done("tokens", stream, tmp_path / f"a.{kind}")
        done("tokens", tmp_path / f"a.{kind}", tmp_path / f"{kind}.swc")
        assert (tmp_path / f"{kind}.swc").read_bytes() == stream.read_bytes()
    done("tag", stream, "--set", "TITLE=Steps")
    assert Stream.load(stream).header.tags == (("TITLE", "Steps"),)
    data = bytearray(stream.read_bytes())
    data[len(data) // 2] ^= 8
    (tmp_path / "bad.swc").write_bytes(data)
    assert swc("verify", tmp_path / "bad.swc").exit_code == 3
    done("decode", tmp_path / "bad.swc", tmp_path / "saved.wav", "--salvage")
    assert len(soundfile.read(tmp_path / "saved.wav")[0]) == 6 * RATE


def test_pieces_make_the_whole_again(recording: Path, tmp_path: Path) -> None:
    stream, one, two, both = (tmp_path / f"{name}.swc" for name in ("a", "b", "c", "d"))
    done("encode", recording, stream, "--model", "tiny-vrvq", "--kbps", "1.2")
    seconds = 2 * 20 * 2 * 256 / RATE  # two chunks
    done("cut", stream, one, "--duration", seconds)
    done("cut", stream, two, "--start", seconds)
    done("cat", one, two, both)
    assert both.read_bytes() == stream.read_bytes()


def test_a_rate_is_kept_on_a_pipe_too(recording: Path, tmp_path: Path) -> None:
    for name, kbps in (("low", 0.7), ("high", 1.5)):
        done("encode", recording, tmp_path / f"{name}.swc", "--model", "tiny-vrvq", "--kbps", kbps)
        assert Stream.load(tmp_path / f"{name}.swc").kbps <= kbps
    piped = CliRunner().invoke(
        app,
        ["encode", "-", "-", "--model", "tiny-vrvq", "--kbps", "1.5"],
        input=recording.read_bytes(),
    )
    assert piped.stdout_bytes == (tmp_path / "high.swc").read_bytes()


def test_many_files_take_a_level(recording: Path, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(2):
        soundfile.write(folder / f"{number}.wav", np.roll(tones(2, RATE, number), number), RATE)
    done("encode", folder, "-o", tmp_path / "out", "--model", "tiny-vrvq", "--level", "2", "--jobs", "1")
    done("encode", folder / "1.wav", tmp_path / "1.swc", "--model", "tiny-vrvq", "--level", "2")
    assert (tmp_path / "out" / "1.swc").read_bytes() == (tmp_path / "1.swc").read_bytes()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--model", "tiny", "--level", "1"), 1, "tiny has no --level, which takes a model of family vrvq"),
        (("--model", "tiny-vrvq", "--level", "11"), 2, "Invalid value for '--level'"),
        (("--model", "tiny-vrvq", "--level", "1", "--kbps", "2"), 2, "--kbps and --level exclude each other"),
        (("--model", "tiny-vrvq", "--level", "1", "--quality", "2"), 2, "--quality and --level exclude each other"),
        (("--model", "tiny-vrvq", "--kbps", "0.2"), 1, "ask for at least"),
    ],
)
def test_what_cannot_be_is_refused(
    options: tuple[str, ...], code: int, message: str, recording: Path, tmp_path: Path
) -> None:
    result = swc("encode", recording, tmp_path / "out.swc", *options)
    assert result.exit_code == code
    assert message in " ".join(result.output.replace("│", " ").split())
    assert not (tmp_path / "out.swc").exists()
