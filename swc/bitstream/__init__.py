"""Bytes <-> Stream: the .swc container, version 1, as formats/SWC-1.md defines it.

Reads and writes codes and routing masks; knows no tensors and imports no torch.
"""

from swc.bitstream.edit import Piece, chunk_at, cut, join
from swc.bitstream.framing import CHUNK_OVERHEAD, END_SIZE
from swc.bitstream.header import MAGIC, header_size
from swc.bitstream.limits import LIMITS
from swc.bitstream.payload import window_bits
from swc.bitstream.reader import StreamReader
from swc.bitstream.salvage import Loss, SalvageReader
from swc.bitstream.stream import Stream
from swc.bitstream.structure import Chunk, Extension, Family, Header, Window, latents_for
from swc.bitstream.tags import Tags
from swc.bitstream.writer import StreamWriter

__all__ = [
    "CHUNK_OVERHEAD",
    "END_SIZE",
    "LIMITS",
    "MAGIC",
    "Chunk",
    "Extension",
    "Family",
    "Header",
    "Loss",
    "Piece",
    "SalvageReader",
    "Stream",
    "StreamReader",
    "StreamWriter",
    "Tags",
    "Window",
    "chunk_at",
    "cut",
    "header_size",
    "join",
    "latents_for",
    "window_bits",
]
