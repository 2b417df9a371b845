"""Fuzzes the reader of WAV on pipes; run by `make fuzz`."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from unittest.mock import patch

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["swc"]):
    from swc.audio import AudioReader
    from swc.errors import InputError


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


def one_input(data: bytes) -> None:
    """Any exception but InputError is a finding."""
    with patch("sys.stdin", io.TextIOWrapper(io.BufferedReader(Pipe(b"RIFF" + data)))):
        try:
            with AudioReader("-") as reader:
                samples = sum(len(block) for block in reader.blocks())
                assert samples * reader.channels <= len(data)
                assert all(key and text for key, text in reader.tags)
        except InputError:
            pass


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
