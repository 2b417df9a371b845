"""The table of docs/tokens.md is right; its snippets run with those of the other pages."""

from __future__ import annotations

import re

import pytest
import soundfile
from pages import ROOT

from swc import Codec

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "tokens.md").read_text(encoding="utf-8")
DEMO = ROOT / "swc" / "data" / "demo.flac"


def test_the_table_is_right() -> None:
    codec, (audio, rate) = Codec.load(), soundfile.read(DEMO)
    rows = re.findall(r"^\| ([\d.]+) \| (\d+)(?: to (\d+))? \| (\d+) \| 10 \|$", PAGE, re.M)
    assert len(rows) == 5
    for kbps, least, most, codes in rows:
        stream = codec.encode(audio, rate, float(kbps))
        experts = stream.mask().sum((0, 1))
        assert (experts.min(), experts.max()) == (int(least), int(most or least))
        assert (stream.codes() >= 0).sum() / stream.duration == pytest.approx(int(codes), abs=0.6)
