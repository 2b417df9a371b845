"""Decoding without torch: as with torch, a part as the whole, and no other file than one that was exported."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tiny import REFINED, TINY, tones
from typer.testing import CliRunner

from swc import Codec, Stream
from swc.bitstream import CHUNK_OVERHEAD, SalvageReader
from swc.bundle import find_bundle
from swc.bundle.find import FOLDER_VARIABLE
from swc.bundle.weights import save_weights
from swc.cli import app
from swc.codec.export import export_onnx
from swc.codec.onnx import OnnxCodec, trailer
from swc.config import Config
from swc.errors import ModelError
from swc.nn.model import CodecModel

pytestmark = pytest.mark.slow

RATE = 16000
VECTORS = Path(__file__).parents[2] / "formats" / "vectors"
WITHOUT_TORCH = """
import sys
from importlib.machinery import PathFinder


class WithoutTorch(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == "torch" else super().find_spec(name, path, target)


sys.meta_path = [WithoutTorch if finder is PathFinder else finder for finder in sys.meta_path]
"""


def random_bundle(folder: Path, config: str) -> Path:
    """A bundle of a model that has learned nothing, but whose every part has something to do."""
    (folder / "config.toml").write_text(config, encoding="utf-8")
    torch.manual_seed(0)
    model = CodecModel(Config.from_toml(folder / "config.toml").model)
    with torch.no_grad():
        for book in model.quantizer.books():
            book.code.normal_()
    save_weights(folder / "weights.safetensors", model.state_dict())
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_bundle(tmp_path_factory.mktemp("random"), TINY)


@pytest.fixture(scope="module")
def codec(bundle: Path) -> Codec:
    return Codec.load(bundle)


@pytest.fixture(scope="module")
def exported(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny.onnx"
    assert CliRunner().invoke(app, ["models", "export", str(bundle), "-o", str(path)]).exit_code == 0
    return path


@pytest.fixture(scope="module")
def onnx(exported: Path) -> OnnxCodec:
    return OnnxCodec.load(exported)


@pytest.fixture(scope="module", params=["mono", "two rates", "stereo", "short", "nothing"])
def stream(request: pytest.FixtureRequest, codec: Codec) -> Stream:
    seconds = {"short": 0.01, "nothing": 0.0}.get(request.param, 4.5)
    rate = 22050 if request.param == "two rates" else RATE
    audio = tones(seconds, rate, channels=2 if request.param == "stereo" else 1)
    return codec.encode(audio, rate, kbps=3, stereo="coupled", effort=0)


def agreement(decoded: np.ndarray, wanted: np.ndarray) -> float:
    """dB, the median over blocks: where two peaks of a spectrum are as high but for rounding, phases may part."""
    assert decoded.shape == wanted.shape
    blocks = np.arange(0, len(wanted), 1000) if len(wanted) else [0]
    squares = (np.square(x, dtype=np.float64).sum(1) for x in (wanted, decoded - wanted))
    power, error = (np.add.reduceat(x, blocks) if len(x) else np.zeros(1) for x in squares)
    return float(np.median(10 * np.log10((power + 1e-12) / (error + 1e-24))))


def test_both_backends_decode_the_same(codec: Codec, onnx: OnnxCodec, stream: Stream) -> None:
    decoded, wanted = onnx.decode(stream), codec.decode(stream)
    assert decoded.dtype == np.float32
    assert len(decoded) == stream.total_samples
    assert agreement(decoded, wanted) > 60


def test_a_part_is_that_of_the_whole(onnx: OnnxCodec, stream: Stream) -> None:
    whole = onnx.decode(stream)
    for start, stop in ((0, 100), (30_000, 42_000), (60_001, 60_002)):
        if start < len(whole):
            part = np.concatenate(list(onnx.decode_blocks(stream, start=start, stop=stop)))
            assert np.array_equal(part, whole[start:stop])


def test_audio_is_the_same_for_any_number_of_threads(
    codec: Codec, onnx: OnnxCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = codec.encode(tones(14.0, RATE, channels=2), RATE, kbps=3, stereo="coupled", effort=0)
    decoded = []
    for threads in (1, 3):
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
        decoded.append(onnx.decode(stream))
    assert np.array_equal(*decoded)


def test_lost_chunks_fade_alike(codec: Codec, onnx: OnnxCodec) -> None:
    stream = codec.encode(tones(9.0, RATE, channels=2), RATE, kbps=3, stereo="coupled", effort=0)
    data = bytearray(stream.to_bytes())
    second = len(data) - sum(CHUNK_OVERHEAD + len(c.couplings) for c in stream.chunks) // 2
    data[second] ^= 1
    decoded, wanted = (
        np.concatenate(list(one.decode_blocks(SalvageReader(io.BytesIO(data))))) for one in (onnx, codec)
    )
    assert not np.array_equal(wanted, codec.decode(stream)), "nothing was lost"
    assert agreement(decoded, wanted) > 60


def test_streams_of_other_models_are_refused(onnx: OnnxCodec) -> None:
    with pytest.raises(ModelError, match="the stream was made with a model of fingerprint"):
        onnx.decode(VECTORS / "valid" / "mono.swc")


def test_damaged_files_are_refused(exported: Path, tmp_path: Path) -> None:
    data, path = exported.read_bytes(), tmp_path / "a.onnx"
    for at in (0, len(data) // 2, len(data) - 1):
        changed = bytearray(data)
        changed[at] ^= 1
        path.write_bytes(changed)
        with pytest.raises(ModelError, match=r"a\.onnx is damaged: its SHA-256"):
            OnnxCodec.load(path)
    for size in (0, 1, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises(ModelError, match=r"a\.onnx is (cut off|damaged)"):
            OnnxCodec.load(path)


def test_files_of_other_versions_are_refused(exported: Path, tmp_path: Path) -> None:
    data = exported.read_bytes()[: -len(trailer(b""))].replace(b'"frame_hop"', b'"frame_hip"')
    (tmp_path / "a.onnx").write_bytes(data + trailer(data))
    with pytest.raises(ModelError, match=r"another version of swc \(.*unknown key 'frame_hip'.*export"):
        OnnxCodec.load(tmp_path / "a.onnx")


def test_without_torch_streams_are_read_and_decoded(codec: Codec, exported: Path, tmp_path: Path) -> None:
    stream = codec.encode(tones(2.0, RATE), RATE, kbps=3, effort=0)
    stream.save(tmp_path / "a.swc")
    script = f"""{WITHOUT_TORCH}
from pathlib import Path
from typer.testing import CliRunner
from swc import Stream
from swc.cli import app

vectors = [path for kind in ("valid", "uncommon") for path in Path({str(VECTORS)!r}, kind).glob("*.swc")]
assert len(vectors) > 50 and all(Stream.load(path).header for path in vectors)
run = CliRunner().invoke
done = run(app, ["decode", "a.swc", "a.wav", "--bits", "float"])
assert done.exit_code == 0, done.stderr
assert run(app, ["decode", "a.swc", "-o", "out", "--model", {str(exported)!r}, "--jobs", "1", "-q"]).exit_code == 0
failed = run(app, ["encode", "a.wav", "b.swc"])
assert failed.exit_code == 1 and "torch is not installed" in failed.stderr, failed.stderr
assert "torch" not in sys.modules
"""
    env = {**os.environ, FOLDER_VARIABLE: str(exported.parent)}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    decoded, _ = soundfile.read(tmp_path / "a.wav", dtype="float32", always_2d=True)
    assert agreement(decoded, codec.decode(stream)) > 60
    assert (tmp_path / "out" / "a.wav").exists()


def test_exports_are_alike_and_spare_what_exists(bundle: Path, exported: Path, tmp_path: Path) -> None:
    again = io.BytesIO()
    export_onnx(find_bundle(bundle), again)
    assert again.getvalue() == exported.read_bytes()
    run = CliRunner().invoke
    for name, message in (("a.onnx", "exists already"), ("a.wav", "is not named as an ONNX file")):
        (tmp_path / name).write_bytes(b"precious")
        refused = run(app, ["models", "export", str(bundle), "-o", str(tmp_path / name)])
        assert refused.exit_code == 1
        assert message in refused.stderr
        assert (tmp_path / name).read_bytes() == b"precious"
    refused = run(app, ["models", "export", str(bundle), "-o", str(tmp_path / "new.wav")])
    assert (refused.exit_code, (tmp_path / "new.wav").exists()) == (1, False)
    assert "is not named as an ONNX file" in refused.stderr


def test_a_refiner_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the decoder of tiny cannot be exported"):
        export_onnx(find_bundle(random_bundle(tmp_path, REFINED)), io.BytesIO())
