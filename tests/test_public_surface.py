"""What `import swc` offers, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import swc

SURFACE = {
    "swc": [
        *("BitrateError", "ChecksumError", "Codec", "FormatError", "InputError", "ModelError", "NotSwcError", "Stream"),
        *("SwcError", "TruncatedError", "__version__", "list_bundles"),
    ],
    "swc.audio": [
        *("Audio", "AudioReader", "AudioWriter", "Bits", "CheckedBlocks", "RawFormat", "Resampler", "resample"),
    ],
    "swc.bitstream": [
        *(
            "CHUNK_OVERHEAD",
            "Chunk",
            "ChunkSink",
            "ChunkSource",
            "Coupling",
            "Couplings",
            "DepthWindow",
            "END_SIZE",
            "Extension",
            "FsqLayout",
            "Header",
            "LAYOUTS",
        ),
        *(
            "LIMITS",
            "Layout",
            "LiveReader",
            "Loss",
            "LossySource",
            "MAGIC",
            "Parameters",
            "Piece",
            "RevqLayout",
            "SalvageReader",
            "Stream",
        ),
        *(
            "StreamBuilder",
            "StreamReader",
            "StreamWriter",
            "Tags",
            "VrvqLayout",
            "Window",
            "chunk_at",
            "cut",
            "header_size",
        ),
        *("join", "latents_for", "retag", "window_lengths"),
    ],
    "swc.bundle": ["Bundle", "bundle_for", "find_bundle", "list_bundles"],
    "swc.training": ["Progress", "train"],
}
WITHOUT_TORCH = (
    *("swc", "swc.cli", "swc.audio", "swc.bitstream", "swc.bundle", "swc.config"),
    *("swc.codec.backends", "swc.codec.batch", "swc.codec.finished", "swc.codec.onnx", "swc.codec.transcode"),
)


@pytest.mark.parametrize("name", SURFACE)
def test_public_names_are_these_and_exist(name: str) -> None:
    module = import_module(name)
    assert sorted(module.__all__) == SURFACE[name]
    assert all(getattr(module, public) is not None for public in module.__all__)


def test_names_of_the_package_are_sorted() -> None:
    assert swc.__all__ == sorted(swc.__all__)
    assert dir(swc) == swc.__all__


def test_what_needs_no_torch_does_not_import_it() -> None:
    code = f"import sys, {', '.join(WITHOUT_TORCH)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
