"""Streams as arrays of codes and as files of tokens: the same bytes come back, or an error says what is wrong."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bitstream_samples import example, make_header, random_stream

from swc.bitstream import Stream
from swc.bitstream.token_files import from_tokens, is_tokens, to_jsonl, to_npz
from swc.errors import FormatError, InputError

WRITERS = (to_npz, to_jsonl)


def some_streams() -> list[Stream]:
    stereo = make_header(channels=2, window=3, n_shared=2, n_routed=5, codebook_bits=10, total_samples=101)
    routed = make_header(n_shared=0, n_routed=4, codebook_bits=16, extensions=()).with_tags([("TITLE", "Prélude")])
    return [
        example(),
        Stream(make_header(), (), 0),
        random_stream(stereo, 101, stereo.latents_for(101), 1),
        random_stream(replace(routed, total_samples=None), 77, routed.latents_for(77), 2),
        random_stream(make_header(n_routed=0, total_samples=9), 9, 2, 3),
    ]


@pytest.mark.parametrize("index", range(5))
def test_codes_make_the_same_stream(index: int) -> None:
    stream = some_streams()[index]
    codes = stream.codes()
    layout = stream.header.layout
    latents = stream.header.latents_for(stream.total_samples)
    assert codes.dtype == np.int64
    assert codes.shape == (stream.header.channels, layout.n_shared + layout.n_routed, latents)
    again = Stream.from_codes(codes, stream.header, stream.total_samples)
    assert again == stream
    assert again.to_bytes() == stream.to_bytes()
    if stream.header.total_samples is not None:
        assert Stream.from_codes(codes.tolist(), stream.header) == stream
    for write in WRITERS:
        assert from_tokens(write(stream)).to_bytes() == stream.to_bytes()
        assert write(from_tokens(write(stream))) == write(stream)
        assert is_tokens(io.BytesIO(write(stream)))


def test_codes_and_mask_are_where_they_should_be() -> None:
    stream = example()
    none = -1
    assert stream.codes().tolist() == [
        [[1, 2, 7, 8, 11], [3, 4, none, none, none], [none, none, 9, 10, none], [5, 6, none, none, none]]
    ]
    assert stream.mask().tolist() == [[[True, False, False], [False, True, False], [True, False, False]]]


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.uint8, np.uint64])
def test_any_whole_numbers_are_codes(kind: type) -> None:
    header = make_header(n_routed=0)
    codes = np.arange(5, dtype=kind)[None, None]
    assert np.array_equal(Stream.from_codes(codes, header, 35).codes(), codes)


def test_the_length_follows_from_the_codes_where_nobody_states_it() -> None:
    codes = np.zeros((1, 4, 7), np.int64)
    stream = Stream.from_codes(codes, make_header())
    assert stream.total_samples == 7 * 4 * 2
    assert Stream.from_bytes(stream.to_bytes()) == stream
    known = make_header(total_samples=35)
    with pytest.raises(InputError, match=r"35 samples take 5 latents, the codes have 7; state total_samples \(56"):
        Stream.from_codes(codes, known)
    assert Stream.from_codes(codes, known, 50).header.total_samples == 50


def changed(at: tuple[int, int, int], code: int) -> np.ndarray:
    codes = example().codes()
    codes[at] = code
    return codes


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (changed((0, 1, 1), 16), "code 16 of channel 0, stage 1, latent 1: allowed are 0 to 15, and -1"),
        (changed((0, 0, 4), -2), "code -2 of channel 0, stage 0, latent 4"),
        (changed((0, 0, 2), 70_000), "code 70000 of channel 0, stage 0, latent 2"),
        (changed((0, 0, 4), -1), "channel 0, latents 4 to 4: an expert has a code for every latent"),
        (changed((0, 2, 2), -1), "channel 0, latents 2 to 3"),
        (changed((0, 1, 2), 3), "channel 0, latents 2 to 3"),
        (example().codes()[0], r"\(channels, stages, latents\), here \(1, 4, 'latents'\), not \(4, 5\)"),
        (example().codes()[:, :3], r"not \(1, 3, 5\)"),
        (np.repeat(example().codes(), 2, 0), r"not \(2, 4, 5\)"),
        (example().codes()[..., :4], "35 samples take 5 latents, the codes have 4"),
        (example().codes().astype(float), "whole numbers, not float64"),
        (example().codes() > 0, "whole numbers, not bool"),
        ([[[1, 2], [3]]], "rows of different lengths"),
        (None, r"not \(\)"),
    ],
)
def test_codes_that_no_stream_has(codes: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Stream.from_codes(codes, make_header(), 35)


def test_files_of_tokens_load_without_swc() -> None:
    stream = some_streams()[2]
    with np.load(io.BytesIO(to_npz(stream)), allow_pickle=False) as file:
        assert np.array_equal(file["codes"], stream.codes())
        assert np.array_equal(file["mask"], stream.mask())
        assert (int(file["sample_rate"]), int(file["window"])) == (16000, 3)
        assert file["codebook_sizes"].tolist() == [1024] * 7
    facts, *lines = map(json.loads, to_jsonl(stream).splitlines())
    assert (facts["total_samples"], facts["latents_per_second"]) == (101, 2000)
    codes = np.full(stream.codes().shape, -1)
    for line in lines:
        size = len(line["codes"][0])
        codes[line["channel"], line["stages"], line["latent"] : line["latent"] + size] = line["codes"]
    assert np.array_equal(codes, stream.codes())


def edited(number: int, **fields: Any) -> Callable[[bytes], bytes]:
    """JSON lines with other fields in one line; a field of None is left out."""

    def edit(data: bytes) -> bytes:
        lines = data.splitlines()
        line = {k: v for k, v in {**json.loads(lines[number]), **fields}.items() if v is not None}
        return b"\n".join([*lines[:number], json.dumps(line).encode(), *lines[number + 1 :]])

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda data: data[:-10], "line 4 is not JSON; is the file cut off"),
        (lambda data: data[: data.rindex(b"\n", 0, -1)], "cut off: no line for channel 0, latent 4, of 5 latents"),
        (lambda data: data.replace(b"\n", b"\n\n", 1), "line 2 is not JSON"),
        (lambda data: data + data.splitlines()[-1], "line 5 is beyond the 5 latents of the stream"),
        (edited(2, latent=0), "line 3 must be that of channel 0, latent 2; keep the order"),
        (edited(2, codes=[[7, 8], [9]]), "line 3: .codes. must be 2 whole numbers for each of its 2 stages"),
        (edited(2, codes=[[7, 8]]), "line 3: .codes. must be"),
        (edited(2, codes=[[7, 8], [9, 1.5]]), "line 3: .codes. must be"),
        (edited(2, codes=[[7, 8], [9, 10**30]]), "line 3: .codes. must be"),
        (edited(2, codes=None), "line 3: .codes. must be"),
        (edited(2, stages=[2, 0]), "line 3: .stages. must be ascending"),
        (edited(2, stages=[0, 0]), "line 3: .stages. must be ascending"),
        (edited(2, stages=None), "line 3: .stages. must be ascending"),
        (edited(2, stages=[0, 4]), "line 3: .stages. must be 0 to 3"),
        (edited(0, header="f5"), "ends within the header"),
        (edited(0, header="xyz"), "line 1 has no .header."),
        (edited(0, header=None), "line 1 has no .header."),
        (edited(0, total_samples=-1), "line 1 has no .total_samples."),
        (edited(0, total_samples="35"), "line 1 has no .total_samples."),
        (edited(0, swc_tokens=2), "swc_tokens is 2, this version reads 1"),
        (lambda data: b'{"a": 1}', "swc_tokens is None"),
        (lambda data: b"{" * 9999, "line 1 is not JSON"),
        (lambda data: data.replace(b"}", b"]", 1), "line 1 is not JSON"),
        (lambda data: b"hello", "neither a .swc stream nor a file of tokens"),
    ],
)
def test_jsonl_that_is_refused(edit: Callable[[bytes], bytes], message: str) -> None:
    data = edit(to_jsonl(example()))
    with pytest.raises(FormatError, match=message):
        from_tokens(data)


def test_codes_in_jsonl_are_checked_as_all_codes() -> None:
    with pytest.raises(InputError, match="code 16 of channel 0, stage 2, latent 3"):
        from_tokens(edited(2, codes=[[7, 8], [9, 16]])(to_jsonl(example())))


def rewritten(**arrays: Any) -> bytes:
    with np.load(io.BytesIO(to_npz(example()))) as file:
        every = {**file, **arrays}
    out = io.BytesIO()
    np.savez(out, **{name: array for name, array in every.items() if array is not None})
    return out.getvalue()


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ({"codes": None}, FormatError, "lacks an array, codes"),
        ({"header": np.zeros(60, np.uint8)}, FormatError, "not a|no .swc"),
        ({"header": np.array("text")}, FormatError, "damaged or not one of tokens"),
        ({"total_samples": np.arange(2)}, FormatError, "damaged or not one of tokens"),
        ({"swc_tokens": 9}, FormatError, "swc_tokens is 9"),
        ({"codes": np.array([None])}, FormatError, "damaged or not one of tokens"),
        ({"codes": np.zeros((1, 4, 4), int)}, InputError, "35 samples take 5 latents"),
        ({"codes": np.zeros((1, 4, 5))}, InputError, "whole numbers, not float64"),
    ],
)
def test_npz_that_is_refused(arrays: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        from_tokens(rewritten(**arrays))


@pytest.mark.parametrize("write", WRITERS)
def test_no_damaged_file_of_tokens_becomes_anything_but_an_error_or_a_stream(write: Callable[[Stream], bytes]) -> None:
    data, rng = write(example()), np.random.default_rng(0)
    for size in range(0, len(data) - 1, 7):
        with pytest.raises(FormatError):
            from_tokens(data[:size])
    for _ in range(300):
        changed = bytearray(data)
        changed[rng.integers(len(data))] = rng.integers(256)
        try:
            Stream.from_bytes(from_tokens(bytes(changed)).to_bytes())
        except (FormatError, InputError):
            continue


def test_other_files_are_no_tokens() -> None:
    out = io.BytesIO()
    np.savez(out, codes=np.zeros(3))
    for data in (out.getvalue(), b"", b'{"a": 1}', b"PK\x03\x04", example().to_bytes()):
        assert not is_tokens(io.BytesIO(data))
