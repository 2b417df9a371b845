"""A model's decoder as one ONNX file, which decodes without torch (see `swc.codec.onnx`)."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from swc.bundle import Bundle
from swc.bundle.find import CONFIG as CONFIG_FILE
from swc.codec.codec import Codec
from swc.codec.onnx import CODEBOOKS, CONFIG, FINGERPRINT, INPUT, OUTPUT, PREDICTION, trailer
from swc.config.toml import read_toml
from swc.errors import InputError, ModelError
from swc.files import BinaryOutput
from swc.nn.backbones.spectral import SpectralDecoder

OPSET = 18
_EXAMPLE = (2, 5)  # channels and latents; neither is fixed by it


def export_onnx(bundle: Bundle, fp: BinaryOutput) -> None:
    """Write a model's decoder to a file object.

    Numbers that float16 holds, as all of a bundle do, are stored as float16, which loses nothing.

    Raises:
        ModelError: damaged weights, or a model of a kind that cannot be exported.
        InputError: the packages of the extra `onnx` are not installed.
    """
    codec = Codec(bundle)
    decoder, codebooks = codec.model.decoder, codec.model.quantizer.tables()
    if not isinstance(decoder, SpectralDecoder) or decoder.refiner is not None:
        raise ModelError(f"the decoder of {bundle.name} cannot be exported: it is not of magnitudes alone")
    graph = _graph(decoder, bundle.config.backbone.latent_dim)
    _halve(graph)
    for name, table in zip((CODEBOOKS, PREDICTION), codebooks, strict=True):
        if table is not None:
            _add_output(graph, name, table.detach().numpy())
    config = {key: value for key, value in read_toml(bundle.path / CONFIG_FILE).items() if key != "training"}
    for key, value in ((CONFIG, json.dumps(config)), (FINGERPRINT, bundle.fingerprint.hex())):
        graph.metadata_props.add(key=key, value=value)
    data = graph.SerializeToString(deterministic=True)
    fp.write(data + trailer(data))


class _Network(nn.Module):
    """The part of a decoder that is a network, as the exporter takes one."""

    def __init__(self, decoder: SpectralDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, latents: Tensor) -> Tensor:
        """Compressed magnitudes (B, T, bins) of latents (B, L, D)."""
        return self.decoder.compressed(latents)


def _graph(decoder: SpectralDecoder, dim: int) -> Any:
    """The network as an `onnx.ModelProto`, for any number of channels and latents."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(f"exporting needs {error.name}; install it with: pip install 'swc-codec[onnx]'") from None
    with warnings.catch_warnings(), _quiet("torch.onnx"):  # what the exporter says of itself
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Network(decoder).eval(),
            (torch.zeros(*_EXAMPLE, dim),),
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamic_shapes=({0: torch.export.Dim("channels"), 1: torch.export.Dim("latents")},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # it is where no file is named
    model = program.model_proto
    _strip(model.graph)
    return model


def _strip(graph: Any) -> None:
    """Remove the places in the source that nodes come from, with paths of this machine."""
    del graph.value_info[:]
    for part in (graph, *graph.input, *graph.output, *graph.initializer, *graph.node):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


@contextmanager
def _quiet(logger: str) -> Iterator[None]:
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _halve(model: Any) -> None:
    """Store as float16 what float16 holds, cast back to float32 where the graph begins."""
    from onnx import numpy_helper

    for tensor in list(model.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and np.array_equal(values, values.astype(np.float16)):
            model.graph.initializer.remove(tensor)
            _add_halved(model, tensor.name, values)


def _add_halved(model: Any, name: str, values: np.ndarray) -> None:
    """Add numbers that float16 holds, under a name, as float32."""
    from onnx import TensorProto, helper, numpy_helper

    model.graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
    model.graph.node.insert(0, helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))


def _add_output(model: Any, name: str, values: np.ndarray) -> None:
    """Add an output that never changes, of numbers that float16 holds."""
    from onnx import TensorProto, helper

    _add_halved(model, name, values)
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, values.shape))
