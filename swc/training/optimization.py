"""The model's optimizers: learning rates of its parameters, their schedule, precision, and their state as tensors."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from swc.config.training import GradientStage
from swc.nn.model import CodecModel
from swc.training.muon import Muon, is_hidden_matrix

BETAS = (0.8, 0.99)
CYCLE_START, CYCLE_TOP, CYCLE_END = 0.1, 0.3, 0.01
"""Of the one-cycle policy: the first factor, the share of the stage after which it is 1, and the last factor."""


def optimizers(model: CodecModel, settings: GradientStage, *, imitating: bool = False) -> dict[str, Optimizer]:
    """A stage's optimizers of those parameters that require gradients, by the names that checkpoints have for them.

    AdamW, and Muon for the matrices of hidden layers if the stage wants it. Groups keep their share of the learning
    rate as "scale".
    """
    groups, rate = parameter_groups(model, settings.learning_rate, imitating=imitating), settings.learning_rate
    found: dict[str, Optimizer] = {}
    if settings.matrices == "muon":
        learning = [parameter for group in groups if group["scale"] == 1.0 for parameter in group["params"]]
        matrices = [parameter for parameter in learning if is_hidden_matrix(parameter)]
        rest = [parameter for parameter in learning if not is_hidden_matrix(parameter)]
        groups = [{**group, "params": rest} if group["scale"] == 1.0 else group for group in groups]
        if matrices:
            found["muon"] = Muon([{"params": matrices, "scale": 1.0}], rate)
    if groups := [group for group in groups if group["params"]]:
        found["optimizer"] = torch.optim.AdamW(groups, rate, betas=BETAS, fused=True)
    return found


def parameter_groups(model: CodecModel, rate: float, *, imitating: bool = False) -> list[dict[str, Any]]:
    """Learning rates: the maps fitted in closed form learn slowly, or the first hundred steps undo the start.

    So does the router, unless it is `imitating` a search: then it has a target of its own.
    """
    slow = ("encoder.linear.", "decoder.linear.")
    careful: tuple[str, ...] = ("encoder.project.", "decoder.project.", "decoder.split.", "quantizer.predictor.")
    careful += ("encoder.analysis.", "decoder.synthesis.")
    if not imitating:
        careful += ("quantizer.router.",)
    groups: dict[float, list[nn.Parameter]] = {0.04: [], 0.1: [], 1.0: []}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        scale = 0.04 if name.startswith(slow) else 0.1 if name.startswith(careful) else 1.0
        groups[scale].append(parameter)
    return [
        {"params": p, "scale": s, "lr": s * rate, "weight_decay": 0.0 if s == 0.04 else 1e-3} for s, p in groups.items()
    ]


def mixed_precision(device: torch.device) -> torch.autocast:
    """Autocast to bfloat16, unless this is a CPU that can only emulate it, at a third of the speed of float32."""
    native = device.type != "cpu" or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=native)


def schedule(fraction: float, step: int, warmup: int, hold: float = 0.0) -> float:
    """Learning-rate factor: linear warm-up over steps, 1 for a share `hold` of the stage, then a cosine to 3 %.

    Warm-up, stable, decay (Hu et al. 2024, arXiv 2404.06395): a run that holds its rate can be prolonged, or ended
    early, without changing its past.
    """
    falling = min(1.0, max(0.0, fraction - hold) / max(1 - hold, 1e-9))
    return min(1.0, (step + 1) / max(1, warmup)) * (0.97 * 0.5 * (1 + math.cos(math.pi * falling)) + 0.03)


def one_cycle(fraction: float) -> float:
    """Learning-rate factor that rises and falls along cosines, once a stage (Smith & Topin 2019, arXiv 1708.07120)."""
    rising = fraction < CYCLE_TOP
    along = fraction / CYCLE_TOP if rising else min(1.0, (fraction - CYCLE_TOP) / (1 - CYCLE_TOP))
    low, high = (CYCLE_START, 1.0) if rising else (1.0, CYCLE_END)
    return low + (high - low) * (1 - math.cos(math.pi * along)) / 2


def rate_factor(settings: GradientStage, fraction: float, step: int, warmup: int) -> float:
    """The factor of a stage's learning rate, as its policy has it; arguments as for `schedule`."""
    return one_cycle(fraction) if settings.policy == "one-cycle" else schedule(fraction, step, warmup, settings.hold)


def optimizer_tensors(optimizer: Optimizer, prefix: str) -> dict[str, Tensor]:
    """An optimizer's state as named tensors."""
    state = optimizer.state_dict()["state"]
    return {f"{prefix}.{i}.{key}": value for i, values in state.items() for key, value in values.items()}


def restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor], prefix: str) -> None:
    """Restore the result of `optimizer_tensors`, among other tensors, in an optimizer of the same parameters.

    Raises:
        RuntimeError: it is of other parameters.
    """
    saved = optimizer.state_dict()
    shapes = [parameter.shape for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in with_prefix(tensors, f"{prefix}.").items():
        index, key = name.split(".")
        if int(index) >= len(shapes) or (value.ndim and value.shape != shapes[int(index)]):
            raise RuntimeError(f"{prefix} is of other parameters")
        state.setdefault(int(index), {})[key] = value
    saved["state"] = state
    optimizer.load_state_dict(saved)


def with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those tensors whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
