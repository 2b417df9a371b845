"""Tiny models of family fsq through the command line: encode, decode, cut, cat, verify, salvage, inspect, tokens."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tiny import TINY_SQ, tiny_fsq, tones
from typer.testing import CliRunner

import swc
from swc.bundle.weights import save_weights
from swc.cli import app
from swc.codec.stereo.choice import chosen_pairs
from swc.config import Config
from swc.errors import InputError
from swc.nn.model import CodecModel

RATE, SECONDS = 16000, 5.3
CHUNK = 80 * 80  # samples
Run = Callable[..., str]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("models") / "tiny-sq", TINY_SQ)


def made(folder: Path, config: str) -> Path:
    folder.mkdir()
    (folder / "config.toml").write_text(config)
    torch.manual_seed(0)
    model = CodecModel(Config.from_table(tomllib.loads(config), "tiny").model)
    save_weights(folder / "weights.safetensors", model.state_dict())
    return folder


@pytest.fixture
def run(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SWC_MODELS", str(bundle.parent))
    monkeypatch.chdir(tmp_path)
    soundfile.write("in.wav", tones(SECONDS, RATE)[:, 0], RATE)

    def run(*args: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, list(args))
        assert done.exit_code == code, done.output
        return done.stdout

    run("encode", "in.wav", "a.swc", "--model", "tiny-sq", "--quiet")
    return run


def test_it_has_one_rate_and_says_so(run: Run) -> None:
    facts = json.loads(run("inspect", "a.swc", "--json"))
    latents = -(-round(SECONDS * RATE) // 80)
    assert (facts["family"], facts["format"], facts["greatest_code"]) == ("fsq", "1.3", 104)
    windows = latents // 40
    assert windows * (2 * 108 + 54) < facts["bits"]["codes"] < (windows + 1) * (2 * 108 + 54)
    shown = run("inspect", "a.swc")
    assert "one, of 105 codes" in shown
    assert "no routed experts" in shown
    (row,) = json.loads(run("models", "--json"))
    assert row["kbps"] == [pytest.approx(1.35)] * 2
    assert ", 1.35 kbit/s a channel" in run("models")
    run("encode", "in.wav", "b.swc", "--model", "tiny-sq", "--kbps", "2", "--quiet")
    assert Path("b.swc").read_bytes() == Path("a.swc").read_bytes()
    run("encode", "in.wav", "c.swc", "--model", "tiny-sq", "--kbps", "1.2", "--quiet", code=1)
    run("encode", "in.wav", "c.swc", "--model", "tiny-sq", "--quality", "7", "--quiet")
    assert Path("c.swc").read_bytes() == Path("a.swc").read_bytes()


def test_parts_decode_to_the_samples_of_the_whole(run: Run) -> None:
    run("decode", "a.swc", "whole.wav", "--bits", "float", "--quiet")
    run("decode", "a.swc", "part.wav", "--start", "1.3", "--duration", "2.1", "--bits", "float", "--quiet")
    (whole, _), (part, _) = soundfile.read("whole.wav"), soundfile.read("part.wav")
    assert len(whole) == round(SECONDS * RATE)
    assert np.abs(whole).max() > 1e-3
    assert np.array_equal(part, whole[round(1.3 * RATE) : round(3.4 * RATE)])


def test_pieces_are_cut_and_joined_again(run: Run) -> None:
    run("cut", "a.swc", "b.swc", "--duration", "2", "--quiet")
    run("cut", "a.swc", "c.swc", "--start", "2", "--quiet")
    run("cat", "b.swc", "c.swc", "d.swc", "--quiet")
    assert Path("d.swc").read_bytes() == Path("a.swc").read_bytes()
    assert "14 chunks" in run("verify", "d.swc")


def test_damage_is_found_and_the_rest_sounds_as_before(run: Run) -> None:
    data = bytearray(Path("a.swc").read_bytes())
    data[len(data) // 2] ^= 1
    Path("bad.swc").write_bytes(data)
    run("verify", "bad.swc", code=3)
    run("decode", "a.swc", "whole.wav", "--bits", "float", "--quiet")
    run("decode", "bad.swc", "saved.wav", "--salvage", "--bits", "float", "--quiet")
    (whole, _), (saved, _) = soundfile.read("whole.wav"), soundfile.read("saved.wav")
    lost = slice(5 * CHUNK, 9 * CHUNK)
    same = np.delete(saved, lost) == np.delete(whole, lost)
    assert same.all()
    assert not np.array_equal(saved[lost], whole[lost])


def test_tokens_are_one_stream(run: Run) -> None:
    run("tokens", "a.swc", "a.npz", "--quiet")
    codes = np.load("a.npz")["codes"]
    assert codes.shape == (1, 1, 1060)
    assert 0 <= codes.min() < codes.max() < 105
    run("tokens", "a.npz", "b.swc", "--quiet")
    assert Path("b.swc").read_bytes() == Path("a.swc").read_bytes()


def test_a_spectral_model_has_tokens_too(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWC_MODELS", str(made(tmp_path / "tiny-fsq", tiny_fsq()).parent))
    run("encode", "in.wav", "b.swc", "--model", "tiny-fsq", "--quiet")
    run("decode", "b.swc", "whole.wav", "--bits", "float", "--quiet")
    run("decode", "b.swc", "part.wav", "--start", "1.3", "--duration", "2.1", "--bits", "float", "--quiet")
    (whole, _), (part, _) = soundfile.read("whole.wav"), soundfile.read("part.wav")
    assert len(whole) == round(SECONDS * RATE)
    assert np.abs(part - whole[round(1.3 * RATE) : round(3.4 * RATE)]).max() < 1e-5
    run("tokens", "b.swc", "b.npz", "--quiet")
    codes = np.load("b.npz")["codes"]
    assert codes.shape == (1, 1, -(-round(SECONDS * RATE) // 256))
    assert 0 <= codes.min() < codes.max() < 105
    run("tokens", "b.npz", "c.swc", "--quiet")
    assert Path("c.swc").read_bytes() == Path("b.swc").read_bytes()


def test_a_pipe_gives_the_codes_of_a_file(run: Run, bundle: Path) -> None:
    codec, audio = swc.Codec.load(bundle), tones(SECONDS, RATE)[:, 0]
    builder = swc.bitstream.StreamBuilder()
    from swc.audio.blocks import Source
    from swc.codec.options import EncodeOptions

    codec.encode_source(builder.open, Source(iter([audio[:, None]]), RATE, 1, None, None), EncodeOptions())
    assert np.array_equal(builder.stream.codes(), codec.encode(audio, RATE).codes())


def test_two_channels_are_coded_together_or_apart(bundle: Path) -> None:
    codec, audio = swc.Codec.load(bundle), tones(2.0, RATE)
    both = np.concatenate([audio, audio], 1)
    assert codec.encode(both, RATE).header.pairs == ((0, 1),)
    decoded = codec.decode(codec.encode(both, RATE, stereo="apart"))
    assert np.array_equal(decoded[:, 0], decoded[:, 1])


def test_channels_stay_apart_where_chunks_are_too_long_to_couple(bundle: Path) -> None:
    audio = np.repeat(tones(2.0, RATE), 2, 1)
    header = swc.Codec.load(bundle).header(RATE, 2)
    longest, longer = (replace(header, window=window, windows_per_chunk=1) for window in (510, 511))
    assert chosen_pairs("auto", longest, 0x3, audio) == ((0, 1),)
    assert chosen_pairs("auto", longer, 0x3, audio) == ()
    with pytest.raises(InputError, match="chunks of this model are too long"):
        chosen_pairs("coupled", longer, 0x3, audio)
