"""Training at a GPU's speed: blocks compiled, and the thousands of small kernels without gradients captured.

A step of the quantizer and the integration of phases launch some 3 000 kernels of a few microseconds each, which a CPU
cannot launch as fast as a GPU runs them. Captured as CUDA graphs, they cost one launch each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from swc.nn.backbones.spectral import SpectralDecoder
from swc.nn.backbones.spectral.refine import PlaneBlock
from swc.nn.layers.convnext import Block
from swc.nn.model import CodecModel
from swc.nn.quantizers.revq import Revq

WARM_UP = 2  # runs before a capture, in which libraries allocate their workspaces


def compile_networks(model: CodecModel) -> None:
    """Compile the blocks of encoder and decoder. They share their code, which is compiled once."""
    for block in model.modules():
        if isinstance(block, Block | PlaneBlock):
            block.compile()


def capture(model: CodecModel) -> None:
    """Run the quantizer's choices and the phases as CUDA graphs, on a GPU; nothing on a CPU.

    A graph holds for one mode of the networks, training or not: capture again when it changes.
    """
    quantizer, decoder = model.quantizer, model.decoder
    if model.device.type != "cuda":
        return
    if isinstance(quantizer, Revq):
        quantizer.assign = GraphedCallable(type(quantizer).assign.__get__(quantizer))  # type: ignore[method-assign, assignment]
    if isinstance(decoder, SpectralDecoder):
        decoder.phases = GraphedCallable(type(decoder).phases.__get__(decoder))  # type: ignore[method-assign, assignment]


class GraphedCallable:
    """A function without gradients, captured as a CUDA graph for each set of shapes that it is called with.

    Its results are overwritten by the next call. It may change tensors in place, and does so `WARM_UP` times more in
    the first call.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.graphs: dict[tuple[object, ...], _Graph] = {}

    def __call__(self, *arguments: Any) -> Any:
        key = tuple((a.shape, a.dtype) if isinstance(a, Tensor) else a for a in arguments)
        if key not in self.graphs:
            self.graphs[key] = _Graph(self.function, arguments)
        return self.graphs[key].replay(arguments)


class _Graph:
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
