"""docs/tokens.md is executed: its snippets run in order on the bundled recording, and its table is right."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import soundfile

from swc import Codec

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tokens.md").read_text(encoding="utf-8")
DEMO = ROOT / "swc" / "data" / "demo.flac"


def snippets() -> list[tuple[str, str]]:
    """(language, text) of each, those within lists too."""
    found = re.findall(r"^( *)```(\w+)\n(.*?)^\1```$", PAGE, re.S | re.M)
    return [(language, textwrap.dedent(text)) for _, language, text in found]


def test_there_are_snippets() -> None:
    assert [language for language, _ in snippets()].count("python") >= 10
    assert PAGE.count("```") == 2 * len(snippets())


def test_snippets_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write("in.wav", *soundfile.read(DEMO))
    names: dict[str, Any] = {}
    for language, text in snippets():
        if language == "python":
            exec(compile(text, "tokens.md", "exec"), names)  # noqa: S102  (the page is ours)
        else:
            names["stream"].save("out.swc")
            command = f'set -e; swc() {{ "{sys.executable}" -m swc "$@"; }}\n{text}'
            done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            assert Path("again.swc").read_bytes() == Path("out.swc").read_bytes()


def test_the_table_is_right() -> None:
    codec, (audio, rate) = Codec.load(), soundfile.read(DEMO)
    rows = re.findall(r"^\| ([\d.]+) \| (\d+)(?: to (\d+))? \| (\d+) \| 10 \|$", PAGE, re.M)
    assert len(rows) == 5
    for kbps, least, most, codes in rows:
        stream = codec.encode(audio, rate, float(kbps))
        experts = stream.mask().sum((0, 1))
        assert (experts.min(), experts.max()) == (int(least), int(most or least))
        assert (stream.codes() >= 0).sum() / stream.duration == pytest.approx(int(codes), abs=0.6)
