"""Documentation is executed: the commands and Python of every page run in order, on the bundled recording."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile
from pages import NOT_RUN, PAGES, ROOT, bare, blocks, commands, name
from typer.testing import CliRunner

from swc import Codec
from swc.cli import app

pytestmark = pytest.mark.slow

SECONDS = 5.5  # of the recording, as much as the pages need
SMALL = {"dim": 32, "encoder_blocks": 1, "decoder_blocks": 1, "routed": 5, "codebook_bits": 6, "nominal_k": 2}
QUICK = {**SMALL, "init_seconds": 20.0, "steps": 1, "batch": 2}
"""What makes of the shipped config one that trains in seconds, with the same stages."""


def executed(page: Path) -> bool:
    return any(block.language in ("sh", "python") for block in blocks(page))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the pages start from."""
    folder = tmp_path_factory.mktemp("prepared")
    audio, rate = soundfile.read(ROOT / "swc" / "data" / "demo.flac", frames=round(SECONDS * 44100))
    soundfile.write(folder / "in.wav", audio, rate)
    soundfile.write(folder / "short.wav", audio[: 2 * rate], rate)
    Codec.load().encode(audio, rate, kbps=2.67).save(folder / "out.swc")
    (folder / "demo").mkdir()
    shutil.copy(folder / "in.wav", folder / "demo" / "original.wav")
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").write_text("")
    script = folder / ".venv" / "bin" / "swc"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m swc "$@"\n')
    script.chmod(0o755)
    config = (ROOT / "models" / "swc-44k" / "config.toml").read_text(encoding="utf-8")
    for key, value in QUICK.items():
        config, found = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", config)
        assert found
    (folder / "models" / "swc-44k").mkdir(parents=True)
    (folder / "models" / "swc-44k" / "config.toml").write_text(config, encoding="utf-8")
    return folder


@pytest.fixture
def workplace(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = shutil.copytree(prepared, tmp_path / "here")
    monkeypatch.chdir(folder)
    return folder


def run(command: str, folder: Path) -> None:
    """Run a command as a shell would; a single one of swc in this process, which takes less time."""
    if command.startswith("swc ") and not set("|<>&;") & set(bare(command)):
        done = CliRunner().invoke(app, shlex.split(command, comments=True)[1:])
        assert done.exit_code == 0, f"{command}\n{done.stderr}{done.exception!r}"
        return
    environment = {"PATH": f"{folder / '.venv' / 'bin'}:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    environment["OMP_NUM_THREADS"] = "1"  # other tests run beside it
    shell = ["bash", "-euo", "pipefail", "-c", f"{command}\npwd >&2"]
    piped = subprocess.run(shell, env=environment, capture_output=True, text=True)
    assert piped.returncode == 0, f"{command}\n{piped.stderr}"
    os.chdir(piped.stderr.splitlines()[-1])  # it may be a `cd`


@pytest.mark.parametrize("page", [page for page in PAGES if executed(page)], ids=name)
def test_snippets_run(page: Path, workplace: Path, live_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name(page) == "docs/live.md":  # with the tiny model, which takes less time
        monkeypatch.setenv("SWC_MODELS", str(live_bundle.parent))
    if name(page) == "docs/training.md":
        (workplace / "my-recordings").mkdir()
        shutil.copy("short.wav", "my-recordings")
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.language == "python":
            exec(compile(block.text, f"{name(page)}:{block.line}", "exec"), names)  # noqa: S102  (the pages are ours)
        elif block.language == "sh":
            for command in commands(block):
                if bare(command) not in NOT_RUN:
                    run(shortened(command), workplace)
    check(page, workplace)


def shortened(command: str) -> str:
    """Training takes steps in place of an hour; recordings in folders take 2 s, and no processes, which import much."""
    command = re.sub(r"--max-minutes \d+", "--max-steps 2", bare(command)).replace("--jobs 2", "")
    command = command.replace("cp in.wav my-recordings", "cp short.wav my-recordings")
    if re.match("swc (encode my-recordings|decode streams)", command):
        return f"{command} --jobs 1"
    return f"{command} --workers 0" if command.startswith("swc eval ") else command


def check(page: Path, folder: Path) -> None:
    """What the page promises of the files that it leaves."""
    if name(page) == "README.md":
        new = sorted(path.name for path in (folder / "try").iterdir())
        assert new == ["in.wav", "out.swc", "out.wav", "page.html", "piece.swc", "small.swc"]
        assert soundfile.info("out.wav").frames == soundfile.info("in.wav").frames
    elif name(page) == "docs/guide.md":
        assert Path("both.swc").read_bytes() == Path("out.swc").read_bytes()
    elif name(page) == "docs/tokens.md":
        assert Path("again.swc").read_bytes() == Path("out.swc").read_bytes()
