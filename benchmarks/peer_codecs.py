"""The codecs that benchmarks/peers.py compares; run as a script, one of them in a process of its own.

python benchmarks/peer_codecs.py NAME SECONDS reads requests from stdin, a line of JSON each, and answers with lines.

Networks of others have random weights, on which their speed does not depend; swc's are the shipped ones, since what it
searches for depends on them. Each codec takes the number of codebooks that comes closest to 2.67 kbit/s.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import soundfile
import soxr

from swc import list_bundles
from swc.bundle import find_bundle

T = TypeVar("T")
WARM_UP = 0.5  # seconds of audio


@dataclass(frozen=True)
class Coder:
    """A codec that is ready.

    Attributes:
        rate: Hz.
        channels: that it codes together.
        parameters: numbers in its networks and codebooks.
        encode: audio (batch, channels, samples) -> codes.
        decode: codes -> audio.
        bits: of codes.
    """

    rate: int
    channels: int
    parameters: int
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    bits: Callable[[Any], int]


def swc_model(name: str) -> Coder:
    """A bundle, from samples to the bytes of a file and back."""
    from swc import Codec

    codec = Codec.load(name)

    def encode(audio: Any) -> list[bytes]:
        return [stream.to_bytes() for stream in codec.encode_batch(audio, codec.sample_rate)]

    size = find_bundle(name).parameters
    return Coder(codec.sample_rate, 1, size, encode, codec.decode_batch, lambda coded: 8 * sum(map(len, coded)))


def dac() -> Coder:
    """Kumar et al. 2023, arXiv 2306.06546: the 44.1 kHz model, three of its nine codebooks."""
    from transformers import DacConfig, DacModel

    model = DacModel(DacConfig(sampling_rate=44100)).eval()
    return Coder(
        44100,
        1,
        parameters(model),
        lambda audio: model.encode(audio, n_quantizers=3).audio_codes,
        lambda codes: model.decode(audio_codes=codes).audio_values,
        lambda codes: 10 * codes.numel(),
    )


def encodec(rate: int, channels: int, **config: Any) -> Coder:
    """Défossez et al. 2022, arXiv 2210.13438, at 3 kbit/s."""
    from transformers import EncodecConfig, EncodecModel

    model = EncodecModel(EncodecConfig(sampling_rate=rate, audio_channels=channels, **config)).eval()

    def bits(coded: Any) -> int:
        frames, batch, books, length = coded.audio_codes.shape
        return 10 * batch * books * (frames * length - coded.last_frame_pad_length)

    return Coder(
        rate,
        channels,
        parameters(model, "embed"),
        lambda audio: model.encode(audio, bandwidth=3.0),
        lambda coded: (
            model.decode(
                coded.audio_codes, coded.audio_scales, last_frame_pad_length=coded.last_frame_pad_length
            ).audio_values
        ),
        bits,
    )


STEREO_48 = {"target_bandwidths": [3.0, 6.0, 12.0, 24.0], "normalize": True, "use_causal_conv": False}
STEREO_48 |= {"norm_type": "time_group_norm", "chunk_length_s": 1.0, "overlap": 0.01}


def snac(rate: int, **config: Any) -> Coder:
    """Siuzdak et al. 2024, arXiv 2410.14411."""
    from snac import SNAC

    model = SNAC(sampling_rate=rate, decoder_rates=config["encoder_rates"][::-1], **config).eval()
    return Coder(
        rate, 1, parameters(model), model.encode, model.decode, lambda codes: 12 * sum(one.numel() for one in codes)
    )


SNAC_24 = {"encoder_dim": 48, "decoder_dim": 1024, "encoder_rates": [2, 4, 8, 8]}
SNAC_24 |= {"vq_strides": [4, 2, 1], "attn_window_size": None}
SNAC_44 = {"encoder_rates": [2, 3, 8, 8]}


def mimi() -> Coder:
    """Défossez et al. 2024, arXiv 2410.00037: 19 of its 32 codebooks."""
    from transformers import MimiConfig, MimiModel

    model = MimiModel(MimiConfig()).eval()
    return Coder(
        24000,
        1,
        parameters(model, "embed_sum"),
        lambda audio: model.encode(audio, num_quantizers=19).audio_codes,
        lambda codes: model.decode(codes).audio_values,
        lambda codes: 11 * codes.numel(),
    )


PEERS: dict[str, Callable[[], Coder]] = {
    "DAC 44.1 kHz": dac,
    "EnCodec 24 kHz": partial(encodec, 24000, 1),
    "EnCodec 48 kHz": partial(encodec, 48000, 2, **STEREO_48),
    "SNAC 24 kHz": partial(snac, 24000, **SNAC_24),
    "SNAC 44.1 kHz": partial(snac, 44100, **SNAC_44),
    "Mimi 24 kHz": mimi,
}


def builders() -> dict[str, Callable[[], Coder]]:
    """How to make each codec, the models of swc first."""
    return {bundle.name: partial(swc_model, bundle.name) for bundle in list_bundles()} | PEERS


def parameters(model: Any, codebook: str | None = None) -> int:
    """Parameters of a network, and its codebooks where they are buffers of this name."""
    books = [value for name, value in model.named_buffers() if name.split(".")[-1] == codebook]
    return sum(value.numel() for value in (*model.parameters(), *books))


def macs(work: Callable[[], T]) -> tuple[float, T]:
    """Multiplications of convolutions and matrix products (not of Fourier transforms), and what the work gives.

    The count is of the calling thread, so torch must have one thread.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    def lstm(sound: Any, inputs: Any, hidden: Any, *_: Any, **__: Any) -> int:
        """A layer of oneDNN, by shapes: (steps, batch, ...) and two matrices."""
        return 2 * sound[0] * sound[1] * (math.prod(inputs) + math.prod(hidden))

    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.mkldnn_rnn_layer: lstm})
    with counter:
        result = work()
    return counter.get_total_flops() / 2, result


class Bench:
    """A codec, the recordings that it is measured with, and what it made of them.

    Args:
        coder: that is measured.
        seconds: of each recording.
    """

    def __init__(self, coder: Coder, seconds: float) -> None:
        self.coder, self.seconds = coder, seconds
        self._codes: dict[int, Any] = {}
        self.coder.decode(self.coder.encode(self._audio(1, WARM_UP)))

    def about(self, count: bool) -> dict[str, Any]:
        """What it is, with the MACs of a second of audio if asked for."""
        coder, counted = self.coder, {}
        codes = coder.encode(self._audio(1, self.seconds))
        if count:
            counted["encode"], codes = macs(lambda: coder.encode(self._audio(1, self.seconds)))
            counted["decode"], _ = macs(lambda: coder.decode(codes))
        return {
            "rate": coder.rate,
            "channels": coder.channels,
            "parameters": coder.parameters,
            "kbps": coder.bits(codes) / self.seconds / 1000,
            "macs": {work: number / self.seconds for work, number in counted.items()},
        }

    def measure(self, work: str, batch: int) -> dict[str, float]:
        """Wall-clock seconds, and MiB of the process at its peak; what is decoded is what was encoded last."""
        if work == "encode":
            function = partial(self.coder.encode, self._audio(batch, self.seconds))
        else:
            function = partial(self.coder.decode, self._codes[batch])
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again
        began = time.perf_counter()
        result = function()
        seconds = time.perf_counter() - began
        if work == "encode":
            self._codes[batch] = result
        peak = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
        return {"seconds": seconds, "peak_mib": int(peak[1]) / 1024 if peak else float("nan")}

    @cache  # noqa: B019  (there is one)
    def _audio(self, batch: int, seconds: float) -> Any:
        """So many recordings, which begin at different places of the bundled one."""
        import torch

        with resources.as_file(resources.files("swc") / "data" / "demo.flac") as path:
            recording, rate = soundfile.read(path, dtype="float32")
        wave = soxr.resample(recording, rate, self.coder.rate)
        starts = np.arange(batch * self.coder.channels) * len(wave) // 16
        rows = np.stack([np.resize(np.roll(wave, -start), round(seconds * self.coder.rate)) for start in starts])
        return torch.from_numpy(rows.reshape(batch, self.coder.channels, -1))


def main() -> None:
    name, seconds = sys.argv[1], float(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is not an answer
    import torch

    torch.manual_seed(0)
    torch.set_flush_denormal(True)  # random weights can make numbers that processors are slow with
    torch.set_grad_enabled(False)
    bench = Bench(builders()[name](), seconds)
    for line in sys.stdin:
        request = json.loads(line)
        answer = bench.measure(**request) if "work" in request else bench.about(**request)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
