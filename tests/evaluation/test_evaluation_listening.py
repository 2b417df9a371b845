"""The listening page without a browser: levels, versions of one length, what is embedded, names that are code."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tiny import tones

from swc.bitstream import Stream
from swc.codec.codec import Codec
from swc.errors import InputError
from swc.evaluation.listening import (
    Excerpt,
    Recording,
    Version,
    coded,
    from_file,
    from_stream,
    k_weighted_level,
    listening_page,
    match_levels,
    opus,
    read_excerpt,
)

RATE = 16000
EVIL = "</script><script>alert(1)</script><!--\u2028"


class Scripts(HTMLParser):
    """The elements of a page that hold more than text, and the attributes of all."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.scripts: list[str] = []
        self.title = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.lasttag = ""

    def handle_data(self, data: str) -> None:
        if self.lasttag == "script":
            self.scripts[-1] += data
        elif self.lasttag == "title":
            self.title += data


def data_of(page: str) -> list[dict[str, Any]]:
    return json.loads(Scripts(page).scripts[0])


def audio_of(version: dict[str, Any]) -> tuple[np.ndarray, int]:
    return soundfile.read(io.BytesIO(base64.b64decode(version["audio"])), always_2d=True)


def excerpt(x: np.ndarray, start: float = 0.0) -> Excerpt:
    return Excerpt("x.wav", x, RATE, start, start + len(x) / RATE, ())


def digital_k_weights(frequencies: np.ndarray) -> np.ndarray:
    """Gains in dB of the two filters at 48 kHz, from the tables 1 and 2 of BS.1770."""
    z = np.exp(-2j * np.pi * frequencies / 48000)
    first = np.polyval([1.19839281085285, -2.69169618940638, 1.53512485958697], z)
    first = first / np.polyval([0.73248077421585, -1.69065929318241, 1], z)
    second = np.polyval([1, -2, 1], z) / np.polyval([0.99007225036621, -1.99004745483398, 1], z)
    return 20 * np.log10(np.abs(first * second))


@pytest.mark.parametrize("frequency", [30, 100, 1000, 3000, 8000])
def test_levels_are_weighted_as_the_standard_says(frequency: int) -> None:
    t = np.arange(48000) / 48000
    sine = np.sin(2 * np.pi * frequency * t)[:, None]
    expected = 10 * np.log10(0.5) + digital_k_weights(np.array([float(frequency)]))[0]
    assert k_weighted_level(sine, 48000) == pytest.approx(expected, abs=0.1)
    assert k_weighted_level(np.repeat(sine, 2, 1)[:-1], 48000) == pytest.approx(expected, abs=0.1)  # odd length, stereo


def test_matched_versions_have_one_level_and_none_clips() -> None:
    x = tones(2, RATE)
    spiky = 0.01 * x
    spiky[100] = 0.9
    versions = [Version("Original", x), Version("loud", 3 * x, 1.0), Version("spiky", spiky), Version("none", 0 * x)]
    levels, unmatched = [], []
    (recording,) = data_of(listening_page([Recording("r", RATE, tuple(versions))]))
    for version in recording["versions"]:
        audio, rate = audio_of(version)
        assert (rate, audio.shape) == (RATE, x.shape)
        assert np.abs(audio).max() <= 1
        levels.append(k_weighted_level(audio, rate))
        unmatched.append(audio * version["unmatched"])
    assert levels[1:3] == pytest.approx([levels[0]] * 2, abs=0.1)
    assert levels[3] == -np.inf
    assert recording["versions"][3]["gain_db"] == 0
    assert recording["versions"][1]["gain_db"] == pytest.approx(-20 * np.log10(3), abs=0.01)
    loudness = [k_weighted_level(audio, RATE) for audio in unmatched]
    assert loudness[1] - loudness[0] == pytest.approx(20 * np.log10(3), abs=0.1)
    assert all(np.abs(audio).max() <= 1 for audio in unmatched)


def test_a_silent_original_changes_no_level() -> None:
    x = tones(1, RATE)
    assert [playback.gain_db for playback in match_levels([Version("Original", 0 * x), Version("x", x)], RATE)] == [
        0,
        0,
    ]


def test_embedded_original_is_exact_where_nothing_would_clip() -> None:
    x = np.round(tones(1, RATE, channels=2) * 2**15).astype(np.float32) / 2**15
    page = listening_page([Recording("r", RATE, (Version("Original", x), Version("copy", x)))])
    for version in data_of(page)[0]["versions"]:
        assert np.array_equal(audio_of(version)[0], x)
    assert len(page) < 60_000 + 2 * x.size * 2 * 4 / 3  # smaller than PCM would be


@pytest.mark.parametrize("rate", [8000, 65537, 96000])
def test_odd_rates_are_embedded(rate: int) -> None:
    x = tones(0.1, rate)
    page = listening_page([Recording("r", rate, (Version("Original", x), Version("copy", x)))])
    assert audio_of(data_of(page)[0]["versions"][0])[1] == rate


def test_names_that_are_code_stay_text() -> None:
    x = tones(0.2, RATE)
    versions = (Version("Original", x), Version(EVIL, x, note=EVIL))
    page = listening_page([Recording(EVIL, RATE, versions)])
    found = Scripts(page)
    assert found.tags.count("script") == 2
    assert EVIL[:-1] in found.title
    name = data_of(page)[0]["versions"][1]["name"]
    assert name == EVIL.replace("\u2028", "\\u2028")
    assert json.loads(found.scripts[0])[0]["versions"][1]["note"] == EVIL
    undecodable = Version("caf\udce9.wav", x)
    page = listening_page([Recording("caf\udce9.wav", RATE, (versions[0], undecodable))])
    assert "caf\\udce9.wav" in Scripts(page.encode().decode()).title


def test_page_is_alone_and_allows_only_its_own_script() -> None:
    x = tones(0.2, RATE)
    page = listening_page([Recording("r", RATE, (Version("Original", x), Version("copy", x)))])
    found = Scripts(page)
    assert [(name, value) for name, value in found.attributes if name in ("src", "href", "srcset", "action")] == [
        ("href", "data:,")
    ]
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttp|innerHTML|eval\(", page)
    digest = base64.b64encode(hashlib.sha256(found.scripts[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page


def test_counts_and_lengths_are_checked() -> None:
    x = tones(0.1, RATE)
    for count in (1, 10):
        with pytest.raises(InputError, match=f"{count} versions; a page compares 2 to 9"):
            listening_page([Recording("r", RATE, (Version("Original", x),) * count)])
    with pytest.raises(ValueError, match="differ in length"):
        listening_page([Recording("r", RATE, (Version("Original", x), Version("short", x[:-1])))])
    with pytest.raises(ValueError, match="needs a recording"):
        listening_page([])


@pytest.mark.parametrize("container", ["WAV", "MP3"])  # MP3 states no length
def test_excerpts(tmp_path: Path, container: str) -> None:
    path = tmp_path / "long.audio"
    soundfile.write(path, tones(33, RATE), RATE, format=container)
    whole, _ = soundfile.read(path, dtype="float32", always_2d=True)
    first = read_excerpt(path)
    assert (first.seconds, first.start, first.file_seconds) == (30, 0, pytest.approx(len(whole) / RATE))
    assert first.notes[-1] == f"{path} is long: the page has 30 s of it; choose others with `start`, `duration`"
    part = read_excerpt(path, 32, 10)
    np.testing.assert_allclose(part.audio, whole[32 * RATE :], atol=1e-5)  # the MP3 decoder varies with its blocks
    assert part.notes == ()
    with pytest.raises(InputError, match=r"has nothing after 40 s: it lasts 33\.\d\d s; choose another `start`"):
        read_excerpt(path, 40)
    with pytest.raises(InputError, match="at most 300 s; choose a shorter `duration`"):
        read_excerpt(path, 0, 301)
    soundfile.write(tmp_path / "wide.wav", tones(0.1, RATE, channels=3), RATE)
    with pytest.raises(InputError, match="has 3 channels, a listening page plays 1 or 2"):
        read_excerpt(tmp_path / "wide.wav")


def test_files_are_fitted_to_the_original(tmp_path: Path) -> None:
    x = tones(3, RATE)
    original = Excerpt("x.wav", x[RATE : 2 * RATE], RATE, 1.0, 3.0, ())
    from swc.audio import resample

    soundfile.write(tmp_path / "other.wav", resample(x, RATE, 24000), 24000, "FLOAT")
    same = from_file(str(tmp_path / "other.wav"), original, "other")
    assert same.note == ""
    assert same.kbps == pytest.approx(768, rel=0.01)
    assert np.abs(same.audio[500:-500] - original.audio[500:-500]).max() < 0.01
    soundfile.write(tmp_path / "short.wav", np.repeat(x[: RATE + 400], 2, 1), RATE, "FLOAT")
    short = from_file(str(tmp_path / "short.wav"), original, "short")
    assert short.note == "1.975 s shorter than the original, stereo, unlike the original"
    assert short.audio.shape == (RATE, 2)
    assert np.array_equal(short.audio[:400, :1], original.audio[:400])
    assert not short.audio[400:].any()
    playback = match_levels([Version("Original", original.audio), short], RATE)[1]
    assert playback.gain_db == pytest.approx(0, abs=0.01)  # it is as loud while it lasts


def test_coded_versions_and_streams(tiny_bundle: Path, tmp_path: Path) -> None:
    codec = Codec.load(tiny_bundle)
    x = tones(3, RATE)
    stream = codec.encode(x, RATE, kbps=2)
    version = coded(codec, excerpt(x), 2)
    assert (version.name, version.audio.shape) == ("swc 2", x.shape)
    assert version.kbps == pytest.approx(stream.kbps)
    assert np.array_equal(version.audio, codec.decode(stream))
    stream.save(tmp_path / "x.swc")
    part = Excerpt("x.wav", x[RATE : 2 * RATE], RATE, 1.0, 3.0, ())
    same = from_stream(codec, str(tmp_path / "x.swc"), part, "x.swc")
    assert (same.name, same.note) == ("x.swc", "")
    assert same.kbps == pytest.approx(stream.kbps)
    assert np.array_equal(same.audio, version.audio[RATE : 2 * RATE])
    with pytest.raises(InputError, match=r"the stream ends after 3\.00 s"):
        from_stream(codec, str(tmp_path / "x.swc"), excerpt(x, 5.0), "x.swc")
    assert Stream.load(tmp_path / "x.swc").duration == 3


@pytest.mark.parametrize("channels", [1, 2])
def test_opus_of_a_given_rate(channels: int) -> None:
    pytest.importorskip("av")
    x = tones(4, RATE, channels=channels)
    low, high = opus(excerpt(x), 12), opus(excerpt(x), 64)
    assert (low.name, low.audio.shape, high.audio.shape) == ("Opus 12", x.shape, x.shape)
    assert low.kbps == pytest.approx(12, rel=0.1)
    assert high.kbps == pytest.approx(64, rel=0.1)
    noise = [float(((version.audio - x) ** 2).sum() / (x**2).sum()) for version in (low, high)]
    assert noise[1] < 0.02
    assert noise[1] < noise[0]
    with pytest.raises(InputError, match=r"Opus takes 6 to \d+ kbit/s for . channel\(s\), not 5"):
        opus(excerpt(x), 5)


def test_without_pyav_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"needs the package 'av'; install it with: pip install 'swc-codec\[av\]'"):
        opus(excerpt(tones(0.5, RATE)), 12)
