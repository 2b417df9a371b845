"""Audio in and out: reading and writing in blocks, resampling with exact lengths.

Arrays are float32 of shape (samples, channels), full scale is [-1, 1]. Nothing here holds more than a
block of audio in memory or imports torch.
"""

from swc.audio.blocks import CheckedBlocks
from swc.audio.reader import AudioReader
from swc.audio.resample import Resampler, resample
from swc.audio.wav import Audio, Bits, RawFormat
from swc.audio.writer import AudioWriter

__all__ = [
    "Audio",
    "AudioReader",
    "AudioWriter",
    "Bits",
    "CheckedBlocks",
    "RawFormat",
    "Resampler",
    "resample",
]
