"""swc: a neural audio codec with a specified, verified bitstream.

    import swc
    codec = swc.Codec.load()
    stream = codec.encode(audio, 44100, kbps=2.67)   # float audio (samples,) or (samples, channels)
    stream.save("out.swc")
    audio = codec.decode(swc.Stream.load("out.swc"))

Names are imported when first used, so that `import swc` stays quick and needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swc.bitstream import Stream
    from swc.bundle.find import list_bundles
    from swc.codec.codec import Codec
    from swc.errors import (
        BitrateError,
        ChecksumError,
        FormatError,
        InputError,
        ModelError,
        NotSwcError,
        SwcError,
        TruncatedError,
    )

__version__ = "0.1.0"

_HOME = {"Codec": "swc.codec.codec", "Stream": "swc.bitstream", "list_bundles": "swc.bundle.find"}

__all__ = [
    "BitrateError",
    "ChecksumError",
    "Codec",
    "FormatError",
    "InputError",
    "ModelError",
    "NotSwcError",
    "Stream",
    "SwcError",
    "TruncatedError",
    "__version__",
    "list_bundles",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'swc' has no attribute {name!r}")
    return getattr(import_module(_HOME.get(name, "swc.errors")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
