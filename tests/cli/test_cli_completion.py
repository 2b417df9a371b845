"""Completion in a shell: what is offered, at once, and how it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from swc.cli.options import complete_model


def completed(words: str, **environment: str) -> list[str]:
    """What bash is offered for the last of the words, which may be begun."""
    env = {**os.environ, "_SWC_COMPLETE": "complete_bash", "COMP_WORDS": words, **environment}
    done = subprocess.run(
        [sys.executable, "-m", "swc"],
        capture_output=True,
        text=True,
        env={**env, "COMP_CWORD": str(words.count(" "))},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.split()


def test_models_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "only", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.toml").write_text(
            f'name = "{name}"\n[backbone]\nkind = "spectral"\n[quantizer]\nkind = "revq"\n'
        )
        (tmp_path / name / "weights.safetensors").touch()
    models = {"SWC_MODELS": str(tmp_path)}
    monkeypatch.setenv("SWC_MODELS", str(tmp_path))
    assert complete_model("o") == ["one", "only"]
    assert completed("swc encode x --model ", **models) == ["one", "only", "two"]
    for command in ("encode", "decode", "inspect", "eval", "demo"):
        assert completed(f"swc {command} x --model on", **models) == ["one", "only"]


def test_commands_options_and_choices() -> None:
    assert completed("swc dec") == ["decode"]
    assert "--salvage" in completed("swc decode --s")
    assert completed("swc decode a.swc --bits ") == ["16", "24", "float"]


def test_broken_models_are_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "config.toml").write_text("not toml")
    monkeypatch.setenv("SWC_MODELS", str(tmp_path))
    assert complete_model("") == []


def test_nothing_heavy_is_imported() -> None:
    heavy = "{'torch', 'soundfile', 'soxr', 'scipy', 'matplotlib'}"
    code = "import sys; from swc.cli.options import complete_model as c; c('')"
    code += f"; sys.exit(not {heavy}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_script_is_shown_and_installed(tmp_path: Path) -> None:
    # the test of typer's own switch: without it the shell that runs the tests would decide
    env = {**os.environ, "HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [sys.executable, "-m", "swc"]
    shown = subprocess.run([*command, "--show-completion", "bash"], capture_output=True, text=True, env=env)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "complete -o default -F _swc_completion swc" in shown.stdout
    assert list(tmp_path.iterdir()) == []
    installed = subprocess.run([*command, "--install-completion", "bash"], capture_output=True, text=True, env=env)
    assert installed.returncode == 0
    (script,) = (tmp_path / ".bash_completions").iterdir()
    assert "_SWC_COMPLETE=complete_bash" in script.read_text()
    assert str(script) in (tmp_path / ".bashrc").read_text()
