"""Fixtures that several test folders share: synthetic audio, a tiny model, a tiny bundle."""

from __future__ import annotations

import os
import signal
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for networks this small, threads cost more than they bring

import pytest
import soundfile
from tiny import CONV, LIVE, REFINED, TINY, tiny_vrvq, tones

from swc import native

RATE = 16000

for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:  # as nohup and background jobs have it; commands would keep it so
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(scope="session")
def audio_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight short recordings at two rates, one of them in stereo."""
    folder = tmp_path_factory.mktemp("audio")
    for i in range(8):
        rate = RATE if i % 2 else 22050
        soundfile.write(folder / f"{i}.wav", tones(3.0 + 0.3 * i, rate, i, 2 if i == 3 else 1), rate)
    return folder


@pytest.fixture(scope="session")
def two_clips(audio_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings to validate on."""
    folder = tmp_path_factory.mktemp("clips")
    for name in ("0.wav", "1.wav"):
        (folder / name).symlink_to(audio_folder / name)
    return folder


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The config file of a model that trains in seconds."""
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_text(TINY, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_bundle(tiny_config: Path, audio_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the tiny model, really trained for a few steps."""
    from swc.config import Config
    from swc.training import train

    out = tmp_path_factory.mktemp("tiny")
    train(Config.from_toml(tiny_config), audio_folder, out)
    (out / "config.toml").write_text(TINY, encoding="utf-8")
    return out


@pytest.fixture(scope="session")
def conv_bundle(audio_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a tiny model with the conv backbone and projected codebooks, trained for a few steps."""
    from swc.config import Config
    from swc.training import train

    out = tmp_path_factory.mktemp("conv")
    (out / "config.toml").write_text(CONV, encoding="utf-8")
    train(Config.from_toml(out / "config.toml"), audio_folder, out)
    return out


@pytest.fixture(scope="session")
def vrvq_bundle(tiny_bundle: Path, audio_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of family vrvq on the tiny bundle, which lies beside it: its parent is what SWC_MODELS must name."""
    from swc.bundle import find_bundle
    from swc.config import Config
    from swc.training import train

    models = tmp_path_factory.mktemp("models")
    (models / "tiny").symlink_to(tiny_bundle)
    out = models / "tiny-vrvq"
    out.mkdir()
    (out / "config.toml").write_text(tiny_vrvq(find_bundle(tiny_bundle).fingerprint.hex()), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWC_MODELS", str(models))
        train(Config.from_toml(out / "config.toml"), audio_folder, out)
    return out


@pytest.fixture(scope="session")
def refined_bundle(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle with a refiner that changes much."""
    import torch

    from swc.bundle.weights import load_weights, save_weights
    from swc.config import Config
    from swc.nn.model import CodecModel

    out = tmp_path_factory.mktemp("refined")
    (out / "config.toml").write_text(REFINED, encoding="utf-8")
    torch.manual_seed(0)
    model = CodecModel(Config.from_toml(out / "config.toml").model)
    load_weights(model, tiny_bundle / "weights.safetensors", may_lack=("decoder.refiner.",))
    with torch.no_grad():
        model.decoder.refiner.project.weight.normal_(std=0.2)
    save_weights(out / "weights.safetensors", model.state_dict())
    return out


@pytest.fixture(scope="session")
def live_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a tiny causal model, untrained, but with codebooks and magnitudes of some size."""
    import torch

    from swc.bundle.weights import save_weights
    from swc.config import Config
    from swc.nn.model import CodecModel

    out = tmp_path_factory.mktemp("live") / "swc-24k-live"  # the default name where audio is live
    out.mkdir()
    (out / "config.toml").write_text(LIVE, encoding="utf-8")
    torch.manual_seed(0)
    model = CodecModel(Config.from_toml(out / "config.toml").model)
    with torch.no_grad():
        for book in model.quantizer.books():
            book.code.normal_(std=0.5)
        model.decoder.linear.weight.mul_(4)
        model.decoder.linear.bias.fill_(1.0)
    save_weights(out / "weights.safetensors", model.state_dict())
    return out


@pytest.fixture(params=["C", "arrays"])
def each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests with this fixture run with what is compiled, and without it."""
    if request.param == "arrays":
        monkeypatch.setattr(native, "serves", lambda x: False)
    elif native.compiled() is None:
        pytest.skip("swc.native has not been compiled: python hatch_build.py")
