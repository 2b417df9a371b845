"""Fuzzes the reader of compressed audio (and of whatever else is a file), from files and pipes; run by `make fuzz`.

The first byte of an input decides whether it is a file or a pipe, and whether damage is tolerated.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["swc"]):
    from swc.audio import AudioReader
    from swc.errors import InputError

BLOCK = 4096
MOST = 2**22
"""Samples that are decoded: a few bytes of FLAC or WavPack can rightly stand for hours of silence."""

FOLDER = tempfile.TemporaryDirectory()
PATH = Path(FOLDER.name) / "input"


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


def one_input(data: bytes) -> None:
    """Any exception but InputError is a finding."""
    if not data:
        return
    salvage, kind, data = bool(data[0] & 1), data[0] >> 1 & 1, data[1:]
    if kind:
        PATH.write_bytes(data)
        read(PATH, salvage)
    else:
        with patch("sys.stdin", io.TextIOWrapper(io.BufferedReader(Pipe(data)))):
            read("-", salvage)


def read(path: Path | str, salvage: bool) -> None:
    open_files, message = len(os.listdir("/proc/self/fd")), ""
    try:
        with AudioReader(path, salvage=salvage) as reader:
            assert 1 <= reader.channels <= 8
            assert reader.sample_rate >= 1
            samples, full = 0, True
            for block in reader.blocks(BLOCK):
                assert full, "a short block that isn't the last"
                assert block.shape[1] == reader.channels
                assert 0 < len(block) <= BLOCK
                samples, full = samples + len(block), len(block) == BLOCK
                if samples * reader.channels > MOST:
                    break
            else:
                assert salvage or reader.total_samples in (None, samples)
            assert all(key for key, _ in reader.tags)
    except InputError as error:
        message = str(error)
    assert tempfile.gettempdir() not in message.replace(str(PATH), "")
    assert len(os.listdir("/proc/self/fd")) == open_files, "a file was left open"


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
