"""The benchmarks still run, on little."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from swc import Stream

ROOT = Path(__file__).parents[2]
PNG = b"\x89PNG"


def run(script: str, *args: str | Path, code: int = 0, **environment: str) -> str:
    """What it prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
    command = [sys.executable, f"benchmarks/{script}", *map(str, args)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.mark.slow
def test_salvage() -> None:
    run("salvage.py", "swc/data/demo.flac", "--parts", "3")


@pytest.mark.slow
def test_peers_with_a_codec_alone(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny").symlink_to(tiny_bundle)
    figures, plot, page = (tmp_path / name for name in ("peers.json", "peers.png", "page.md"))
    page.write_text("before\n<!-- speed: peers -->\nold\n<!-- end -->\nafter\n")
    little = ("--codecs", "tiny", "--seconds", "1", "--rounds", "1")
    run("peers.py", figures, *little, "--png", plot, "--page", page, SWC_MODELS=str(tmp_path / "models"))
    document = json.loads(figures.read_text())
    assert len(document["runs"]) == 8  # one and two threads, one recording and eight, encode and decode
    tiny = document["codecs"]["tiny"]
    assert 1 < tiny["kbps"] < 3
    assert 0 < tiny["macs"]["decode"] < tiny["macs"]["encode"]
    assert plot.read_bytes().startswith(PNG)
    text = page.read_text()
    assert text.startswith("before\n<!-- speed: peers -->\nHow many times as fast")
    assert text.endswith("<!-- end -->\nafter\n")
    assert "old" not in text


@pytest.mark.slow
def test_backbones(conv_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "speech").mkdir()
    (tmp_path / "speech" / "a.flac").symlink_to(ROOT / "swc" / "data" / "demo.flac")
    printed = run("backbones.py", conv_bundle, "--eval", tmp_path, "--least", "-1")
    assert "| tiny-conv | conv | " in printed
    assert ": 1 files at 2.67 kbit/s, measured 2.6" in printed


def test_the_tables_of_growth(tmp_path: Path) -> None:
    rows = [
        {"size": size, "encode": 2 + size / 20, "encode_mib": 425.4, "decode": 2 + size / 50, "decode_mib": 400}
        for size in (1, 60, 36000)
    ]
    (tmp_path / "growth.json").write_text(json.dumps({"lengths": rows, "files": rows}))
    printed = run("growth.py", tmp_path / "growth.json", "--render", "--png", tmp_path / "growth.png")
    assert "| 10 h | 1802 | 50 | 425 | 722 | 20 | 400 |" in printed
    assert "| 36000 | 1802 | 50 | 425 | 722 | 20 | 400 |" in printed
    assert (tmp_path / "growth.png").read_bytes().startswith(PNG)


def test_the_tables_of_growth_without_files(tmp_path: Path) -> None:
    row = {"size": 3600, "encode": 100, "encode_mib": 425, "decode": 80, "decode_mib": 400}
    (tmp_path / "growth.json").write_text(json.dumps({"lengths": [row], "files": []}))
    printed = run("growth.py", tmp_path / "growth.json", "--render", "--png", tmp_path / "growth.png")
    assert "| 1 h | 100 | 28 | 425 | 80 | 22 | 400 |" in printed
    assert "one second" not in printed


def test_the_share_of_codes_that_differ(tmp_path: Path) -> None:
    stream = Stream.load(ROOT / "formats" / "vectors" / "valid" / "example.swc")
    codes = stream.codes()
    codes[0, 0, 0] ^= 1
    for name, content in (("one", stream), ("same", stream), ("other", Stream.from_codes(codes, stream.header))):
        (tmp_path / name / "sub").mkdir(parents=True)
        content.save(tmp_path / name / "sub" / "a.swc")
    assert run("same_codes.py", tmp_path / "one", tmp_path / "same").startswith("0 of ")
    printed = run("same_codes.py", tmp_path / "one", tmp_path / "other", code=1)
    assert printed.startswith("1 of ")
    assert run("same_codes.py", tmp_path / "one", tmp_path / "other", "--most", "1") == printed
