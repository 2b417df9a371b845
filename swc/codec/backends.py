"""The choice between backends of a decoder: torch or onnxruntime. Imports neither by itself."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from swc.bitstream import Header
from swc.bundle.find import find_bundle
from swc.errors import InputError

if TYPE_CHECKING:
    from swc.codec.decoding import DecodingCodec

Backend = Literal["auto", "torch", "onnx"]
BACKENDS: tuple[Backend, ...] = ("auto", "torch", "onnx")
_ONNX = ".onnx"


def load_decoder(model: str | Path | Header, device: str = "cpu", backend: Backend = "auto") -> DecodingCodec:
    """Load a model to decode with.

    Args:
        model: a bundle's name or folder, or a file that `swc models export` wrote; or a stream's header, for the
            installed one that it was made with.
        device: where torch runs the networks.
        backend: "auto" takes onnxruntime for such a file, and where torch is not installed.

    Raises:
        ModelError: no such model, or a damaged one.
        InputError: a backend that is unknown, not installed, or not for this model or device.
    """
    if _chosen(model, device, backend) == "onnx":
        from swc.codec.onnx import OnnxCodec

        return OnnxCodec.for_stream(model) if isinstance(model, Header) else OnnxCodec.load(model)
    from swc.codec.codec import Codec

    return Codec.for_stream(model, device) if isinstance(model, Header) else Codec.load(model, device)


def check_decoder(model: str | Path, device: str = "cpu", backend: Backend = "auto") -> None:
    """Raise what `load_decoder` would, as far as that shows before anything is loaded."""
    if _chosen(model, device, backend) == "onnx":
        from swc.codec.onnx import find_onnx

        find_onnx(model)
    else:
        find_bundle(model)


def _chosen(model: str | Path | Header, device: str, backend: Backend) -> Backend:
    """torch or onnx."""
    if backend not in BACKENDS:
        raise InputError(f"`backend` must be one of {', '.join(BACKENDS)}, not {backend!r}")
    exported = not isinstance(model, Header) and Path(model).suffix == _ONNX
    if backend == "torch" and exported:
        raise InputError(f"{model} is for `backend` onnx; torch takes the name or folder of a bundle")
    has_torch = find_spec("torch") is not None
    if backend == "torch" and not has_torch:
        raise InputError("torch is not installed; install it with: pip install torch, or take `backend` onnx")
    if backend == "torch" or (backend == "auto" and has_torch and not exported):
        return "torch"
    if device not in ("auto", "cpu"):
        raise InputError(f"`backend` onnx runs on the CPU alone, not on {device}; leave out `device`")
    return "onnx"
