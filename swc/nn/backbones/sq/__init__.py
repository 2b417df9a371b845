"""The `sq` backbone: SQCodec's convolutions on waveforms (Zhai et al. 2025, arXiv 2504.04949).

The paper's local transformers are with the quantizer (`swc.nn.quantizers.fsq`), because they belong to a run of latents
that is coded by itself. What is here reaches a few latents far, so that parts of a recording have the audio of the
whole. For that, one thing differs from the paper: the decoder's attention is normalised over a quarter of a second
around each moment, and not over the whole recording (`swc.nn.backbones.sq.parts.LocalNorm`).

Shapes: B recordings, T steps in time, C channels; convolutions take (B, C, T).
"""

from __future__ import annotations

from swc.nn.backbones.sq.decoder import SqDecoder
from swc.nn.backbones.sq.encoder import SqEncoder

__all__ = ["SqDecoder", "SqEncoder"]
