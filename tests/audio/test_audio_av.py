"""What only PyAV can read, and what is said where it isn't installed."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from containers import TONES, encoded, flac_of_32_bits, heard, noise, tones

from swc.audio import AudioReader
from swc.errors import InputError

Pipe = Callable[[bytes], None]

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def made(
    audio: np.ndarray,
    container: str,
    codec: str,
    streams: int = 1,
    layout: str = "",
    tags: dict[str, str] | None = None,
) -> bytes:
    """A file written by PyAV; the second stream on is silent."""
    av = pytest.importorskip("av")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        output.metadata.update(tags or {})
        channels = layout or LAYOUTS[audio.shape[1]]
        tracks = [output.add_stream(codec, rate=48000, layout=channels, bit_rate=128000) for _ in range(streams)]
        for number, stream in enumerate(tracks):
            kind = stream.codec_context.format.name
            data = audio if number == 0 else audio * 0
            if kind.startswith("s16"):
                data = np.int16(data * 2**15)
            for start in range(0, len(data), 4800):
                piece = data[start : start + 4800]
                piece = np.ascontiguousarray(piece.T) if kind.endswith("p") else piece.reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(piece, format=kind, layout=channels)
                frame.sample_rate, frame.pts = 48000, start
                output.mux(stream.encode(frame))
            output.mux([packet for packet in stream.encode(None) if packet.size])
    return buffer.getvalue()


def read(path: Path | str, salvage: bool = False) -> tuple[np.ndarray, AudioReader]:
    with AudioReader(path, salvage=salvage) as reader:
        blocks = list(reader.blocks(999))
    assert all(len(block) == 999 for block in blocks[:-1])
    return np.concatenate(blocks), reader


@pytest.mark.parametrize(
    ("container", "codec", "channels", "most"),
    [("mp4", "aac", 1, 2047), ("mp4", "aac", 6, 2047), ("adts", "aac", 2, 3071), ("matroska", "pcm_s16le", 2, 0)],
)
def test_formats_beyond_libsndfile(
    tmp_path: Path, pipe: Pipe, container: str, codec: str, channels: int, most: int
) -> None:
    data = made(tones(channels), container, codec)
    (tmp_path / "a").write_bytes(data)
    audio, reader = read(tmp_path / "a")
    assert 0 <= len(audio) - 48000 <= most
    assert (reader.sample_rate, reader.channels, reader.channel_mask) == (48000, channels, None)
    assert heard(audio) == list(TONES[:channels])
    assert reader.notes == []
    pipe(data)
    np.testing.assert_array_equal(read("-")[0], audio)


def test_audio_without_a_decoder_does_not_end_the_process(tmp_path: Path) -> None:
    pytest.importorskip("av")
    data = bytearray(encoded(noise(9000), "CAF"))
    data[48:52] = struct.pack(">I", 0x940010)  # bits a sample
    (tmp_path / "a.caf").write_bytes(data)
    code = f"from swc.audio import AudioReader; AudioReader({str(tmp_path / 'a.caf')!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "swc.errors.InputError" in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize(("container", "codec"), [("mp4", "aac"), ("matroska", "flac"), ("asf", "wmav2")])
def test_tags_of_formats_beyond_libsndfile(tmp_path: Path, pipe: Pipe, container: str, codec: str) -> None:
    tags = {"title": "t", "artist": "a", "album_artist": "Both", "composer": "Somebody", "track": "3/12", "disc": "1/2"}
    data = made(tones(1), container, codec, tags=tags)
    (tmp_path / "a").write_bytes(data)
    found = read(tmp_path / "a")[1].tags
    expected = {"TITLE": "t", "ARTIST": "a", "ALBUMARTIST": "Both", "COMPOSER": "Somebody"}
    numbers = {"TRACKNUMBER": "3/12", "DISCNUMBER": "1/2"}
    if container == "mp4":  # which has numbers, and no text
        numbers = {"TRACKNUMBER": "3", "TRACKTOTAL": "12", "DISCNUMBER": "1", "DISCTOTAL": "2"}
    assert dict(found) == expected | numbers
    assert len(found) == len(dict(found))
    pipe(data)
    assert read("-")[1].tags == found


@pytest.mark.parametrize(("codec", "scale"), [("pcm_s16le", 2**15), ("pcm_f32le", 1), ("flac", 2**15)])
def test_samples_are_not_changed(tmp_path: Path, codec: str, scale: int) -> None:
    sound = np.float32(noise(9000, 2) / 2**15)
    (tmp_path / "a.mka").write_bytes(made(sound, "matroska", codec))
    np.testing.assert_array_equal(read(tmp_path / "a.mka")[0], sound)


def test_flac_of_32_bits(tmp_path: Path, pipe: Pipe) -> None:
    pytest.importorskip("av")
    values = [0, 1, -(2**31), 2**30 + 7, -5]
    data = flac_of_32_bits(values)
    (tmp_path / "a.flac").write_bytes(data)
    audio, reader = read(tmp_path / "a.flac")
    np.testing.assert_array_equal(audio[:, 0], np.repeat(np.float32(values) / np.float32(2**31), 192))
    assert reader.total_samples == len(audio)
    pipe(data[:-3])
    with pytest.raises(InputError, match="ends after 768 of the 960 samples"):
        read("-")


def test_mask_of_a_layout(tmp_path: Path) -> None:
    (tmp_path / "a.mka").write_bytes(made(tones(6), "matroska", "flac", layout="5.1(side)"))
    audio, reader = read(tmp_path / "a.mka")
    assert reader.channel_mask == 0x60F
    assert heard(audio) == list(TONES[:6])


def test_first_of_several_streams(tmp_path: Path) -> None:
    (tmp_path / "a.mka").write_bytes(made(tones(2), "matroska", "pcm_s16le", streams=2))
    audio, reader = read(tmp_path / "a.mka")
    assert heard(audio) == list(TONES[:2])
    assert "holds 2 streams of audio; the first is used" in reader.notes[0]


def test_what_is_cut_off(tmp_path: Path) -> None:
    data = made(tones(2).repeat(3, 0), "matroska", "pcm_s16le")
    (tmp_path / "a.mka").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"`salvage_input`"):
        read(tmp_path / "a.mka")
    audio, reader = read(tmp_path / "a.mka", salvage=True)
    assert 48000 < len(audio) < 96000
    assert reader.notes


def test_joined_mp4_is_refused(tmp_path: Path) -> None:
    data = made(tones(2), "mp4", "aac")
    (tmp_path / "a.m4a").write_bytes(data + data)
    with pytest.raises(InputError, match=f"continues with another file at byte {len(data)}, which is not read; split"):
        AudioReader(tmp_path / "a.m4a")


def test_channels_in_an_order_of_their_own(tmp_path: Path) -> None:
    """Of such a file, PyAV 17.1 to 18.1 free a list twice, which ends the process."""
    pytest.importorskip("av")
    data = encoded(tones(8), "CAF", 48000)
    chan = b"chan" + struct.pack(">qIII", 12, 0x800008, 0, 0)  # L R C LFE Ls Rs Rls Rrs
    (tmp_path / "a.caf").write_bytes(data[:52] + chan + data[52:])
    script = (
        "import sys\n"
        "from contextlib import ExitStack\n"
        "from swc.audio.av import AvSource\n"
        "from swc.audio.notes import Notes\n"
        "for _ in range(30):\n"
        "    with open(sys.argv[1], 'rb') as file, ExitStack() as stack:\n"
        "        source = AvSource(file, stack, Notes('a.caf'))\n"
        "        print(source.channel_mask, source._order)\n"
        "        while len(source.read(999)):\n"
        "            pass\n"
    )
    result = subprocess.run([sys.executable, "-c", script, tmp_path / "a.caf"], check=True, stdout=subprocess.PIPE)
    assert set(result.stdout.splitlines()) == {b"None (0, 1, 2, 3, 6, 7, 4, 5)"}


def test_playlists_open_nothing(tmp_path: Path) -> None:
    pytest.importorskip("av")
    (tmp_path / "b.wav").write_bytes(encoded(noise(9000), "WAV"))
    (tmp_path / "a.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nb.wav\n#EXT-X-ENDLIST\n")
    (tmp_path / "a.txt").write_text("ffconcat version 1.0\nfile b.wav\n")
    for name in ("a.m3u8", "a.txt"):
        with pytest.raises(InputError, match="not audio that swc can read"):
            AudioReader(tmp_path / name)


def test_without_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    for data in (flac_of_32_bits([1]), b"\0\0\0\x20ftypM4A " + bytes(100), b"\x1aE\xdf\xa3" + bytes(100)):
        (tmp_path / "a").write_bytes(data)
        with pytest.raises(InputError, match=r"ffmpeg -i IN out.wav, or .*pip install 'swc-codec\[av\]'"):
            AudioReader(tmp_path / "a")
