"""Latents of about zero mean and unit mean square, in training as at inference.

Both matter in training: errors are relative to the latents' power, and a constant would be a cheap way to it. A few
crops have a mean and a power of their own, which says much of what they sound like. So values are those of running
statistics, as at inference, while gradients are those of the batch's (batch renormalization, Ioffe 2017, arXiv
1702.03275).
"""

from __future__ import annotations

import torch
from torch import Tensor

MOMENTUM = 0.01  # of the running statistics: some hundred steps


def renormalise(z: Tensor, mean: Tensor, power: Tensor, training: bool) -> Tensor:
    """Latents (B, L, D), float32, centred and scaled.

    Args:
        z: latents as a network makes them.
        mean: their running mean (D,); moves in training.
        power: the running mean square around it, a scalar; moves in training.
        training: whether gradients are those of the batch.
    """
    if not training:
        return (z - mean) * power.rsqrt()
    own_mean = z.mean((0, 1))
    own_power = (z - own_mean).square().mean()
    normalised = (z - own_mean) * own_power.rsqrt()
    with torch.no_grad():
        mean.lerp_(own_mean, MOMENTUM)
        power.lerp_((z - mean).square().mean(), MOMENTUM)
        scale = (own_power / power).sqrt()
        offset = (own_mean - mean) * power.rsqrt()
    return normalised * scale + offset
