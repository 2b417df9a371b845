"""StreamWriter: chunk by chunk to any file, as strict as the reader."""

from __future__ import annotations

from swc.bitstream import framing
from swc.bitstream.header import encode_header
from swc.bitstream.payload import pack
from swc.bitstream.structure import Chunk, Header
from swc.errors import SyntaxFormatError
from swc.files import BinaryOutput


class StreamWriter:
    """Writes a stream; never seeks and never reads, so a pipe gets the same bytes as a file.

    The header is written at once. A stream without `finish` is truncated, and readers say so.

    Args:
        fp: binary file.
        header: of the stream; total_samples may be None.

    Attributes:
        header: of the stream.
        bytes_written: so far.

    Raises:
        LimitError, SyntaxFormatError, VersionError: here, in write_chunk and in finish, for anything that the
            reader would refuse; none of it is written.
        OSError: from `fp`.
    """

    def __init__(self, fp: BinaryOutput, header: Header) -> None:
        data = encode_header(header)
        self.header = header
        self.bytes_written = 0
        self._fp = fp
        self._ledger = framing.Ledger(header, data)
        self._finished = False
        self._write(data)

    def write_chunk(self, chunk: Chunk) -> None:
        """Write a chunk; every one but the last must be full."""
        self._check_open()
        self._ledger.check_room(chunk.latents)
        payload = pack(self.header, chunk)
        fields = framing.CHUNK_FIELDS.pack(chunk.latents, len(payload))
        crc = self._ledger.chunk_crc(fields, payload)
        self._ledger.add(chunk.latents, payload)
        self._write(framing.CHUNK_SYNC + fields + payload + crc)

    def finish(self, total_samples: int) -> None:
        """Write the end chunk, for `total_samples` samples per channel at source_rate."""
        self._check_open()
        self._ledger.check_total(total_samples)
        fields = framing.END_FIELDS.pack(total_samples, self._ledger.chunks)
        self._finished = True
        self._write(framing.END_SYNC + fields + self._ledger.end_crc(fields))

    def _check_open(self) -> None:
        if self._finished:
            raise SyntaxFormatError("the stream is finished; nothing may follow its end chunk")

    def _write(self, data: bytes) -> None:
        while data:
            count = self._fp.write(data)
            if count is None:  # returned by a raw file in non-blocking mode
                raise BlockingIOError("the output's write returned no count; give swc a file that blocks")
            self.bytes_written += count
            data = data[count:]
