"""The two searches for codes, in C and with tensors."""

from __future__ import annotations

import pytest

from swc.native import compiled
from swc.nn import native


@pytest.fixture(params=["C", "tensors"])
def search(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Tests with this fixture run with each of the searches."""
    if request.param == "tensors":
        monkeypatch.setattr(native, "serves", lambda z: False)
    elif compiled() is None:
        pytest.skip("swc.native has not been compiled: python hatch_build.py")
    return str(request.param)
