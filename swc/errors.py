"""Every exception swc raises on purpose, in one tree.

SwcError
├── InputError            audio or parameters the codec cannot use          (exit code 1)
│   └── BitrateError      a target bitrate that this input cannot meet
├── ModelError            a bundle that is missing, damaged or the wrong one (exit code 1)
└── FormatError           bytes that are not a valid .swc stream            (exit code 3)
    ├── NotSwcError       other magic bytes: another kind of file
    ├── VersionError      a newer major version, or a critical extension we do not know
    ├── LimitError        a field beyond the limits of formats/SWC-1.md
    ├── ChecksumError     a CRC that does not match
    ├── TruncatedError    the stream ends before its end chunk
    └── SyntaxFormatError a field or payload that breaks a rule of formats/SWC-1.md
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class SwcError(Exception):
    """Base of all errors that swc raises on purpose; the message says what to do next."""

    exit_code = 1


class InputError(SwcError):
    """Audio or parameters that the codec cannot use."""


class BitrateError(InputError):
    """A target bitrate that the input cannot meet; the message names the least possible rate."""


class ModelError(SwcError):
    """A model bundle that is missing, damaged, or not the one that a stream was made with."""


class FormatError(SwcError):
    """Bytes that are not a valid .swc stream.

    Attributes:
        offset: byte position in the stream at which the fault was noticed, or None.
    """

    exit_code = 3

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message if offset is None else f"{message} (byte {offset})")
        self.offset = offset


class NotSwcError(FormatError):
    """The magic bytes are not swc's: another kind of file."""


class VersionError(FormatError):
    """A newer major version of the format, or a critical extension this version does not know."""


class LimitError(FormatError):
    """A field beyond the limits of formats/SWC-1.md."""


class ChecksumError(FormatError):
    """A CRC-32 that does not match its bytes."""


class TruncatedError(FormatError):
    """The stream ends before its end chunk."""


class SyntaxFormatError(FormatError):
    """A field or payload that breaks a rule of formats/SWC-1.md."""


@contextmanager
def naming(name: str, kind: type[SwcError] = SwcError) -> Iterator[None]:
    """Let errors of a kind begin with the name of their file or recording; an empty name changes nothing."""
    try:
        yield
    except kind as error:
        if name:
            error.args = (f"{name}: {error}",)
        raise
