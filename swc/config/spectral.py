"""Sizes of the `spectral` backbone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from swc.config.checks import at_least, require
from swc.config.roles import BackboneConfig


@dataclass(frozen=True)
class SpectralConfig(BackboneConfig):
    """Lengths in samples at the model's rate, widths in channels."""

    kind: ClassVar[str] = "spectral"
    latent_dim: int = 64
    n_fft: int = 2048
    frame_hop: int = 512
    exponent: float = 0.3  # compression of magnitudes, c = |X|^exponent
    mels: int = 128
    frames_per_latent: int = 2
    dim: int = 384
    expansion: int = 3
    kernel: int = 7
    encoder_blocks: int = 6
    decoder_blocks: int = 8
    refine_blocks: int = 0  # of the network that adds texture to the spectrum; 0: none
    refine_dim: int = 32
    causal: bool = False  # no network sees frames after its own, and phases go on from frame to frame; for live use

    def __post_init__(self) -> None:
        at_least(self, 1, "frame_hop", "frames_per_latent", "latent_dim", "dim", "expansion", "kernel")
        at_least(self, 1, "encoder_blocks", "decoder_blocks", "mels")
        at_least(self, 0.01, "exponent")
        at_least(self, 0, "refine_blocks")
        at_least(self, 1, "refine_dim")
        require(
            self.n_fft >= 2 * self.frame_hop and self.n_fft % (2 * self.frame_hop) == 0,
            "n_fft must be a multiple of 2 frame_hop",
        )
        require(not (self.causal and self.refine_blocks), "a causal backbone has no refiner: refine_blocks must be 0")
        require(self.kernel % 2 == 1, "kernel must be odd")
        require(self.n_fft % 16 == 0 or not self.refine_blocks, "n_fft must be a multiple of 16 to be refined")
        require(
            self.latent_dim <= self.mels * self.frames_per_latent, "latent_dim must be at most mels x frames_per_latent"
        )

    @property
    def hop(self) -> int:
        return self.frame_hop * self.frames_per_latent

    @property
    def live_delay(self) -> int | None:
        """What the encoder hears after a chunk, and what the next chunk adds to: together a window less a hop."""
        return self.n_fft - self.frame_hop if self.causal else None
