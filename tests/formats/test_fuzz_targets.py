"""The fuzz targets run on what they start from, without the fuzzer."""

from __future__ import annotations

import contextlib
import importlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[2] / "fuzz"


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of seeds, with the targets importable and a stand-in for the fuzzer that instruments nothing."""
    atheris = types.ModuleType("atheris")
    atheris.instrument_imports = lambda include: contextlib.nullcontext()  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "atheris", atheris)
        patch.syspath_prepend(FUZZ)
        folder = tmp_path_factory.mktemp("seeds")
        importlib.import_module("seeds").main(folder)
        yield folder


@pytest.mark.parametrize("target", ["stream", "wav"])
def test_seeds_are_no_findings(seeds: Path, target: str) -> None:
    one_input = importlib.import_module(f"fuzz_{target}").one_input
    files = sorted((seeds / target).iterdir())
    assert len(files) > 15
    for path in files:
        one_input(path.read_bytes())
        one_input(path.read_bytes()[:-1])


def test_a_reader_that_is_wrong_is_a_finding(seeds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fuzz_stream = importlib.import_module("fuzz_stream")
    monkeypatch.setattr(fuzz_stream.reference_reader, "read", lambda data: {"chunks": [], "header": {"tags": []}})
    with pytest.raises(AssertionError):
        fuzz_stream.one_input((seeds / "stream" / "mono").read_bytes())
