"""Results of a residual quantizer in training."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass
class Quantized:
    """The quantizer's results in training.

    Attributes:
        latents: quantized latents (B, W * T, D), with straight-through gradients to the encoder and the router.
        shared_commitment: scalar, mean squared error of the latents after the shared stage.
        commitment: scalar, mean squared error of the latents at the end.
        imitation: scalar, only for the router: cross entropy between its scores and the masks found by search.
        codebooks: scalar, the loss of codebooks that learn by gradients, see `ProjectedCodebook`.
        error: scalar without gradient, energy of the final residual.
    """

    latents: Tensor
    shared_commitment: Tensor
    commitment: Tensor
    imitation: Tensor
    codebooks: Tensor
    error: Tensor


@dataclass
class Choice:
    """A codebook's choice: codes (B, T), vectors (B, T, D), and the windows that it serves, 1 or 0 (B,)."""

    index: int
    codes: Tensor
    quantized: Tensor
    weight: Tensor


@dataclass
class Assigned:
    """The results of `Revq.assign` for B windows of latents in runs.

    Attributes:
        mask: the experts chosen, 1 or 0 (B, N_r).
        error: of the latents that the decoder predicts from, in runs.
        target: the vectors to quantize, latents or innovations (B, T, D).
        after_shared: their approximation by the shared codebooks (B, T, D).
        quantized: by all codebooks (B, T, D).
        chosen: the choice of each codebook.
    """

    mask: Tensor
    error: Tensor
    target: Tensor
    after_shared: Tensor
    quantized: Tensor
    chosen: list[Choice]
