"""The `spectral` backbone: everything on STFT frames, in the domain c = |X|^0.3, which is close to loudness.

Encoder and decoder are each a linear map, initialised in closed form (PCA, least squares), plus a ConvNeXt trunk that
learns a correction (Vocos, Siuzdak 2023, for the trunk at the frame rate). Shapes: B windows or clips, T frames,
L latents (T = L * frames_per_latent), D numbers in a latent.
"""

from __future__ import annotations

from swc.nn.backbones.spectral.decoder import SpectralDecoder
from swc.nn.backbones.spectral.encoder import SpectralEncoder

__all__ = ["SpectralDecoder", "SpectralEncoder"]
