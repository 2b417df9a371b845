"""The two ways to integrate phases, in C and with arrays."""

from __future__ import annotations

import pytest

from swc import native


@pytest.fixture(params=["C", "arrays"])
def integration(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests with this fixture run each way."""
    if request.param == "arrays":
        monkeypatch.setattr(native, "serves", lambda x: False)
    elif native.compiled() is None:
        pytest.skip("swc.native has not been compiled: python hatch_build.py")
