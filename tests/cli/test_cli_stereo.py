"""swc encode --stereo, and what inspect says of coupled channels. The codec is a small one with random weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from typer.testing import CliRunner, Result

from swc.bitstream import Stream
from swc.cli import app

pytestmark = pytest.mark.slow

RATE = 48000


@pytest.fixture(autouse=True)
def installed(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWC_MODELS", str(models))


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE // 2) / RATE)
    sf.write(tmp_path / "a.wav", np.stack([tone, tone], 1), RATE, subtype="PCM_16")
    return tmp_path / "a.wav"


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


def test_channels_are_coded_together_or_apart(wav: Path, tmp_path: Path) -> None:
    together, apart = tmp_path / "together.swc", tmp_path / "apart.swc"
    run("encode", wav, together, "--kbps", 6, "-q")
    run("encode", wav, apart, "--kbps", 6, "--stereo", "apart", "-q")
    assert Stream.load(together).header.pairs == ((0, 1),)
    assert Stream.load(apart).header.pairs == ()
    run("decode", together, tmp_path / "b.wav", "-q")
    decoded, _ = sf.read(tmp_path / "b.wav")
    assert decoded.shape == (RATE // 2, 2)
    assert np.array_equal(decoded[:, 0], decoded[:, 1])


def test_inspect_shows_what_coupling_costs(wav: Path, tmp_path: Path) -> None:
    run("encode", wav, tmp_path / "a.swc", "--kbps", 6, "-q")
    text = run("inspect", tmp_path / "a.swc").stdout
    assert "stereo       channels 1 and 2 coded together: equal in 1 chunk" in text
    assert "  couplings" in text
    facts = json.loads(run("inspect", "--json", tmp_path / "a.swc").stdout)
    assert (facts["pairs"], facts["modes"]) == ([[0, 1]], {"equal": 1})
    assert facts["bits"]["couplings"] == 3
    assert facts["extensions"] == []


def test_tokens_there_and_back(wav: Path, tmp_path: Path) -> None:
    run("encode", wav, tmp_path / "a.swc", "--kbps", 6, "-q")
    for suffix in ("npz", "jsonl"):
        run("tokens", tmp_path / "a.swc", tmp_path / f"a.{suffix}", "-q")
        run("tokens", tmp_path / f"a.{suffix}", tmp_path / f"{suffix}.swc", "-q")
        assert (tmp_path / f"{suffix}.swc").read_bytes() == (tmp_path / "a.swc").read_bytes()
