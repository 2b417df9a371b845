"""A family that exists in the tests alone: frames of samples as latents, each sample rounded to some bits.

A window is a bit that says whether anything is heard in it, and then, if so, all its codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from bitarray import bitarray
from bitarray.util import ba2int, int2ba
from torch import Tensor, nn

from swc.bitstream import Layout
from swc.config import BackboneConfig, ModelConfig, QuantizerConfig
from swc.dsp.ahead import Each
from swc.dsp.context import Context
from swc.errors import LimitError, SyntaxFormatError
from swc.nn.roles import Decoder, Encoder, Quantizer

CONFIG = """
name = "toy"
sample_rate = 800

[backbone]
kind = "toy"
latent_dim = 8

[quantizer]
kind = "toy"
window = 100
windows_per_chunk = 1
bits = 4
"""


@dataclass(frozen=True)
class ToyLayout(Layout):
    family: ClassVar[int] = 15
    name: ClassVar[str] = "toy"

    stages: int
    bits: int

    @classmethod
    def from_bytes(cls, data: bytes) -> ToyLayout:
        return cls(data[0], data[1])

    def to_bytes(self) -> bytes:
        return bytes((self.stages, self.bits, 0))

    def fields(self) -> Mapping[str, int]:
        return {"stages": self.stages, "bits": self.bits}

    def check(self, offset: int | None = None) -> None:
        if not 1 <= self.bits <= 8 or not self.stages:
            raise LimitError(f"{self.stages} stages of {self.bits} bits", offset)

    def sizes(self, latents: int) -> range:
        codes = self.stages * latents * self.bits
        return range(1, 1 + codes + 1, codes)

    def size(self, window: Any) -> int:
        return 1 + window.size * self.bits * _heard(window)

    def pack(self, windows: Sequence[Any], lengths: Sequence[int]) -> bitarray:
        bits = bitarray(endian="big")
        for window, length in zip(windows, lengths, strict=True):
            if window.shape != (self.stages, length):
                raise SyntaxFormatError(f"codes are {window.shape}")
            bits.append(_heard(window))
            for code in window.flat if _heard(window) else ():
                bits += int2ba(int(code), self.bits, endian="big")
        return bits

    def unpack(self, bits: bitarray, lengths: Sequence[int], offset: int = 0) -> tuple[list[Any], int]:
        windows: list[Any] = []
        cursor = 0
        for length in lengths:
            count = self.stages * length if cursor < len(bits) and bits[cursor] else 0
            end = cursor + 1 + count * self.bits
            if end > len(bits):
                raise SyntaxFormatError("the payload is too short", offset + cursor // 8)
            codes = [ba2int(bits[at : at + self.bits]) for at in range(cursor + 1, end, self.bits)]
            windows.append(np.array(codes or [-1] * self.stages * length).reshape(self.stages, length))
            cursor = end
        return windows, cursor

    def breakdown(self, windows: Sequence[Any]) -> dict[str, int]:
        return {"flags": len(windows), "samples": sum(map(self.size, windows)) - len(windows)}

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return (2**self.bits,) * self.stages

    def window(self, codes: np.ndarray) -> Any:
        if (codes >= 0).any() != (codes >= 0).all():
            raise SyntaxFormatError("a window has all its codes or none")
        return codes

    def codes(self, window: Any) -> np.ndarray:
        codes: np.ndarray = window
        return codes

    @property
    def n_experts(self) -> int:
        return 0

    def chosen(self, window: Any) -> Sequence[int]:
        return ()

    def __str__(self) -> str:
        return f"{self.stages} samples of {self.bits} bits"


def _heard(window: np.ndarray) -> bool:
    return bool(window[0, 0] >= 0)


@dataclass(frozen=True)
class ToyBackboneConfig(BackboneConfig):
    kind: ClassVar[str] = "toy"
    latent_dim: int = 8

    @property
    def hop(self) -> int:
        return self.latent_dim


@dataclass(frozen=True)
class ToyQuantizerConfig(QuantizerConfig):
    kind: ClassVar[str] = "toy"
    window: int = 100
    windows_per_chunk: int = 1
    bits: int = 4

    @property
    def layout(self) -> ToyLayout:
        return ToyLayout(8, self.bits)

    @property
    def semantic_tensors(self) -> tuple[str, ...]:
        return ("step",)

    def semantics(self) -> dict[str, Any]:
        return {"family": "toy", "bits": self.bits}


class ToyEncoder(Encoder):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.hop = config.hop

    @property
    def context(self) -> Context:
        return Context(0, 0)

    def encode(self, audio: Tensor) -> Tensor:
        return audio.reshape(len(audio), -1, self.hop)


class ToyDecoder(Decoder):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()

    def decode(self, z: Tensor) -> Tensor:
        return z.flatten(1)

    def synthesise(
        self, chunks: Iterable[Tensor], latents: int, window: int, each: Each = map, first: int = 0
    ) -> Iterator[Tensor]:
        return each(self.decode, chunks)

    def overlap(self, window: int) -> Context:
        return Context(0, 0)


class ToyQuantizer(Quantizer):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        layout = config.quantizer.layout
        assert isinstance(layout, ToyLayout)
        self.most = 2**layout.bits - 1
        self.step = nn.Parameter(torch.tensor(1 / 2**layout.bits))

    def encode(self, z: Tensor, grants: Tensor, window: int, effort: int) -> Tensor:
        codes = ((z + 0.5) / self.step).floor().long().clamp(0, self.most).transpose(1, 2)
        heard = grants.repeat_interleave(window, 1)[:, None, : z.shape[1]] > 0
        return torch.where(heard, codes, -1)

    def decode(self, codes: Tensor) -> Tensor:
        return torch.where(codes >= 0, (codes + 0.5) * self.step - 0.5, 0.0).transpose(1, 2)
