"""The `conv` backbone: strided convolutions on waveforms, as in DAC (Kumar et al. 2023, arXiv 2306.06546, section 3).

SwitchCodec (Wang et al., arXiv 2505.24437) builds on it. Channels come before time inside: (B, C, T). B windows or
clips, L latents, D numbers in a latent.
"""

from __future__ import annotations

from swc.nn.backbones.conv.decoder import ConvDecoder
from swc.nn.backbones.conv.encoder import ConvEncoder

__all__ = ["ConvDecoder", "ConvEncoder"]
