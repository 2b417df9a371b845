"""formats/SWC-1.md says what the code does."""

from __future__ import annotations

import io
import re
import struct
import zlib
from pathlib import Path

import pytest
from bitstream_samples import example, make_header, raw_header

from swc.bitstream import LIMITS, Stream, StreamReader, StreamWriter
from swc.errors import LimitError

FORMATS = Path(__file__).parents[2] / "formats"
SPEC = (FORMATS / "SWC-1.md").read_text(encoding="utf-8")
FIELDS = [
    "model_rate",
    "source_rate",
    "hop",
    "gain_q8",
    "window",
    "windows_per_chunk",
    "n_shared",
    "n_routed",
    "codebook_bits",
    "channels",
    "total_samples",
]


def listing(block: int) -> bytes:
    """The bytes of a code block, left of their comments."""
    lines = SPEC.split("```")[2 * block + 1].splitlines()[1:]  # after the language
    return bytes.fromhex("".join(re.match(r"[0-9a-f ]*?(?=   |$)", line)[0] for line in lines))


def test_example_bytes() -> None:
    assert listing(0) == example().to_bytes()
    assert f"The stream has {len(example().to_bytes())} bytes" in SPEC


def test_recording_bytes() -> None:
    recording = FORMATS / "vectors" / "valid" / "recording.swc"
    assert listing(1) == recording.read_bytes()
    window = Stream.load(recording).chunks[0].windows[0][0]
    for expert, row in zip(window.experts, window.codes[window.codes.shape[0] - len(window.experts) :], strict=True):
        assert f"expert {expert}: {' '.join(map(str, row))}" in SPEC


def test_limits_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (-?\d+) \| (\d+) \|", SPEC, re.M)
    assert {name: (int(low), int(high)) for name, low, high in rows} == LIMITS


def test_header_table() -> None:
    section = SPEC.split("## 3. Header")[1].split("| family | name")[0]
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\w+) \|", section, re.M)
    ends = [int(offset) + int(size) for offset, size, _ in rows]
    assert [int(offset) for offset, _, _ in rows] == [0, *ends[:-1]]
    assert ends[-1] == 44
    widths = {"u8": 1, "u16": 2, "i16": 2, "u24": 3, "u64": 8}
    assert all(widths.get(kind, int(size)) == int(size) for _, size, kind in rows)


def test_crc_check_value() -> None:
    assert f"0x{zlib.crc32(b'123456789'):08X}" in SPEC


@pytest.mark.parametrize("name", FIELDS)
def test_limits_of_fields(name: str) -> None:
    low, high = LIMITS[name]
    others = {"window": 1, "windows_per_chunk": 1, "n_shared": 1, "n_routed": int(name == "n_shared")}
    if name in ("channels", "windows_per_chunk"):
        others["n_shared"] = 16  # many windows have to hold something
    for value in (low, high):
        header = make_header(**(others | {name: value}))
        fp = io.BytesIO()
        StreamWriter(fp, header)
        assert StreamReader(io.BytesIO(fp.getvalue())).header == header
        assert fp.getvalue() == raw_header(header)
    for value in (low - 1, high + 1):
        header = make_header(**(others | {name: value}))
        with pytest.raises(LimitError, match=name):
            StreamWriter(io.BytesIO(), header)
        try:
            data = raw_header(header)
        except (ValueError, struct.error):
            continue  # does not fit its bytes
        with pytest.raises(LimitError, match=name) as caught:
            StreamReader(io.BytesIO(data))
        assert caught.value.offset is not None


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("codebooks", {"n_shared": 0, "n_routed": 1}, {"n_shared": 0, "n_routed": 0}),
        (
            "chunk_latents",
            {"window": 13107, "windows_per_chunk": 5, "n_routed": 0},
            {"window": 32768, "windows_per_chunk": 2, "n_routed": 0},
        ),
        (  # 8 x (15 + 273 x 16 x 15) bits are 65535 bytes
            "payload_length",
            {
                "channels": 8,
                "window": 273,
                "windows_per_chunk": 1,
                "n_shared": 1,
                "n_routed": 15,
                "codebook_bits": 15,
            },
            {
                "channels": 8,
                "window": 4096,
                "windows_per_chunk": 1,
                "n_shared": 1,
                "n_routed": 0,
                "codebook_bits": 16,
            },
        ),
        (
            "bare_windows",
            {"channels": 2, "window": 1, "windows_per_chunk": 1, "n_shared": 0, "n_routed": 1},
            {"channels": 3, "window": 1, "windows_per_chunk": 1, "n_shared": 0, "n_routed": 1},
        ),
    ],
)
def test_limits_that_follow_from_fields(name: str, good: dict[str, int], bad: dict[str, int]) -> None:
    StreamReader(io.BytesIO(raw_header(make_header(**good))))
    with pytest.raises(LimitError, match=name):
        StreamReader(io.BytesIO(raw_header(make_header(**bad))))
    with pytest.raises(LimitError, match=name):
        StreamWriter(io.BytesIO(), make_header(**bad))


@pytest.mark.parametrize("length", [0, 47, 16_385, 65_535])
def test_header_length(length: int) -> None:
    data = bytearray(raw_header(make_header()))
    data[9:11] = length.to_bytes(2, "little")
    with pytest.raises(LimitError, match="header_length"):
        StreamReader(io.BytesIO(bytes(data)))


def test_number_of_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    data = example().to_bytes()
    monkeypatch.setitem(LIMITS, "chunks", (0, 1))
    with pytest.raises(LimitError, match="chunks is 2"):
        list(StreamReader(io.BytesIO(data)))
    with pytest.raises(LimitError, match="chunks is 2"):
        example().to_bytes()
