"""Training at a GPU's speed: blocks compiled, and the thousands of small kernels without gradients recorded.

A step of the quantizer and the integration of phases launch some 3 000 kernels of a few microseconds each, which a CPU
cannot launch as fast as a GPU runs them. Recorded as CUDA graphs, they cost one launch each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from swc.nn.convnext import Block
from swc.nn.model import CodecModel

WARM_UP = 2  # runs before a recording, in which libraries find their workspaces


def compile_networks(model: CodecModel) -> None:
    """Compile the blocks of encoder and decoder. They share their code, which is compiled once."""
    for block in model.modules():
        if isinstance(block, Block):
            block.compile()


def record(model: CodecModel) -> None:
    """Record the quantizer's choices and the phases, on a GPU; nothing on a CPU.

    What is recorded holds for one mode of the parts, training or not: record again when it changes.
    """
    quantizer, decoder = model.quantizer, model.decoder
    if not next(model.parameters()).is_cuda:
        return
    if quantizer.config.order == "index":  # else the order of the codebooks depends on what is chosen
        quantizer.assign = Recorded(type(quantizer).assign.__get__(quantizer))  # type: ignore[method-assign, assignment]
    decoder.phases = Recorded(type(decoder).phases.__get__(decoder))  # type: ignore[method-assign, assignment]


class Recorded:
    """A function without gradients, recorded as a CUDA graph for each set of shapes that it is called with.

    Its results are overwritten by the next call. It may change tensors in place, and does so `WARM_UP` times more in
    the first call.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.recordings: dict[tuple[object, ...], _Recording] = {}

    def __call__(self, *arguments: Any) -> Any:
        key = tuple((a.shape, a.dtype) if isinstance(a, Tensor) else a for a in arguments)
        if key not in self.recordings:
            self.recordings[key] = _Recording(self.function, arguments)
        return self.recordings[key].replay(arguments)


class _Recording:
    @torch.no_grad()
    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.arguments = tuple(a.clone() if isinstance(a, Tensor) else a for a in arguments)
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                function(*self.arguments)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.result = function(*self.arguments)

    @torch.no_grad()
    def replay(self, arguments: tuple[Any, ...]) -> Any:
        for own, given in zip(self.arguments, arguments, strict=True):
            if isinstance(own, Tensor):
                own.copy_(given)
        self.graph.replay()
        return self.result
