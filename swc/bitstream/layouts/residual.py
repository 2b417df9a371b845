"""What layouts have in common whose stages are codebooks that quantize residuals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from swc.bitstream.layouts.layout import Layout
from swc.bitstream.limits import check_limit


@dataclass(frozen=True)
class ResidualLayout(Layout):
    """Codebooks that are always used, and others that are chosen.

    Attributes:
        n_shared: codebooks that all latents use.
        n_routed: codebooks that are chosen or not.
        codebook_bits: bits a code.
    """

    n_shared: int
    n_routed: int
    codebook_bits: int

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        return cls(*data)

    def to_bytes(self) -> bytes:
        return bytes((self.n_shared, self.n_routed, self.codebook_bits))

    def fields(self) -> Mapping[str, int]:
        return {"n_shared": self.n_shared, "n_routed": self.n_routed, "codebook_bits": self.codebook_bits}

    def check(self, offset: int | None = None) -> None:
        for index, (name, value) in enumerate(self.fields().items()):
            check_limit(name, value, None if offset is None else offset + index)
        check_limit("codebooks", self.n_shared + self.n_routed, offset)

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return (1 << self.codebook_bits,) * (self.n_shared + self.n_routed)

    @property
    def n_experts(self) -> int:
        return self.n_routed
