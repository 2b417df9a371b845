"""Decoding with onnxruntime and numpy, from one file that `swc models export` writes. Imports no torch.

The file is an ONNX model: latents (B, L, D) -> compressed magnitudes (B, T, bins), and as constant outputs the tables
of the quantizer. Its metadata hold the config and the fingerprint. It ends in the SHA-256 of all before, as one more
entry of metadata: messages of protobuf may be joined.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swc.bitstream import Header
from swc.bundle.find import models_folder
from swc.codec.decoding import DecodingCodec
from swc.config import Config, ModelConfig, SpectralConfig
from swc.dsp.ahead import Ahead, Each
from swc.dsp.arrays import Array, hann
from swc.dsp.causal import CausalSynthesis
from swc.dsp.codes import accumulate, look_up
from swc.dsp.context import Context
from swc.dsp.spectral import SpectralSynthesis
from swc.dsp.texture import offsets
from swc.errors import InputError, ModelError
from swc.threads import share

SUFFIX = ".onnx"
INPUT, OUTPUT = "latents", "magnitudes"
CODEBOOKS, PREDICTION = "codebooks", "prediction"
"""Outputs that never change: (stages, size, D), and, of models that predict latents, (D, D)."""
CONFIG, FINGERPRINT, DIGEST = "swc.config", "swc.fingerprint", "swc.sha256"
"""Keys of the metadata."""
_ADVICE = "make it again with: swc models export"


class OnnxCodec(DecodingCodec):
    """A model that decodes without torch; attributes as in `DecodingCodec`."""

    @classmethod
    def load(cls, model: str | Path) -> OnnxCodec:
        """Load a file by its path, or by its name in the folder of models: `swc-44k` stands for `swc-44k.onnx` there.

        Raises:
            ModelError: no such file, or one that is damaged or that `swc models export` did not write.
            InputError: a package is missing.
        """
        path = find_onnx(model)
        session = _session(_checked(path), path)
        stated = session.get_modelmeta().custom_metadata_map
        try:
            config = Config.from_table(json.loads(stated[CONFIG]), str(path)).model
            return cls(OnnxModel(session, config), bytes.fromhex(stated[FINGERPRINT]))
        except (KeyError, ValueError, InputError) as error:
            raise ModelError(f"{path} is of another version of swc ({error}); {_ADVICE}") from None

    @classmethod
    def for_stream(cls, header: Header) -> OnnxCodec:
        """Load the file in the folder of models that decodes a stream.

        Raises:
            ModelError: there is none, or it is damaged.
            InputError: a package is missing.
        """
        for path in sorted(models_folder().glob(f"*{SUFFIX}")):
            codec = cls.load(path)
            if codec.fingerprint == header.fingerprint:
                return codec
        raise ModelError(
            f"no {SUFFIX} file in {models_folder()} decodes this stream, whose fingerprint is "
            f"{header.fingerprint.hex()}; where torch is installed, `swc models export` makes one. "
            "Put it there, or pass it as `model`"
        )


class OnnxModel:
    """Runs the network of a decoder on numpy arrays, see `swc.codec.decoder.DecoderModel`."""

    def __init__(self, session: Any, config: ModelConfig) -> None:
        self.config, self.like = config, np.zeros(0, np.float32)
        self._synthesis = _Synthesis(session, config)
        tables = [one.name for one in session.get_outputs() if one.name != OUTPUT]
        silence = np.zeros((1, 1, config.backbone.latent_dim), np.float32)
        self._tables = dict(zip(tables, session.run(tables, {INPUT: silence}), strict=True))

    def latents(self, codes: NDArray[np.int64]) -> Array:
        said = look_up(self._tables[CODEBOOKS], codes)
        weight = self._tables.get(PREDICTION)
        return said if weight is None else accumulate(said, lambda latent: latent @ weight.T)

    def ahead(self, items: int = 1) -> Ahead:
        return Ahead(share(1), items)

    def synthesise(
        self, chunks: Iterable[Array], latents: int, window: int, each: Each = map, first: int = 0
    ) -> Iterator[Array]:
        return self._synthesis.synthesise(chunks, latents, window, each, first)

    def causal(self, first: int = 0) -> CausalSynthesis:
        return self._synthesis.causal(first)

    def overlap(self, window: int) -> Context:
        return self._synthesis.overlap(window)


class _Synthesis(SpectralSynthesis):
    def __init__(self, session: Any, config: ModelConfig) -> None:
        b = config.backbone
        if not isinstance(b, SpectralConfig) or b.refine_blocks:
            raise ValueError(f"it cannot run the backbone of {config.name}")
        self.config, self._session = b, session
        chunk = config.quantizer.window * config.quantizer.windows_per_chunk * b.frames_per_latent
        self.offsets = offsets(chunk, b.n_fft, config.sample_rate)
        self.window = hann(b.n_fft, self.offsets)

    def compressed(self, z: Array) -> Array:
        return self._session.run([OUTPUT], {INPUT: z})[0]


def find_onnx(model: str | Path) -> Path:
    """The file of a name or path, see `OnnxCodec.load`.

    Raises:
        ModelError: there is none.
    """
    installed = models_folder() / f"{model}{SUFFIX}"
    path = installed if installed.is_file() else Path(model)
    if not path.is_file():
        raise ModelError(f"no file {str(model)!r} for `backend` onnx; name one that `swc models export` wrote")
    return path


def trailer(data: bytes) -> bytes:
    """What comes after a model's bytes: an entry of `metadata_props` as protobuf has it, DIGEST and its value."""
    key, value = DIGEST.encode(), hashlib.sha256(data).hexdigest().encode()
    entry = bytes((1 << 3 | 2, len(key))) + key + bytes((2 << 3 | 2, len(value))) + value
    return bytes((14 << 3 | 2, len(entry))) + entry


def _checked(path: Path) -> bytes:
    """A model's bytes, which are what they were written as."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}") from None
    size = len(trailer(b""))
    stated = data[-size:]
    if DIGEST.encode() not in stated:
        raise ModelError(f"{path} is cut off, or not a model that `swc models export` wrote; {_ADVICE}")
    if stated != trailer(data[:-size]):
        raise ModelError(f"{path} is damaged: its SHA-256 is not the one it states; copy it again, or {_ADVICE}")
    return data


def _session(data: bytes, path: Path) -> Any:
    if not hasattr(np, "concat"):
        raise InputError(f"`backend` onnx needs numpy 2 or newer, this is {np.__version__}; install it with pip")
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            f"`backend` onnx needs the package onnxruntime ({error}); install it with: pip install onnxruntime"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4  # chunks are shared among threads, see `Ahead`
    try:
        return onnxruntime.InferenceSession(data, options, ["CPUExecutionProvider"])
    except Exception as error:  # its own classes, which are not public
        raise ModelError(f"onnxruntime {onnxruntime.__version__} cannot run {path}: {error}") from None
