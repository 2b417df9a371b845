"""The page about decoding without torch: what it installs is what the package needs, torch aside."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "decoding-without-torch.md").read_text(encoding="utf-8")


def name(requirement: str) -> str:
    return re.split(r"[<>=]", requirement)[0]


def test_it_installs_all_but_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = {name(one): one for one in project["optional-dependencies"]["onnx"]}
    wanted = {one for one in project["dependencies"] if name(one) not in ("torch", *extra)}
    wanted |= {extra["numpy"], extra["onnxruntime"]}
    (command,) = re.findall(r"^pip install (\'.*)$", PAGE, re.M)
    assert set(shlex.split(command)) == wanted
