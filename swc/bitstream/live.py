"""LiveReader: a stream that arrives in pieces, cut anywhere and perhaps damaged."""

from __future__ import annotations

import io

from swc.bitstream.header import MAGIC
from swc.bitstream.reader import read_header
from swc.bitstream.salvage import SalvageReader
from swc.bitstream.source import Source
from swc.bitstream.structure import Chunk
from swc.errors import FormatError, NotSwcError, TruncatedError

_HEADER = 4096  # bytes in which a header must have ended, as it has without long tags


class LiveReader(SalvageReader):
    """Takes the chunks out of what has arrived so far, by the rules of SalvageReader.

    How the bytes are cut into pieces never matters. A damaged chunk shows when an intact one has arrived after it.

    Args:
        data: the beginning of a stream, with its header.

    Raises:
        FormatError: the header cannot be read, perhaps since it is incomplete.
    """

    def __init__(self, data: bytes) -> None:
        self._open = True
        super().__init__(io.BytesIO(data))
        self._gather(len(data))

    @classmethod
    def begun(cls, data: bytes, *, ended: bool = False) -> LiveReader | None:
        """A reader of a stream that begins with `data`; None if more of its header has to arrive.

        Raises:
            FormatError: the header cannot be read.
        """
        more_to_come = not ended and len(data) < _HEADER
        try:
            read_header(Source.of(data))
        except TruncatedError:
            if more_to_come:
                return None
        except NotSwcError:
            if sum((one ^ other).bit_count() for one, other in zip(data, MAGIC, strict=False)) > 1:
                raise
        except FormatError:
            pass  # perhaps a wrong bit, which shows once the header is complete
        try:
            return cls(data)
        except FormatError:
            if more_to_come:
                return None
            raise

    @property
    def ended(self) -> bool:
        """Whether the end chunk has arrived."""
        return self._ended

    def push(self, data: bytes) -> list[Chunk | None]:
        """The chunks that are complete with the next bytes, and None for each that is lost before one of them."""
        self._buffer += data
        found: list[Chunk | None] = []
        try:
            for chunk in self:
                found.append(chunk)
        except _MoreToComeError:
            pass
        return found

    def close(self) -> list[Chunk | None]:
        """`push`, when nothing else will arrive."""
        self._open = False
        return self.push(b"")

    def _fill(self, size: int) -> bool:
        if not super()._fill(size) and self._open and not self._ended:
            raise _MoreToComeError
        return len(self._buffer) >= size


class _MoreToComeError(Exception):
    """The next bytes decide."""
