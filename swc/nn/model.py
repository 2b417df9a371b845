"""A codec network: encoder, quantizer, decoder, composed from a config."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from swc.config import Config
from swc.nn.revq import Quantized, Revq
from swc.nn.spectral import SpectralDecoder, SpectralEncoder


class CodecModel(nn.Module):
    """Encoder -> quantizer -> decoder. `swc.codec.Codec` adds chunks, levels, rates and the container."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = SpectralEncoder(config)
        self.quantizer = Revq(config.quantizer, config.backbone.latent_dim)
        self.decoder = SpectralDecoder(config)

    def forward(
        self, audio: Tensor, experts: Tensor, searched: Tensor | None = None, most: int = 0
    ) -> tuple[Quantized, Tensor]:
        """Training pass.

        Args:
            audio: level-normalised windows (B, samples).
            experts: k_r of each window (B,).
            searched: windows whose experts are searched for instead of routed (B,), bool.
            most: the largest k_r of the windows that are searched.

        Returns:
            The quantizer's outcome and the decoder's compressed magnitudes (B, T, bins).
        """
        quantized = self.quantizer(self.encoder(audio), experts, searched, most)
        return quantized, self.decoder.compressed(quantized.latents)

    @torch.no_grad()
    def change_basis(self, basis: Tensor) -> None:
        """Multiply all latents (..., D) by a matrix (D, D) from the left, in the weights of all parts.

        What is decoded of the same codes stays, but for rounding; which codes are nearest changes with the distances.
        """
        basis = basis.to(self.encoder.mean.device, torch.float64)
        inverse = torch.linalg.inv(basis)
        self.encoder.change_basis(basis)
        self.quantizer.change_basis(basis, inverse)
        self.decoder.change_basis(inverse)
