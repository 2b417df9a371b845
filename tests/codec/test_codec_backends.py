"""Which backend decodes what, and what is said where there is none."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from swc.bitstream import Header, RevqLayout
from swc.bundle.find import FOLDER_VARIABLE
from swc.codec import backends
from swc.codec.backends import check_decoder, load_decoder
from swc.codec.onnx import OnnxCodec, trailer
from swc.errors import InputError, ModelError

HEADER = Header(16000, 16000, 1, 512, 0, 20, 2, RevqLayout(1, 5, 6), bytes(8))


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"not a model")
    return path


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(backends, "find_spec", lambda name: None if name == "torch" else found(name))


def test_a_file_is_for_onnx(exported: Path) -> None:
    check_decoder(exported)
    check_decoder(exported, "auto", "onnx")
    with pytest.raises(ModelError, match=r"a\.onnx is cut off, or not a model"):
        load_decoder(exported)
    with pytest.raises(InputError, match=r"a\.onnx is for `backend` onnx; torch takes"):
        check_decoder(exported, backend="torch")
    with pytest.raises(InputError, match="onnx runs on the CPU alone, not on cuda"):
        check_decoder(exported, "cuda")


def test_a_name_is_for_torch_unless_there_is_none(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(exported.parent))
    with pytest.raises(ModelError, match="no model 'a'"):
        check_decoder("a")
    check_decoder("a", backend="onnx")
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    check_decoder("a")
    with pytest.raises(InputError, match="torch is not installed"):
        check_decoder("a", backend="torch")


@pytest.mark.usefixtures("without_torch")
def test_without_any_model_it_says_where_one_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(ModelError, match=r"no \.onnx file in .* fingerprint is 0000000000000000.*swc models export"):
        load_decoder(HEADER)
    with pytest.raises(ModelError, match="no file 'b' for `backend` onnx"):
        load_decoder("b")


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(InputError, match="`backend` must be one of auto, torch, onnx, not 'jax'"):
        load_decoder(HEADER, backend="jax")  # type: ignore[arg-type]


def test_a_missing_package_is_named(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported.write_bytes(b"x" + trailer(b"x"))
    with pytest.raises(ModelError, match=r"onnxruntime [\d.]+ cannot run .*a\.onnx"):
        OnnxCodec.load(exported)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match="needs the package onnxruntime"):
        OnnxCodec.load(exported)
