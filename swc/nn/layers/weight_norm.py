"""Weight normalisation of convolutions (Salimans & Kingma 2016): length and direction are learned apart.

Only training knows of it. The state of a network goes from one form to the other, so that a bundle holds plain weights.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

LENGTH, DIRECTION = "parametrizations.weight.original0", "parametrizations.weight.original1"


def normalise_weights(network: nn.Module) -> None:
    """Let the convolutions of a network learn length and direction apart; what they compute stays."""
    for module in list(network.modules()):
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            weight_norm(module)


def folded(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state with plain weights in place of lengths and directions."""
    plain = {name: tensor for name, tensor in state.items() if not name.endswith((LENGTH, DIRECTION))}
    for name in state:
        if name.endswith(LENGTH):
            layer = name.removesuffix(LENGTH)
            plain[f"{layer}weight"] = torch._weight_norm(state[layer + DIRECTION], state[name], 0)
    return plain


def unfolded(plain: dict[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """A state that has these names, of one with plain weights: the inverse of `folded`."""
    state = dict(plain)
    for name in names:
        if name.endswith(LENGTH):
            layer = name.removesuffix(LENGTH)
            weight = state.pop(f"{layer}weight")
            state[layer + DIRECTION] = weight
            state[name] = torch.norm_except_dim(weight, 2, 0)
    return state
