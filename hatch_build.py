"""Compiles the C code of `swc.native` where there is a compiler; without one a wheel is of Python alone, and slower."""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NATIVE = Path(__file__).parent / "swc/native"
SOURCES = ("search.c", "phase.c")
# Without fused products, distances in full would be rounded in another way than those of `tile` in distances.h.
FLAGS = ("-std=gnu11", "-O3", "-ffp-contract=fast", "-shared", "-fPIC", "-s")


def compile_native() -> bool:
    """Compile the sources to a library beside them; whether that succeeded."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    with tempfile.TemporaryDirectory(dir=NATIVE) as folder:
        made = Path(folder) / "_native.so"
        try:
            command = [*compiler, *FLAGS, "-o", made, *SOURCES, "-lm"]
            subprocess.run(command, cwd=NATIVE, capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return False
        made.replace(NATIVE / made.name)  # a process that has loaded the old one keeps it
    return True


class Build(BuildHookInterface[Any]):
    """Adds the library to a wheel, which is then for one platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name == "wheel" and compile_native():
            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data |= {"pure_python": False, "tag": f"py3-none-{platform}"}
            build_data["artifacts"].append("swc/native/_native.so")


if __name__ == "__main__":
    raise SystemExit(0 if compile_native() else "no C compiler worked; swc then does without")
