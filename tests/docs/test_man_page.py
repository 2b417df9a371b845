"""The man page and docs/cli.md are current and complete; the man page renders without a warning."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from swc.cli import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "swc.1").read_text(encoding="utf-8")
CLI = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("script", "page"), [("man_page.py", "swc.1"), ("cli_page.py", "cli.md")])
def test_they_are_current(script: str, page: str) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, f"docs/{script}"]
    made = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert made.stdout == (ROOT / "docs" / page).read_text(encoding="utf-8"), "run: make man"


def all_commands() -> dict[str, Any]:
    """Those of `swc`, and those of groups that are not among them."""
    group: Any = typer.main.get_command(app)
    return {**group.commands, "models export": group.commands["models"].commands["export"]}


def test_every_command_and_option_is_in_it() -> None:
    commands = all_commands()
    parts = dict(zip(re.findall(r"^\.SS swc (.+?) \[", PAGE, re.M), PAGE.split("\n.SS ")[1:], strict=True))
    assert list(parts) == list(commands)
    for name, command in commands.items():
        for parameter in command.params:
            for option in parameter.opts if parameter.param_type_name == "option" else ():
                assert "\\fB" + option.replace("-", "\\-") + "\\fR" in parts[name], (name, option)


def test_every_command_and_option_is_in_the_markdown_page() -> None:
    commands = all_commands()
    parts = dict(re.findall(r"^## swc ([^\n]+)$(.*?)(?=^## )", CLI, re.M | re.S))
    assert list(parts) == list(commands)
    for name, command in commands.items():
        options = [o for p in command.params if p.param_type_name == "option" for o in p.opts]
        assert [option for option in options if f"`{option}" not in parts[name]] == []


def test_every_variable_and_exit_code_is_in_it() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "swc").rglob("*.py"))
    variables = set(re.findall(r"\bSWC_[A-Z]+\b", source))
    assert {"SWC_MODELS", "SWC_THREADS", "SWC_DEBUG"} <= variables
    environment = PAGE.split(".SH ENVIRONMENT")[1].split(".SH")[0]
    assert set(re.findall(r"^SWC_\S+$", environment, re.M)) == variables
    codes = PAGE.split(".SH EXIT STATUS")[1].split(".SH")[0]
    assert re.findall(r"\.TP\n(.*)", codes) == ["0", "1", "2", "3", "130", "128 + n"]


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_it_renders_without_warnings() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "docs/swc.1"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert "swc decode [OPTION ...] IN... [OUT]" in re.sub(r"\x1b\[\d*m|.\x08", "", done.stdout)
