"""Each channel comes back as the one that it was, whatever order a container has."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from containers import TONES, encoded, heard, tones

from swc.audio import AudioReader, AudioWriter
from swc.audio.channels import DEFAULT_MASKS, from_names, from_xiph, stated_mask, to_xiph

Pipe = Callable[[bytes], None]

XIPH = {  # which of WAV's channels Vorbis and Opus have in each place
    1: [0],
    2: [0, 1],
    3: [0, 2, 1],
    4: [0, 1, 2, 3],
    5: [0, 2, 1, 3, 4],
    6: [0, 2, 1, 4, 5, 3],
    7: [0, 2, 1, 5, 6, 4, 3],
    8: [0, 2, 1, 6, 7, 4, 5, 3],
}


def read(path: Path | str) -> tuple[np.ndarray, AudioReader]:
    with AudioReader(path) as reader:
        return np.concatenate(list(reader.blocks())), reader


@pytest.mark.parametrize("channels", range(1, 9))
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.opus", "a.aiff", "a.caf", "a.w64", "a.rf64"])
def test_there_and_back(tmp_path: Path, pipe: Pipe, name: str, channels: int) -> None:
    with AudioWriter(tmp_path / name, 48000, channels) as writer:
        writer.write(tones(channels))
    audio, reader = read(tmp_path / name)
    assert heard(audio) == list(TONES[:channels])
    assert reader.channel_mask is None
    pipe((tmp_path / name).read_bytes())
    assert heard(read("-")[0]) == list(TONES[:channels])


@pytest.mark.parametrize("channels", range(1, 9))
@pytest.mark.parametrize("name", ["a.ogg", "a.opus"])
def test_ogg_has_the_order_of_its_specification(tmp_path: Path, name: str, channels: int) -> None:
    """libsndfile passes channels of Ogg on as they are, in both directions."""
    order, subtype = XIPH[channels], {"a.ogg": "VORBIS", "a.opus": "OPUS"}[name]
    with AudioWriter(tmp_path / name, 48000, channels) as writer:
        writer.write(tones(channels))
    assert heard(sf.read(tmp_path / name)[0].reshape(-1, channels)) == [TONES[channel] for channel in order]
    sf.write(tmp_path / name, tones(channels)[:, order], 48000, format="OGG", subtype=subtype)
    assert heard(read(tmp_path / name)[0]) == list(TONES[:channels])
    chained = (tmp_path / name).read_bytes() * 2
    (tmp_path / name).write_bytes(chained)
    assert heard(read(tmp_path / name)[0][48000:]) == list(TONES[:channels])


@pytest.mark.parametrize("channels", range(1, 9))
def test_orders_undo_each_other(channels: int) -> None:
    there, back = to_xiph(channels), from_xiph(channels)
    assert list(there or range(channels)) == XIPH[channels]
    wav = np.arange(channels)
    assert list(wav[list(there or wav)][list(back or wav)]) == list(range(channels))


def test_masks() -> None:
    assert all(mask.bit_count() == channels for channels, mask in DEFAULT_MASKS.items())
    assert stated_mask(0x60F, 6) == 0x60F
    assert stated_mask(0x3F, 6) is stated_mask(0x3, 6) is stated_mask(0, 6) is stated_mask(None, 6) is None
    assert from_names(["FC", "FL", "FR", "SL", "SR", "LFE"]) == ((1, 2, 0, 5, 3, 4), 0x60F)
    assert from_names(["FL", "FL"]) == from_names(["FL", "NONE"]) == (None, None)


@pytest.mark.parametrize("name", ["a.wav", "-"])
@pytest.mark.parametrize(("channels", "mask"), [(6, 0x60F), (4, 0x107), (2, 0x30), (1, 0x8)])
@pytest.mark.parametrize("bits", ["16", "float"])
def test_mask_of_wav(
    tmp_path: Path,
    pipe: Pipe,
    capfdbinary: pytest.CaptureFixture[bytes],
    name: str,
    channels: int,
    mask: int,
    bits: str,
) -> None:
    path = name if name == "-" else tmp_path / name
    with AudioWriter(path, 48000, channels, bits=bits, channel_mask=mask) as writer:  # type: ignore[arg-type]
        writer.write(tones(channels))
    if name == "-":
        pipe(capfdbinary.readouterr().out)
    audio, reader = read(path)
    assert reader.channel_mask == mask
    assert heard(audio) == list(TONES[:channels])


def test_wav_of_more_than_two_channels_states_what_they_are(tmp_path: Path) -> None:
    for channels, mask in DEFAULT_MASKS.items():
        with AudioWriter(tmp_path / "a.wav", 48000, channels) as writer:
            writer.write(tones(channels))
        data = (tmp_path / "a.wav").read_bytes()
        if channels > 2:
            assert struct.unpack_from("<H", data, 20)[0] == 0xFFFE
            assert struct.unpack_from("<I", data, 40)[0] == mask
        else:
            assert struct.unpack_from("<H", data, 20)[0] == 1


def test_mask_of_flac(tmp_path: Path) -> None:
    data = encoded(tones(6), "FLAC", 48000)
    text = b"WAVEFORMATEXTENSIBLE_CHANNEL_MASK=0x060F"
    comments = struct.pack("<III", 0, 1, len(text)) + text
    block = b"\4" + len(comments).to_bytes(3, "big") + comments
    (tmp_path / "a.flac").write_bytes(data[:42] + block + data[42:])
    audio, reader = read(tmp_path / "a.flac")
    assert reader.channel_mask == 0x60F
    assert heard(audio) == list(TONES[:6])
