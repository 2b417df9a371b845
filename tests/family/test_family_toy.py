"""A new family takes new files and a registration each: nothing else in swc knows of it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from toy import CONFIG, ToyBackboneConfig, ToyDecoder, ToyEncoder, ToyLayout, ToyQuantizer, ToyQuantizerConfig
from typer.testing import CliRunner

from swc.bitstream import LAYOUTS, SalvageReader, Stream, StreamReader
from swc.bitstream.token_files import from_tokens, to_jsonl, to_npz
from swc.bundle import find_bundle
from swc.bundle.weights import save_weights
from swc.cli import app
from swc.codec.codec import Codec
from swc.codec.options import DecodeOptions, EncodeOptions
from swc.codec.transcode import decode_file, encode_file
from swc.config.model import BACKBONES, QUANTIZERS
from swc.errors import BitrateError, ChecksumError, FormatError, InputError, ModelError, VersionError
from swc.nn import backbones, quantizers

RATE, SECONDS = 800, 7.3
KBPS = 3.6


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYOUTS, ToyLayout.family, ToyLayout)
    monkeypatch.setitem(BACKBONES, "toy", ToyBackboneConfig)
    monkeypatch.setitem(QUANTIZERS, "toy", ToyQuantizerConfig)
    monkeypatch.setitem(backbones.BACKBONES, "toy", (ToyEncoder, ToyDecoder))
    monkeypatch.setitem(quantizers.QUANTIZERS, "toy", ToyQuantizer)


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models" / "toy"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(CONFIG)
    save_weights(folder / "weights.safetensors", {"quantizer.step": torch.tensor(1 / 16)})
    monkeypatch.setenv("SWC_MODELS", str(folder.parent))
    return folder


@pytest.fixture
def codec(bundle: Path) -> Codec:
    return Codec.load(bundle)


@pytest.fixture
def audio() -> np.ndarray:
    t = np.arange(round(SECONDS * RATE)) / RATE
    audio = np.stack([np.sin(2 * np.pi * f * t) for f in (40, 70)], 1).astype(np.float32) * 0.3
    audio[2 * RATE : 3 * RATE] = 0
    return audio


def test_it_codes_and_decodes(codec: Codec, audio: np.ndarray) -> None:
    stream = codec.encode(audio, RATE, kbps=2 * KBPS)
    parsed = Stream.from_bytes(stream.to_bytes())
    assert parsed.to_bytes() == stream.to_bytes()
    assert stream.kbps <= 2 * KBPS
    decoded = codec.decode(parsed)
    assert decoded.shape == audio.shape
    error, power = np.square(decoded - audio).mean(), np.square(audio).mean()
    assert error < 0.1 * power  # 4 bits a sample, 20 dB below full scale
    assert np.array_equal(codec.decode(stream[4:6]), decoded[4 * RATE : 6 * RATE])
    assert np.array_equal(np.concatenate(list(codec.decode_blocks(stream, start=900, stop=4321))), decoded[900:4321])


def test_its_grants_decide_what_is_coded(codec: Codec, audio: np.ndarray) -> None:
    rich, poor = (codec.encode(audio, RATE, kbps=kbps) for kbps in (2 * KBPS, 4.2))
    shares = [np.mean([w[0, 0] >= 0 for chunk in s.chunks for row in chunk.windows for w in row]) for s in (rich, poor)]
    assert shares[0] > 0.9
    assert 0.4 < shares[1] < 0.7
    with pytest.raises(BitrateError, match="at least"):
        codec.encode(audio, RATE, kbps=0.1)


def test_a_quality_codes_what_leaves_too_much_otherwise(codec: Codec, audio: np.ndarray) -> None:
    audio[4 * RATE : 5 * RATE] *= 0.35
    coded = [
        [bool(row[0][0, 0] >= 0) for chunk in codec.encode(audio, RATE, quality=q).chunks for row in chunk.windows]
        for q in (2, 10)
    ]
    assert coded[0] == [True, True, False, True, False, True, True, True]
    assert coded[1] == [True, True, False, True, True, True, True, True]


def test_its_bits_are_counted_by_its_own_kinds(codec: Codec, audio: np.ndarray) -> None:
    stream = codec.encode(audio, RATE, kbps=2 * KBPS)
    bits = stream.breakdown()
    assert list(bits) == ["header", "tags", "framing", "flags", "samples", "padding"]
    assert sum(bits.values()) == 8 * len(stream.to_bytes())
    assert bits["flags"] == 2 * 8


def test_files_go_both_ways(codec: Codec, audio: np.ndarray, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", audio, RATE)
    encoded = encode_file(codec, tmp_path / "in.wav", tmp_path / "out.swc", EncodeOptions(kbps=2 * KBPS))
    assert (encoded.model, encoded.samples, encoded.channels) == ("toy", len(audio), 2)
    assert encoded.bytes == (tmp_path / "out.swc").stat().st_size
    decoded = decode_file(tmp_path / "out.swc", tmp_path / "back.wav", DecodeOptions(start=1.0, duration=2.5))
    assert decoded.samples == 2.5 * RATE
    back, rate = soundfile.read(tmp_path / "back.wav")
    assert rate == RATE
    assert np.abs(back - audio[RATE : round(3.5 * RATE)]).max() < 0.1


def test_its_codes_become_tokens_and_the_same_stream_again(codec: Codec, audio: np.ndarray) -> None:
    stream = codec.encode(audio, RATE, kbps=4.2)  # too few bits for some windows
    codes = stream.codes()
    assert codes.shape == (2, 8, stream.header.latents_for(len(audio)))
    assert 0.4 < (codes >= 0).mean() < 0.7
    assert stream.mask().shape == (2, 0, 8)
    assert Stream.from_codes(codes, stream.header).to_bytes() == stream.to_bytes()
    for write in (to_npz, to_jsonl):
        assert from_tokens(write(stream)).to_bytes() == stream.to_bytes()
    codes[0, 0, 1] = -1 if codes[0, 0, 1] >= 0 else 1
    with pytest.raises(InputError, match="channel 0, latents 0 to 99: a window has all its codes or none"):
        Stream.from_codes(codes, stream.header)
    codes[0, 3, 5] = 16
    with pytest.raises(InputError, match="code 16 of channel 0, stage 3, latent 5: allowed are 0 to 15"):
        Stream.from_codes(codes, stream.header)


def test_a_batch_of_it_equals_its_singles(codec: Codec, audio: np.ndarray) -> None:
    given = [audio, audio[:1], audio[:900, 0], audio[:0], audio[300:1900], audio[:800]]
    for kbps in (2 * KBPS, 4.2):
        batch = codec.encode_batch(given, RATE, kbps)
        assert [s.to_bytes() for s in batch] == [codec.encode(x, RATE, kbps).to_bytes() for x in given]


def test_damage_is_noticed_and_salvaged(codec: Codec, audio: np.ndarray) -> None:
    stream = codec.encode(audio, RATE, kbps=2 * KBPS)
    data, whole = bytearray(stream.to_bytes()), codec.decode(stream)
    data[len(data) // 2] ^= 1
    with pytest.raises(ChecksumError):
        list(StreamReader(io.BytesIO(bytes(data))))
    reader = SalvageReader(io.BytesIO(bytes(data)))
    saved = np.concatenate(list(codec.decode_blocks(reader)))
    (loss,) = reader.losses
    assert loss.stop - loss.first == 1
    lost = slice(loss.first * RATE, loss.stop * RATE)
    assert np.array_equal(np.delete(saved, lost, 0), np.delete(whole, lost, 0))
    assert np.abs(saved[lost][RATE // 4 : RATE // 2]).max() < 1e-6
    for size in range(0, len(data), 131):
        with pytest.raises(FormatError):
            Stream.from_bytes(bytes(data[:size]))


def test_the_command_line_takes_it(codec: Codec, audio: np.ndarray, tmp_path: Path) -> None:
    runner = CliRunner()
    codec.encode(audio, RATE, kbps=2 * KBPS).save(tmp_path / "a.swc")

    def run(*args: str) -> str:
        done = runner.invoke(app, [str(tmp_path / arg) if arg.endswith(".swc") else arg for arg in args])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "8 chunks" in run("verify", "a.swc")
    run("cut", "a.swc", "b.swc", "--duration", "3")
    run("cut", "a.swc", "c.swc", "--start", "3")
    run("cat", "b.swc", "c.swc", "d.swc")
    assert (tmp_path / "d.swc").read_bytes() == (tmp_path / "a.swc").read_bytes()
    shown = run("inspect", "a.swc")
    assert "swc 1.0, toy," in shown
    assert "8 samples of 4 bits" in shown
    assert "no routed experts" in shown
    facts = json.loads(run("inspect", "a.swc", "--json"))
    assert (facts["family"], facts["bits"]["flags"], facts["stages"]) == ("toy", 16, 8)
    run("inspect", "a.swc", "--plot", str(tmp_path / "a.png"))
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert " toy " in run("inspect", "a.swc", "b.swc").splitlines()[1]
    (row,) = json.loads(run("models", "--json"))
    assert (row["name"], row["codebooks"]) == ("toy", "8 samples of 4 bits")


def test_without_its_layout_it_is_refused(codec: Codec, audio: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    data = codec.encode(audio, RATE, kbps=2 * KBPS).to_bytes()
    monkeypatch.delitem(LAYOUTS, ToyLayout.family)
    with pytest.raises(VersionError, match="family 15"):
        Stream.from_bytes(data)


def test_a_declared_tensor_changes_the_fingerprint_and_a_missing_one_is_an_error(bundle: Path) -> None:
    before = find_bundle(bundle).fingerprint
    save_weights(bundle / "weights.safetensors", {"quantizer.step": torch.tensor(1 / 8)})
    assert find_bundle(bundle).fingerprint != before
    save_weights(bundle / "weights.safetensors", {"quantizer.other": torch.tensor(1 / 8)})
    with pytest.raises(ModelError, match=r"no tensors quantizer\.step"):
        _ = find_bundle(bundle).fingerprint
