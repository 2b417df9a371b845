"""What is compiled is used where it can be, and missed nowhere."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from swc import native


@pytest.mark.skipif(native.compiled() is None, reason="needs a C compiler: python hatch_build.py")
def test_other_numbers_and_places_are_left_to_arrays() -> None:
    assert native.serves(torch.zeros(1))
    assert native.serves(np.zeros(1, np.float32))
    assert not native.serves(torch.zeros(1, dtype=torch.float64))
    assert not native.serves(np.zeros(1))
    assert not native.serves(torch.zeros(1, device="meta"))
    assert not native.serves(torch.zeros(1, requires_grad=True))
    with FakeTensorMode():
        assert not native.serves(torch.zeros(1))


@pytest.mark.parametrize("kind", ["for another machine", "of earlier sources"])
def test_what_does_not_fit_is_as_good_as_none(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = native.compiled()
    if kind == "of earlier sources":
        monkeypatch.setattr(native, "INTERFACE", 0)
    else:
        (tmp_path / "_native.so").write_bytes(b"\x7fELF for something else")
        monkeypatch.setattr(native, "LIBRARY", tmp_path / "_native.so")
    native.compiled.cache_clear()
    try:
        assert native.compiled() is None
        assert not native.serves(torch.zeros(1))
    finally:
        native.compiled.cache_clear()
    monkeypatch.undo()
    assert isinstance(native.compiled(), ctypes.CDLL) is (before is not None)
