"""What people pass to the Python API: it works, or an SwcError says what to pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import tones

from swc import Codec, Stream, SwcError
from swc.codec.device import find_device
from swc.errors import FormatError, InputError

RATE = 16000


@pytest.fixture(scope="module")
def codec(tiny_bundle: Path) -> Codec:
    return Codec.load(tiny_bundle)


@pytest.fixture(scope="module")
def stereo() -> np.ndarray:
    return tones(1.5, RATE, channels=2)


@pytest.fixture(scope="module")
def expected(codec: Codec, stereo: np.ndarray) -> Stream:
    return codec.encode(stereo, RATE, kbps=4)


@pytest.mark.parametrize(
    "given",
    [
        lambda x: x.astype(np.float64),
        lambda x: x.T,
        lambda x: np.asfortranarray(x),
        lambda x: x[::-1][::-1],
        torch.from_numpy,
        lambda x: torch.from_numpy(x).T,
        lambda x: torch.from_numpy(x).double().requires_grad_(),
        lambda x: x.tolist(),
    ],
)
def test_forms_of_the_same_audio(codec: Codec, stereo: np.ndarray, expected: Stream, given: Any) -> None:
    assert codec.encode(given(stereo), RATE, kbps=4) == expected


@pytest.mark.parametrize("rate", [np.int64(RATE), np.int32(RATE), np.uint16(RATE)])
def test_numpy_integers_are_rates(codec: Codec, stereo: np.ndarray, expected: Stream, rate: Any) -> None:
    assert codec.encode(stereo, rate, kbps=4) == expected


@pytest.mark.parametrize(("kind", "scale"), [(np.int16, 2**15), (np.int32, 2**31)])
def test_integers_are_scaled(codec: Codec, stereo: np.ndarray, kind: type, scale: int) -> None:
    integers = (stereo * scale).astype(kind)
    floats = (integers / scale).astype(np.float32)
    assert codec.encode(integers, RATE, kbps=4) == codec.encode(floats, RATE, kbps=4)
    assert codec.encode(torch.from_numpy(integers), RATE, kbps=4) == codec.encode(floats, RATE, kbps=4)


def test_one_channel_has_three_shapes(codec: Codec) -> None:
    audio = tones(1.0, RATE)[:, 0]
    streams = [codec.encode(x, RATE, kbps=3) for x in (audio, audio[:, None], audio[None])]
    assert streams[0] == streams[1] == streams[2]


def test_few_samples_are_samples_first(codec: Codec) -> None:
    assert codec.encode(np.zeros((3, 2), np.float32), RATE).header.channels == 2
    assert codec.encode(np.zeros((2, 8), np.float32), RATE, kbps=9).header.channels == 8


def test_a_flag_says_what_a_shape_does_not(codec: Codec) -> None:
    few = np.linspace(-0.1, 0.1, 12, dtype=np.float32).reshape(2, 6)
    assert codec.encode(few, RATE, 8).header.channels == 6
    first = codec.encode(few, RATE, 8, channels_first=True)
    assert (first.header.channels, first.total_samples) == (2, 6)
    assert first == codec.encode(few.T, RATE, 8, channels_first=False)
    assert codec.encode(few[:1], RATE, channels_first=True) == codec.encode(few[0], RATE, channels_first=True)
    assert codec.encode(torch.zeros(2, 0), RATE, channels_first=True).header.channels == 2
    for flag, shape, named in ((True, (16000, 2), r"\(channels, samples\)"), (False, (2, 16000), r"\(samples, ch.*\)")):
        with pytest.raises(InputError, match=rf"\(samples,\) or {named} with 1 to 8 channels"):
            codec.encode(np.zeros(shape), RATE, channels_first=flag)


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (torch.zeros(9, dtype=torch.uint8), "int16 or int32, not uint8"),
        (torch.zeros(9, dtype=torch.bool), "not bool"),
        (torch.zeros(9, dtype=torch.cfloat), "not complex64"),
        (torch.zeros(9).to_sparse(), "of type Tensor cannot be read as an array"),
        (torch.zeros(9, device="meta"), "of type Tensor cannot be read as an array"),
        (object(), "floating point"),
        ({"a": 1}, "floating point"),
        ("in.wav", "floating point"),
        (np.zeros((9, 9), np.float32), r"\(channels, samples\) with 1 to 8 channels, not \(9, 9\)"),
        (np.zeros((2, 2, 2), np.float32), "not (2, 2, 2)".replace("(", r"\(").replace(")", r"\)")),
        (np.float32(0.5), r"not \(\)"),
        (np.zeros(9, np.uint8), "int16 or int32, not uint8; convert it"),
        (np.zeros(9, np.int64), "not int64"),
        (np.zeros(9, complex), "not complex128"),
        (np.zeros(9, bool), "not bool"),
        (np.array(["a"]), "floating point"),
        (None, "floating point"),
        ([[0.0], [0.0, 1.0]], "rows of different lengths"),
        (np.array([0.0, np.nan]), "NaN or infinite"),
        (np.array([0.0, 23170.0]), "the audio reaches 23170 times full scale.*divide them by 32768"),
    ],
)
def test_audio_that_is_refused(codec: Codec, audio: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        codec.encode(audio, RATE)


@pytest.mark.parametrize("rate", [0, -1, 44100.0, "44100", None, 400_000])
def test_rates_that_are_refused(codec: Codec, stereo: np.ndarray, rate: Any) -> None:
    with pytest.raises(InputError, match="whole numbers up to 384000"):
        codec.encode(stereo, rate)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"effort": 3}, "`effort` must be one of 0, 1, 2"),
        ({"effort": 1.0}, "`effort` must be one of 0, 1, 2"),
        ({"kbps": "3"}, "`kbps` must be a number, not '3'"),
        ({"kbps": float("nan")}, "`kbps` must be between"),
        ({"lookahead": "1"}, "`lookahead` must be a number"),
        ({"gain_db": "1"}, "`gain` must be a number"),
        ({"channel_mask": "FL"}, "`tags` must be pairs of text"),
        ({"tags": {"TITLE": "x"}}, "`tags` must be pairs of text"),
        ({"tags": [("DATE", 2024)]}, "`tags` must be pairs of text"),
        ({"tags": 3}, "`tags` must be pairs of text"),
        ({"lookahead": -1.0}, "`lookahead` must be"),
        ({"lookahead": float("nan")}, "`lookahead` must be"),
        ({"gain_db": 101.0}, "`gain` must be -100 to 100 dB"),
        ({"gain_db": float("nan")}, "`gain` must be"),
        ({"channel_mask": 0x3F}, "not one of 2 channels"),
        ({"tags": [("lower", "x")]}, "header cannot hold"),
    ],
)
def test_choices_that_are_refused(codec: Codec, stereo: np.ndarray, choices: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        codec.encode(stereo, RATE, **choices)


def test_streams_are_decoded_in_three_forms(codec: Codec, expected: Stream, tmp_path: Path) -> None:
    expected.save(tmp_path / "a.swc")
    whole = codec.decode(expected)
    for given in (expected.to_bytes(), tmp_path / "a.swc", str(tmp_path / "a.swc")):
        assert np.array_equal(codec.decode(given), whole)
    with pytest.raises(FormatError):
        codec.decode(b"nothing of the kind")
    for missing in (tmp_path / "none.swc", tmp_path):
        with pytest.raises(InputError, match=str(missing)):
            codec.decode(missing)
    with pytest.raises(SwcError):
        codec.decode(None)  # type: ignore[arg-type]


def test_a_fixed_gain_makes_recordings_that_can_be_joined(codec: Codec) -> None:
    chunk = 40 * 256 / RATE
    loud, soft = tones(2 * chunk, RATE), 0.2 * tones(chunk, RATE, seed=1)
    with pytest.raises(InputError, match="gain_q8"):
        Stream.join([codec.encode(x, RATE, kbps=4) for x in (loud, soft)])
    both = Stream.join([codec.encode(x, RATE, kbps=4, gain_db=2.5) for x in (loud, soft)])
    assert both.header.gain_db == 2.5
    assert both.total_samples == len(loud) + len(soft)


def test_a_channel_mask_travels_in_the_header(codec: Codec, stereo: np.ndarray) -> None:
    stream = Stream.from_bytes(codec.encode(stereo, RATE, kbps=4, channel_mask=0x30).to_bytes())
    assert (stream.header.channel_mask, stream.header.minor) == (0x30, 1)
    assert stream.header.with_channel_mask(None).channel_mask is None
    plain = codec.encode(stereo, RATE, kbps=4).header
    assert (plain.channel_mask, plain.minor) == (None, 0)
    assert [len(e.data) for e in stream.header.with_tags([("TITLE", "x")]).extensions] == [9, 4]


def test_numbers_may_be_those_of_numpy(codec: Codec, stereo: np.ndarray, expected: Stream) -> None:
    options: dict[str, Any] = {"effort": np.int64(1), "lookahead": np.float32(30), "channel_mask": np.int64(3)}
    stream = codec.encode(stereo, RATE, np.float32(4), **options)
    assert stream.header.with_channel_mask(None).channel_mask is None
    assert stream.chunks == expected.chunks


def test_devices_by_name(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Codec.load(tiny_bundle, device="auto").device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert find_device("auto") == torch.device("cuda")
    for name in ("gpu", "", None, "cuda:7", "meta"):
        with pytest.raises(InputError, match="use "):
            find_device(name)  # type: ignore[arg-type]
