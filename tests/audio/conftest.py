"""Standard input for the tests of reading."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest


class OneWay(io.BytesIO):
    """Standard input as a pipe: bytes that can only be read forwards."""

    def seekable(self) -> bool:
        return False

    def seek(self, *args: int) -> int:
        raise io.UnsupportedOperation("seek on a pipe")

    tell = seek


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    def feed(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(OneWay(data))))  # type: ignore[arg-type]

    return feed
