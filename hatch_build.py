"""Compiles the search for codes where there is a C compiler; without one, a wheel has Python alone, which is slower."""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NATIVE = Path(__file__).parent / "swc/nn/native"
FLAGS = ("-std=gnu11", "-O3", "-shared", "-fPIC", "-s")


def compile_search() -> bool:
    """Compile `search.c` beside it; whether that succeeded."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    with tempfile.TemporaryDirectory(dir=NATIVE) as folder:
        made = Path(folder) / "_search.so"
        try:
            subprocess.run(
                [*compiler, *FLAGS, "-o", str(made), "search.c"], cwd=NATIVE, capture_output=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):
            return False
        made.replace(NATIVE / made.name)  # a process that has loaded the old one keeps it
    return True


class Build(BuildHookInterface[Any]):
    """Adds the compiled search to a wheel, which is then for one platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name == "wheel" and compile_search():
            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data |= {"pure_python": False, "tag": f"py3-none-{platform}"}
            build_data["artifacts"].append("swc/nn/native/_search.so")


if __name__ == "__main__":
    raise SystemExit(0 if compile_search() else "no C compiler worked; swc searches with tensors then")
