"""A batch equals its singles: streams to the byte, whatever their lengths, and what is decoded of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import tones
from torch.overrides import TorchFunctionMode

from swc import BitrateError, Codec, InputError, Stream, native
from swc.codec import jobs
from swc.errors import FormatError

RATE = 16000
CHUNK = 40 * 256  # samples of a chunk


@pytest.fixture(scope="module")
def codec(tiny_bundle: Path) -> Codec:
    return Codec.load(tiny_bundle)


def recordings() -> list[np.ndarray]:
    """Of 0 samples, of 1, shorter and longer than a chunk, of several chunks, full ones, and stereo."""
    lengths = [0, 1, 255, 256, 257, 3000, CHUNK - 1, CHUNK, CHUNK + 1, 25_000, 3 * CHUNK, 41_234, 18 * CHUNK + 77]
    mono = [tones(2 + n / RATE, RATE, seed)[:n] for seed, n in enumerate(lengths)]
    return [*mono[:4], tones(1.3, RATE, 77, channels=2), *mono[4:], tones(0.2, RATE, 78, channels=3)]


@pytest.mark.parametrize("effort", [0, 1, 2])
def test_a_batch_equals_its_singles(codec: Codec, effort: int) -> None:
    singles = [codec.encode(x, RATE, 7.5, effort=effort).to_bytes() for x in recordings()]
    batch = codec.encode_batch(recordings(), RATE, 7.5, effort=effort)
    assert [stream.to_bytes() for stream in batch] == singles
    backwards = codec.encode_batch(reversed(recordings()), RATE, 7.5, effort=effort)
    assert [stream.to_bytes() for stream in reversed(backwards)] == singles


def test_more_recordings_than_are_searched_at_once(codec: Codec) -> None:
    given = [tones(0.1 + 0.013 * i, RATE, i) for i in range(37)]
    batch = codec.encode_batch(iter(given), RATE, 5, effort=0)
    assert batch == [codec.encode(x, RATE, 5, effort=0) for x in given]


def test_one_after_the_other_as_on_a_gpu(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    given = recordings()[4:9]
    expected = codec.encode_batch(given, RATE, 7.5)
    monkeypatch.setattr(jobs, "AT_ONCE", 1)
    assert codec.encode_batch(given, RATE, 7.5) == expected


def test_options_go_for_all(codec: Codec) -> None:
    options: dict[str, Any] = {"gain_db": 3.0, "tags": [("TITLE", "x")], "lookahead": 0.5}
    given = [tones(0.7, 22050, i, channels=2) for i in range(3)]
    batch = codec.encode_batch([x.T for x in given], 22050, 6, channel_mask=0x30, channels_first=True, **options)
    assert batch == [codec.encode(x, 22050, 6, channel_mask=0x30, **options) for x in given]
    assert codec.encode_batch([], RATE) == []
    assert codec.encode_batch(given[:2], 22050, 6, tags=(pair for pair in [("TITLE", "x")]))[1].header.tags
    with pytest.raises(InputError, match="`tags` must be pairs"):
        codec.encode_batch(given, 22050, tags=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "form",
    [
        lambda x: torch.from_numpy(x),
        lambda x: torch.from_numpy(x).double().requires_grad_(),
        lambda x: x.astype(np.float64),
        lambda x: x.tolist(),
    ],
)
def test_a_batch_may_be_of_any_form(codec: Codec, form: Callable[[np.ndarray], Any]) -> None:
    given = [tones(0.4 + 0.1 * i, RATE, i, channels=2) for i in range(3)]
    assert codec.encode_batch([form(x) for x in given], np.int64(RATE), 6) == codec.encode_batch(given, RATE, 6)


def test_one_array_is_a_batch_along_its_first_axis(codec: Codec) -> None:
    batch = np.stack([tones(0.5, RATE, i)[:, 0] for i in range(4)])
    expected = [codec.encode(x, RATE, 4) for x in batch]
    for given in (batch, batch[:, None], torch.from_numpy(batch), (batch * 0.5 * 2**15).astype(np.int16)):
        streams = codec.encode_batch(given, RATE, 4)
        assert len(streams) == 4
        if given.dtype != np.int16:
            assert streams == expected


class Products(TorchFunctionMode):
    """Counts matrix products with codebooks."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += function is torch.addmm
        return function(*args, **(kwargs or {}))


def test_recordings_are_searched_together(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "serves", lambda z: False)  # the search in C has no products
    given = [tones(0.2 + 0.01 * i, RATE, i) for i in range(16)]
    with Products() as batch:
        codec.encode_batch(given, RATE, 5)
    with Products() as singles:
        for x in given:
            codec.encode(x, RATE, 5)
    assert batch.count < singles.count / 4


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (np.zeros((9, 9)), InputError, r"recording 1: audio must be .*not \(9, 9\)"),
        (np.array([0, np.nan]), InputError, "recording 1: the audio holds NaN"),
        (
            np.random.default_rng(0).normal(0, 0.1, (90_000, 8)),
            BitrateError,
            "recording 1: 3 kbit/s is not enough for 8 channels",
        ),
        (None, InputError, "recording 1: "),
    ],
)
def test_errors_name_the_recording(codec: Codec, bad: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        codec.encode_batch([np.zeros(100), bad], RATE, 3)


@pytest.mark.parametrize("given", [np.zeros(100), torch.zeros(100), "in.wav", None, 3, b"x"])
def test_one_recording_is_no_batch(codec: Codec, given: Any) -> None:
    with pytest.raises(InputError, match="`recordings` must be a list"):
        codec.encode_batch(given, RATE)


def test_decoding_a_batch_equals_decoding_its_singles(codec: Codec, tmp_path: Path) -> None:
    streams = codec.encode_batch(recordings(), RATE, 7.5, effort=0)
    singles = [codec.decode(stream) for stream in streams]
    assert [x.shape for x in singles] == [x.shape for x in recordings()]
    streams[3].save(tmp_path / "3.swc")
    given = [*streams[:2], streams[2].to_bytes(), tmp_path / "3.swc", *streams[4:]]
    for one, other in zip(codec.decode_batch(given), singles, strict=True):
        assert np.array_equal(one, other)
    for one, other in zip(codec.decode_batch(iter(given), as_tensor=True), singles, strict=True):
        assert np.array_equal(one.numpy().T, other)
    for missing in ("streams", None, b"streams", tmp_path / "none.swc"):
        with pytest.raises((InputError, FormatError)):
            codec.decode_batch([streams[0], missing])  # type: ignore[list-item]
    for single in (streams[0], streams[0].to_bytes(), "a.swc", tmp_path / "3.swc", None):
        with pytest.raises(InputError, match="`streams` must be a list; for a single one use `decode`"):
            codec.decode_batch(single)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [RATE, 22050])
def test_tensors_are_channels_first_and_may_be_learned_from(codec: Codec, rate: int) -> None:
    stream = codec.encode(tones(0.5, rate, channels=2), rate, 6)
    tensor = codec.decode(stream, as_tensor=True)
    assert (tensor.shape, tensor.dtype, tensor.device) == ((2, stream.total_samples), torch.float32, codec.device)
    assert np.array_equal(tensor.numpy().T, codec.decode(stream))
    assert codec.encode(tensor, rate, 6) == codec.encode(codec.decode(stream), rate, 6)
    gain = torch.ones((), requires_grad=True)
    (tensor * gain).square().sum().backward()
    assert gain.grad == pytest.approx(2 * float(tensor.square().sum()))


def test_what_is_decoded_block_by_block_is_the_same(codec: Codec) -> None:
    stream = codec.encode(tones(2.0, 22050, channels=2), 22050, 6)

    def blocks() -> Iterator[np.ndarray]:
        for block in codec.decode_blocks(Stream.from_bytes(stream.to_bytes())):
            assert block.flags.c_contiguous
            yield block

    assert np.array_equal(np.concatenate(list(blocks())), codec.decode(stream))
