"""Bundles by name, by folder and by fingerprint."""

from __future__ import annotations

from pathlib import Path

import pytest

from swc.bundle import bundle_for, find_bundle, list_bundles
from swc.errors import ModelError


def test_bundles_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model 'nonesuch'"):
        find_bundle("nonesuch")
    with pytest.raises(ModelError, match="0000000000000000"):
        bundle_for(bytes(8))
    (tmp_path / "config.toml").write_text('name = "empty"\nbackbone = {kind = "spectral"}\nquantizer = {kind = "revq"}')
    with pytest.raises(ModelError, match="no weights"):
        find_bundle(tmp_path)


def test_a_variable_names_another_folder(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").symlink_to(tiny_bundle)
    monkeypatch.setenv("SWC_MODELS", str(tmp_path))
    (bundle,) = list_bundles()
    assert bundle.path == tmp_path / "other"
    assert bundle_for(bundle.fingerprint) == bundle
    with pytest.raises(ModelError, match="no model 'swc-44k'; installed: tiny"):
        find_bundle("swc-44k")
