"""What a residual quantizer finds and returns in training."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass
class Quantized:
    """What the quantizer returns.

    Attributes:
        latents: quantized latents (B, W * T, D), with straight-through gradients to the encoder and the router.
        shared_commitment: scalar, mean squared error of the latents after the shared stage.
        commitment: scalar, mean squared error of the latents at the end.
        imitation: scalar, for the router alone: cross entropy between its scores and the masks that were searched for.
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
    """What a codebook chose: codes (B, T), vectors (B, T, D), for the windows that it serves, 1 or 0 (B,)."""

    index: int
    codes: Tensor
    quantized: Tensor
    weight: Tensor


@dataclass
class Assigned:
    """What `Revq.assign` found for B windows of latents in runs.

    Attributes:
        mask: the experts chosen, 1 or 0 (B, N_r).
        error: of the latents that the decoder predicts from, in runs.
        target: what is quantized, latents or innovations (B, T, D).
        after_shared: what the shared codebooks say of it (B, T, D).
        quantized: what all codebooks say of it (B, T, D).
        chosen: what each of them says.
    """

    mask: Tensor
    error: Tensor
    target: Tensor
    after_shared: Tensor
    quantized: Tensor
    chosen: list[Choice]
