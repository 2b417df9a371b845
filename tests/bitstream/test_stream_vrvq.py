"""The `vrvq` family in the container: every depth of every latent comes back, in as few bits as it needs."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from bitstream_samples import FINGERPRINT
from hypothesis import given, settings
from hypothesis import strategies as st

from swc.bitstream import Chunk, DepthWindow, Header, SalvageReader, Stream, StreamWriter, VrvqLayout, cut, join
from swc.bitstream.stream import StreamBuilder
from swc.bitstream.timeline import bits_by_window, routing_map
from swc.bitstream.token_files import from_tokens, to_jsonl, to_npz
from swc.errors import FormatError, InputError, LimitError, SyntaxFormatError, VersionError

HOP, WINDOW = 4, 6


def header(layout: VrvqLayout, **changes: object) -> Header:
    fields = {"model_rate": 8000, "source_rate": 8000, "channels": 1, "hop": HOP, "gain_q8": 0, "window": WINDOW}
    return Header(
        **fields | {"windows_per_chunk": 2, "layout": layout, "fingerprint": FINGERPRINT, "minor": 3} | changes
    )


def codes_of(layout: VrvqLayout, depths: list[int], seed: int = 0) -> np.ndarray:
    """Random codes (stages, latents) of latents of these depths."""
    rng = np.random.default_rng(seed)
    stages = layout.n_shared + layout.n_routed
    codes = rng.integers(0, 1 << layout.codebook_bits, (stages, len(depths)))
    return np.where(np.arange(stages)[:, None] < np.array(depths), codes, -1)


def stream_of(layout: VrvqLayout, depths: list[int], **changes: object) -> Stream:
    head = header(layout, **changes)
    codes = np.stack([codes_of(layout, depths, channel) for channel in range(head.channels)])
    return Stream.from_codes(codes, head)


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_every_stream_comes_back(data: st.DataObject) -> None:
    shared, routed = data.draw(st.integers(1, 3)), data.draw(st.integers(0, 40))
    layout = VrvqLayout(shared, routed, data.draw(st.integers(6, 16)))
    depths = data.draw(st.lists(st.integers(shared, shared + routed), min_size=1, max_size=40))
    stream = stream_of(layout, depths, channels=data.draw(st.integers(1, 2)))
    parsed = Stream.from_bytes(stream.to_bytes())
    assert parsed == stream
    assert parsed.to_bytes() == stream.to_bytes()
    assert np.array_equal(parsed.codes(), stream.codes())
    assert (parsed.codes() >= 0).sum(1).tolist() == [depths] * stream.header.channels
    assert sum(stream.breakdown().values()) == 8 * len(stream.to_bytes())
    for write in (to_npz, to_jsonl):
        assert from_tokens(write(stream)).to_bytes() == stream.to_bytes()


@pytest.mark.parametrize(
    ("depths", "bits"),
    [
        ([1] * 6, 3),
        ([2] * 6, 3 + 6),
        ([1, 1, 1, 1, 1, 2], 3 + 6),
        ([1, 1, 1, 1, 1, 4], 3 + 2 * 6),
        ([17] * 6, 3 + 5 * 6),
        ([32] * 6, 3 + 5 * 6),
    ],
)
def test_depths_take_as_few_bits_as_the_greatest_needs(depths: list[int], bits: int) -> None:
    layout = VrvqLayout(1, 31, 10)
    window = layout.window(codes_of(layout, depths))
    assert layout.breakdown([window]) == {"depths": bits, "codes": 10 * sum(depths)}
    assert layout.size(window) == layout.bits(np.array(depths)) == bits + 10 * sum(depths)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=30))
def test_no_window_is_larger_than_what_it_is_given(depths: list[int]) -> None:
    layout, latents = VrvqLayout(1, 11, 7), len(depths)
    least, most = layout.bounds(latents)
    given = layout.sizes(latents)[sum(depths) - latents]
    assert least <= layout.bits(np.array(depths)) <= given <= most
    assert len(layout.sizes(latents)) == 1 + 11 * latents
    assert layout.bits(np.full(latents, 1)) == least
    assert layout.bits(np.full(latents, 12)) == most


def test_a_wider_form_of_the_same_depths_is_refused() -> None:
    layout = VrvqLayout(1, 5, 4)
    (chunk,) = stream_of(layout, [2, 1]).chunks
    bits = layout.pack(chunk.windows[0], [2])
    assert bits.to01()[:4] == "0110"
    bits[:4] = type(bits)("1001")  # width 2, and 2 bits each: 01 and 00
    bits[4:4] = type(bits)("00")
    with pytest.raises(SyntaxFormatError, match="depths of 2 bits, the greatest of which is 1"):
        layout.unpack(bits, [2])


def test_cut_join_and_salvage_copy_codes() -> None:
    stream = stream_of(VrvqLayout(1, 15, 5), [1 + i * 7 % 16 for i in range(60)])
    data = stream.to_bytes()
    builders = [StreamBuilder() for _ in range(3)]
    middle = 24 * HOP
    cut(stream, builders[0].open, 0, middle)
    cut(stream, builders[1].open, middle)
    join([builder.stream for builder in builders[:2]], builders[2].open)
    assert builders[2].stream == stream
    damaged = bytearray(data)
    damaged[120] ^= 4
    with pytest.raises(FormatError):
        Stream.from_bytes(bytes(damaged))
    found = list(SalvageReader(io.BytesIO(bytes(damaged))))
    assert [one for one in found if one] == [one for one, is_left in zip(stream.chunks, found, strict=True) if is_left]
    assert sum(one is None for one in found) == 1


def test_chunks_of_nothing_but_the_least_depth_are_salvaged() -> None:
    """Their payloads are smaller than the sizes that windows are given."""
    data = stream_of(VrvqLayout(1, 31, 10), [1] * 60).to_bytes()
    damaged = data[:60] + data[61:]
    reader = SalvageReader(io.BytesIO(damaged))
    assert [chunk is None for chunk in reader] == [True, False, False, False, False]


def test_usage_is_the_share_of_latents() -> None:
    stream = stream_of(VrvqLayout(1, 3, 5), [1, 1, 2, 4, 4, 4, 1, 1])
    assert routing_map(stream, 2).tolist() == [[4 / 6, 0], [0.5, 0], [0.5, 0]]
    assert stream.mask().tolist() == [[[True, False]] * 3]
    assert list(bits_by_window(stream)) == ["framing", "depths", "codes", "padding"]
    assert bits_by_window(stream)["codes"].tolist() == [16 * 5, 2 * 5]


def test_codes_that_no_depth_has_are_refused() -> None:
    layout = VrvqLayout(1, 3, 5)
    codes = codes_of(layout, [2, 3, 1])
    for stage, latent in ((0, 1), (1, 1), (3, 0)):
        wrong = codes.copy()
        wrong[stage, latent] = -1 if codes[stage, latent] >= 0 else 3
        with pytest.raises(InputError, match="latents 0 to 2: a latent has codes of the first codebooks, 1 at least"):
            Stream.from_codes(wrong[None], header(layout))


@pytest.mark.parametrize(
    ("depths", "codes", "error"),
    [
        ([1, 5], [1] * 6, SyntaxFormatError),
        ([0, 1], [1], SyntaxFormatError),
        ([1, 1, 1], [1] * 3, SyntaxFormatError),
        ([1, 2], [1] * 2, SyntaxFormatError),
        ([1, 2], [1, 2, 32], LimitError),
    ],
)
def test_windows_that_do_not_fit_are_not_written(depths: list[int], codes: list[int], error: type) -> None:
    fp = io.BytesIO()
    writer = StreamWriter(fp, header(VrvqLayout(1, 3, 5)))
    size = len(fp.getvalue())
    window = DepthWindow(np.array(depths, np.uint16), np.array(codes, np.uint16))
    with pytest.raises(error):
        writer.write_chunk(Chunk(2, ((window,),)))
    assert len(fp.getvalue()) == size


def test_it_takes_minor_version_3_and_a_code_in_every_latent() -> None:
    good = header(VrvqLayout(1, 3, 5))
    with pytest.raises(VersionError, match=r"family vrvq comes with version 1\.3, and the stream is of 1\.2"):
        StreamWriter(io.BytesIO(), replace(good, minor=2))
    with pytest.raises(LimitError, match="least_depth is 0"):
        StreamWriter(io.BytesIO(), replace(good, layout=VrvqLayout(0, 3, 5)))
