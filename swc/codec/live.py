"""Live audio: bytes as soon as they are known, from samples as they come.

Every window is a chunk of its own, channels are coded apart, and the level follows the audio (`FollowingGain`).
Whatever the next samples depend on is in attributes, and no call waits for anything.
"""

from __future__ import annotations

import io
from typing import Any

from swc.audio import CheckedBlocks
from swc.audio.resample import LIVE_QUALITY
from swc.bitstream import Header, StreamWriter
from swc.codec.control import RateControl, Uncoded
from swc.codec.encoder import StreamEncoder
from swc.codec.gain import FollowingGain
from swc.codec.options import EncodeOptions
from swc.codec.search import search
from swc.errors import InputError
from swc.nn.model import CodecModel


def live_encoder(model: CodecModel, header: Header, control: RateControl, options: EncodeOptions) -> StreamEncoder:
    """The encoder of a live stream with this header, which has the gain if the options fix one."""
    step = header.chunk_latents * header.hop
    gain = None if options.gain_db is not None else FollowingGain(model.config.gain, step, header.model_rate)
    return StreamEncoder(model, header, control, options.effort, gain=gain, resampling=LIVE_QUALITY)


class LiveEncoder:
    """Encodes live audio, see `Codec.encode_stream`.

    Attributes:
        header: of the stream.
        encoder: of its chunks.
        blocks: what was pushed, checked and measured.
    """

    def __init__(self, encoder: StreamEncoder) -> None:
        self.encoder, self.header = encoder, encoder.header
        self.blocks = CheckedBlocks((), self.header.channels)
        self._bytes = io.BytesIO()
        self._writer = StreamWriter(self._bytes, self.header)
        self._ended = False

    def push(self, samples: Any) -> bytes:
        """The next bytes of the stream: its header, and each chunk as soon as its audio is there.

        Args:
            samples: the next, as many as there are: (n, channels), or (n,) of one channel; as `Codec.encode` takes
                them. How the audio is cut never matters.

        Raises:
            InputError: samples of another shape or type, or that are not finite; or the stream was ended.
        """
        self._check_open()
        for chunk in self.encoder.push(self.blocks.take(samples)):
            self._write(chunk)
        return self._taken()

    def flush(self) -> bytes:
        """The rest of the stream, which ends with what was pushed so far.

        Raises:
            InputError: the stream was ended already.
        """
        self._check_open()
        self._ended = True
        for chunk in self.encoder.flush():
            self._write(chunk)
        self._writer.finish(self.blocks.samples)
        return self._taken()

    def _write(self, chunk: Uncoded) -> None:
        requests = self.encoder.granted([chunk])
        (codes,) = search(self.encoder.model, [requests], self.header.window, self.encoder.effort)
        self._writer.write_chunk(self.encoder.chunk(requests[0], codes[0]))

    def _taken(self) -> bytes:
        data = self._bytes.getvalue()
        self._bytes.seek(0)
        self._bytes.truncate()
        return data

    def _check_open(self) -> None:
        if self._ended:
            raise InputError("the stream was ended by `flush`; begin another with `encode_stream`")
