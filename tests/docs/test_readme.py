"""The README is executed: its Python and its shell snippets run as they stand, on the bundled recording."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from swc import __version__
from swc.cli import app

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def swc_commands() -> list[str]:
    lines = [line.split("  #")[0].strip() for text in snippets("sh") for line in text.splitlines()]
    return [line for line in lines if line.startswith(("swc ", "cat "))]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the snippets name."""
    folder = tmp_path_factory.mktemp("readme")
    audio, rate = soundfile.read(ROOT / "swc" / "data" / "demo.flac")
    soundfile.write(folder / "in.wav", audio, rate)
    (folder / "my-recordings").mkdir()
    soundfile.write(folder / "my-recordings" / "a.wav", audio[: 2 * rate], rate)
    (folder / "bin").mkdir()
    script = folder / "bin" / "swc"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m swc "$@"\n')
    script.chmod(0o755)
    shutil.copytree(ROOT / "models" / "swc-44k", folder / "models" / "swc-44k")
    config = folder / "models" / "swc-44k" / "config.toml"
    quick, found = re.subn(r"(?m)^init_seconds = .*$", "init_seconds = 30.0", config.read_text(encoding="utf-8"))
    quick, solved = re.subn(r"(?m)^steps = \d+$", "steps = 1", quick)
    assert (found, solved) == (1, 3)
    config.write_text(quick, encoding="utf-8")
    return folder


def run(command: str, folder: Path) -> tuple[int, str]:
    """Exit code and messages: of a pipeline as processes, of a single command in this one, which takes less time."""
    if "|" not in command:
        done = CliRunner().invoke(app, shlex.split(command, comments=True)[1:])
        return done.exit_code, done.stderr + repr(done.exception)
    environment = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    environment["OMP_NUM_THREADS"] = "1"  # other tests run beside it
    shell = ["bash", "-euo", "pipefail", "-c", command]
    piped = subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True)
    return piped.returncode, piped.stderr


def test_there_are_snippets() -> None:
    assert len(swc_commands()) >= 8
    assert len(snippets("python")) >= 2


def test_shell_snippets_run(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    for command in swc_commands():
        if command.startswith("swc train"):
            command = re.sub(r"--max-minutes \d+", "--max-steps 2", command)
        code, messages = run(command, workplace)
        assert code == 0, f"{command}\n{messages}"
    back, _ = soundfile.read(workplace / "out.wav")
    original, _ = soundfile.read(workplace / "in.wav")
    assert back.shape == original.shape


def test_python_snippets_run(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    for text in snippets("python"):
        exec(compile(text, "README.md", "exec"), {})  # noqa: S102  (the README is ours)


def test_files_that_the_readme_links_to_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link]
    assert len(links) > 3
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_changelog_and_version_agree() -> None:
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
