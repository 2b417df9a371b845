"""Many files for the tests of the command line, and the command with a small model."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from cli_commands import command_line
from cli_forks import ONE_THREAD
from typer.testing import CliRunner, Result

from swc.cli import app


def noise(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    return 0.1 * np.random.default_rng(round(seconds * rate)).standard_normal((round(seconds * rate), channels))


class Swc:
    """The command, with the small model, in the working directory."""

    def __init__(self, folder: Path, models: Path) -> None:
        self.folder = folder
        self._runner = CliRunner(env={"SWC_MODELS": str(models)})
        self._environment = {**ONE_THREAD, "SWC_MODELS": str(models), "PYTHONPATH": str(Path(__file__).parents[2])}

    def __call__(self, *args: str | Path) -> Result:
        return self._runner.invoke(app, list(map(str, args)))

    def start(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        """As a process of its own."""
        return subprocess.Popen(  # type: ignore[no-any-return]
            command_line(*args),
            cwd=self.folder,
            env=self._environment,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            **options,
        )


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a folder, hidden ones too, by their relative paths."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
