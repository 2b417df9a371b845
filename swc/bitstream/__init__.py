"""Bytes <-> Stream: the .swc container, version 1, as formats/SWC-1.md defines it.

Reads and writes codes and routing masks; knows no tensors and imports no torch.
"""

from swc.bitstream.chunks import ChunkSink, ChunkSource, LossySource
from swc.bitstream.coupling import Coupling, Couplings, Parameters
from swc.bitstream.edit import Piece, chunk_at, cut, join, retag
from swc.bitstream.framing import CHUNK_OVERHEAD, END_SIZE
from swc.bitstream.header import MAGIC, header_size
from swc.bitstream.layouts import LAYOUTS, FsqLayout, Layout, RevqLayout, VrvqLayout
from swc.bitstream.layouts.revq import Window
from swc.bitstream.layouts.vrvq import DepthWindow
from swc.bitstream.limits import LIMITS
from swc.bitstream.live import LiveReader
from swc.bitstream.reader import StreamReader
from swc.bitstream.salvage import Loss, SalvageReader
from swc.bitstream.stream import Stream, StreamBuilder
from swc.bitstream.structure import Chunk, Extension, Header, latents_for, window_lengths
from swc.bitstream.tags import Tags
from swc.bitstream.writer import StreamWriter

__all__ = [
    "CHUNK_OVERHEAD",
    "END_SIZE",
    "LAYOUTS",
    "LIMITS",
    "MAGIC",
    "Chunk",
    "ChunkSink",
    "ChunkSource",
    "Coupling",
    "Couplings",
    "DepthWindow",
    "Extension",
    "FsqLayout",
    "Header",
    "Layout",
    "LiveReader",
    "Loss",
    "LossySource",
    "Parameters",
    "Piece",
    "RevqLayout",
    "SalvageReader",
    "Stream",
    "StreamBuilder",
    "StreamReader",
    "StreamWriter",
    "Tags",
    "VrvqLayout",
    "Window",
    "chunk_at",
    "cut",
    "header_size",
    "join",
    "latents_for",
    "retag",
    "window_lengths",
]
